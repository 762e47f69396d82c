//! Keys of a task that say what its failures, its scope and its past mean.

use regex::Regex;

use super::keys;
use super::node::{Mapping, Node, Value};
use super::problems::Problems;
use super::read;
use crate::dag::{FailOn, RetryOn, Task, Teardown};
use crate::trigger_rule::TriggerRule;

/// The factor that `retry_exponential_backoff: true` stands for, as in Airflow.
const DOUBLING: f64 = 2.0;

/// `true`, `false`, or the factor by which the delay grows.
pub(super) fn back_off(node: &Node, problems: &mut Problems) -> Option<f64> {
    match &node.value {
        Value::Bool(flag) => flag.then_some(DOUBLING),
        Value::Number(number) => {
            let factor = number.as_f64().unwrap_or(0.0);
            // Airflow: 0 is a delay that stays the same.
            if factor != 0.0 && !(1.0..=1000.0).contains(&factor) {
                let message =
                    format!("`retry_exponential_backoff` must be true, false or a factor from 1 to 1000, not {number}");
                problems.error(node.at, message);
            }
            (factor > 1.0).then_some(factor)
        }
        _ => {
            problems.wrong_kind(node, "retry_exponential_backoff", "true, false or a factor");
            None
        }
    }
}

/// `retry_on`: which failures are tried again.
pub(super) fn retry_on(node: &Node, problems: &mut Problems) -> Option<RetryOn> {
    let mut policy = RetryOn::default();
    let entries = read::mapping(node, "retry_on", problems)?;
    for (key, node) in entries {
        if read::is_to_be_read(key, node, keys::RETRY_ON, "`retry_on`", problems) {
            match key.name.as_str() {
                "exit_codes" => policy.exit_codes = exit_codes(node, problems),
                "timeout" => policy.timeout = read::flag(node, "timeout", problems).unwrap_or(false),
                _ => policy.pattern = pattern(node, problems),
            }
        }
    }
    if entries.is_empty() {
        problems.error(node.at, "`retry_on` names no failure; give it `exit_codes`, `timeout: true` or `match`");
    }
    Some(policy)
}

/// `fail_on`: which failures are never tried again.
pub(super) fn fail_on(node: &Node, problems: &mut Problems) -> Option<FailOn> {
    let mut policy = FailOn::default();
    let entries = read::mapping(node, "fail_on", problems)?;
    for (key, node) in entries {
        if read::is_to_be_read(key, node, keys::FAIL_ON, "`fail_on`", problems) {
            match key.name.as_str() {
                "exit_codes" => policy.exit_codes = exit_codes(node, problems),
                _ => policy.pattern = pattern(node, problems),
            }
        }
    }
    if entries.is_empty() {
        problems.error(node.at, "`fail_on` names no failure; give it `exit_codes` or `match`");
    }
    Some(policy)
}

/// One exit code or a list of them.
fn exit_codes(node: &Node, problems: &mut Problems) -> Vec<i32> {
    let nodes: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut codes: Vec<i32> = Vec::new();
    for node in nodes {
        match read::whole(node, "exit_codes", 1, problems) {
            Some(code) if code > 255 => {
                problems.error(node.at, format!("an exit code is between 1 and 255, not {code}"));
            }
            Some(code) => codes.push(code),
            None => {}
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn pattern(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::text(node, "match", problems)?;
    if let Err(error) = Regex::new(&text) {
        let told = error.to_string();
        let cause = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
        problems.error(node.at, format!("`match` is not a regular expression: {cause}"));
    }
    Some(text)
}

/// `teardown`: what it says of the task, and the setups that it names.
pub(super) fn teardown<'n>(task: &mut Task, node: &'n Node, problems: &mut Problems) -> Vec<(String, &'n Node)> {
    let Value::Mapping(entries) = &node.value else {
        task.teardown = read::flag(node, "teardown", problems).unwrap_or(false).then(Teardown::default);
        return Vec::new();
    };
    let mut teardown = Teardown::default();
    let mut setups = Vec::new();
    for (key, node) in entries {
        if read::is_to_be_read(key, node, keys::TEARDOWN, "`teardown`", problems) {
            if key.name == "of" {
                setups = read::texts(node, "of", problems);
            } else {
                teardown.on_failure_fail_dagrun = read::flag(node, &key.name, problems).unwrap_or(false);
            }
        }
    }
    task.teardown = Some(teardown);
    setups
}

/// What must hold between the keys of a task, once all are read. `own` is what the task itself says.
pub(super) fn settle(task: &mut Task, own: &Mapping, problems: &mut Problems) {
    if task.teardown.is_none() {
        return;
    }
    let given = |name: &str| own.iter().find(|(key, _)| key.name == name).map(|(key, _)| key.at);
    if task.setup {
        let at = given("setup").or_else(|| given("teardown"));
        problems.error(at.unwrap_or_default(), "a task is a setup or a teardown, not both");
    }
    if let Some(at) = given("trigger_rule") {
        problems.error(
            at,
            "a teardown takes no `trigger_rule`: it runs when its setup succeeded, once all between them has ended",
        );
    }
    task.trigger_rule = TriggerRule::AllDoneSetupSuccess;
}
