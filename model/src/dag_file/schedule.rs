//! `schedule`: what is accepted today, and what is named as not supported yet.

use std::str::FromStr;

use croner::parser::{CronParser, Seconds};

use super::node::{Node, Value};
use super::problems::Problems;
use crate::dag::Schedule;
use crate::duration::Duration;

/// Presets and what they stand for, as in Airflow.
const PRESETS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@quarterly", "0 0 1 */3 *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Reads the value of `schedule`.
pub(super) fn schedule(node: &Node, problems: &mut Problems) -> Option<Schedule> {
    match &node.value {
        Value::Null => Some(Schedule::None),
        Value::Text(text) => from_text(text.trim(), node, problems),
        Value::Number(number) => every(&number.to_string(), node, problems),
        Value::List(_) => {
            problems.not_yet(node.at, "a list of schedules");
            None
        }
        Value::Mapping(entries) => {
            let known = ["cron", "interval", "at", "assets", "partition"];
            for (key, _) in entries {
                if known.contains(&key.name.as_str()) {
                    problems.not_yet(key.at, &format!("`{}` in `schedule`", key.name));
                } else {
                    problems.unknown_key(key, "`schedule`", known.into_iter());
                }
            }
            if entries.is_empty() {
                problems.wrong_kind(node, "schedule", "a cron expression, a preset, a duration or null");
            }
            None
        }
        Value::Bool(_) => {
            problems.wrong_kind(node, "schedule", "a cron expression, a preset, a duration or null");
            None
        }
    }
}

fn from_text(text: &str, node: &Node, problems: &mut Problems) -> Option<Schedule> {
    if text.starts_with('@') {
        return preset(text, node, problems);
    }
    match text.split_whitespace().count() {
        0 => {
            problems.error(
                node.at,
                "`schedule` is empty; leave it out (or write null) for a DAG that runs only by trigger",
            );
            None
        }
        1 => every(text, node, problems),
        6 if CronParser::builder().seconds(Seconds::Required).build().parse(text).is_ok() => {
            problems.not_yet(node.at, "cron with seconds (six fields)");
            None
        }
        _ => cron(text, node, problems),
    }
}

fn preset(text: &str, node: &Node, problems: &mut Problems) -> Option<Schedule> {
    if matches!(text, "@once" | "@continuous") {
        problems.not_yet(node.at, &format!("`{text}`"));
        return None;
    }
    if let Some((_, expression)) = PRESETS.iter().find(|(name, _)| *name == text) {
        return Some(Schedule::Cron { expression: (*expression).to_owned(), text: text.to_owned() });
    }
    let help = super::problems::did_you_mean(text, PRESETS.iter().map(|(name, _)| *name));
    problems.error_with_help(node.at, format!("`{text}` is not a preset of `schedule`"), help);
    None
}

fn cron(text: &str, node: &Node, problems: &mut Problems) -> Option<Schedule> {
    match CronParser::builder().seconds(Seconds::Disallowed).build().parse(text) {
        Ok(_) => Some(Schedule::Cron { expression: text.to_owned(), text: text.to_owned() }),
        Err(error) => {
            let why = error.to_string();
            problems.error(node.at, format!("`{text}` is not a cron expression: {}", why.trim_end_matches('.')));
            None
        }
    }
}

fn every(text: &str, node: &Node, problems: &mut Problems) -> Option<Schedule> {
    match Duration::from_str(text) {
        Ok(interval) if interval.is_zero() => {
            problems.error(node.at, "the interval of `schedule` must be longer than nothing");
            None
        }
        Ok(interval) => Some(Schedule::Every { interval, text: text.to_owned() }),
        Err(_) => {
            let message = format!(
                "`{text}` is not a schedule; write a cron expression of five fields, a preset such as `@daily`, a duration such as `1d`, or null"
            );
            problems.error(node.at, message);
            None
        }
    }
}
