//! The keys of a task that say how many of it run, where, and in which order.

use super::node::Node;
use super::problems::{Problems, did_you_mean};
use super::read;
use crate::pool::{WeightRule, check_name};

/// A pool's name. Whether there is such a pool, the file alone does not say.
pub(super) fn pool(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = read::text(node, "pool", problems)?;
    match check_name(&name) {
        Ok(()) => Some(name),
        Err(error) => {
            problems.error(node.at, error.to_string());
            None
        }
    }
}

/// `downstream`, `upstream` or `absolute`.
pub(super) fn weight_rule(node: &Node, problems: &mut Problems) -> Option<WeightRule> {
    let text = read::text(node, "weight_rule", problems)?;
    let found = WeightRule::ALL.into_iter().find(|rule| rule.as_str() == text);
    if found.is_none() {
        let words = WeightRule::ALL.map(WeightRule::as_str);
        let help = did_you_mean(&text, words.into_iter());
        problems.error_with_help(node.at, format!("`{text}` is not a weight rule ({})", words.join(", ")), help);
    }
    found
}
