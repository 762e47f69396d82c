//! Pools that a file names, checked by whoever knows which there are.

use super::node::Place;
use super::problems::{Problems, did_you_mean};
use super::{Parsed, Problem};
use crate::pool::DEFAULT_POOL;

/// A pool's name, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUse {
    /// The name.
    pub pool: String,
    pub(super) at: Place,
}

impl Parsed {
    /// The pools that its tasks use, besides the default one, each once.
    pub fn pool_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.pools.iter().map(|named| named.pool.as_str()).collect();
        names.retain(|name| *name != DEFAULT_POOL);
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What is wrong with a file that names pools which are not among the `known`. `source` is its text.
pub fn unknown(parsed: &Parsed, source: &str, known: &[String]) -> Vec<Problem> {
    let mut problems = Problems::default();
    let names = || known.iter().map(String::as_str).chain([DEFAULT_POOL]);
    for named in &parsed.pools {
        if names().any(|name| name == named.pool) {
            continue;
        }
        let help = did_you_mean(&named.pool, names())
            .unwrap_or_else(|| format!("`flowctl pools set {} SLOTS` makes one", shell_word(&named.pool)));
        problems.error_with_help(named.at, format!("there is no pool `{}`", named.pool), Some(help));
    }
    problems.finish(source)
}

fn shell_word(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if is_plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
