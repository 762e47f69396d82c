//! `schedule`: when a DAG runs by itself.

use std::str::FromStr;

use jiff::tz::TimeZone;

use super::assets::Catalogue;
use super::node::{Key, Mapping, Node, Value};
use super::problems::Problems;
use super::{dates, read};
use crate::asset::due::AssetSchedule;
use crate::dag::{CronPoints, Schedule};
use crate::duration::Duration;
use crate::timetable;

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

/// Keys of a schedule that is a mapping.
pub(super) const KEYS: [&str; 5] = ["cron", "interval", "at", "assets", "partition"];

/// What the value may be, for whoever wrote something else.
const EXPECTED: &str = "a cron expression, a preset, a duration, a list of cron expressions, a mapping or null";

/// Reads the value of `schedule`; dates without an offset are in `zone`, names of assets are those of the `catalogue`.
pub(super) fn schedule(
    node: &Node,
    zone: &TimeZone,
    catalogue: &mut Catalogue,
    problems: &mut Problems,
) -> Option<Schedule> {
    match &node.value {
        Value::Null => Some(Schedule::None),
        Value::Text(text) => from_text(text.trim(), node, problems),
        Value::Number(number) => every(&number.to_string(), node, problems),
        Value::List(items) => crons(items, node, problems),
        Value::Mapping(entries) => from_mapping(entries, node, zone, catalogue, problems),
        Value::Bool(_) => {
            problems.wrong_kind(node, "schedule", EXPECTED);
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
        _ => cron(text, node, problems).map(|text| Schedule::Cron { expression: text.clone(), text }),
    }
}

fn preset(text: &str, node: &Node, problems: &mut Problems) -> Option<Schedule> {
    match text {
        "@once" => return Some(Schedule::Once),
        "@continuous" => return Some(Schedule::Continuous),
        _ => {}
    }
    if let Some((_, expression)) = PRESETS.iter().find(|(name, _)| *name == text) {
        return Some(Schedule::Cron { expression: (*expression).to_owned(), text: text.to_owned() });
    }
    let names = PRESETS.iter().map(|(name, _)| *name).chain(["@once", "@continuous"]);
    let help = super::problems::did_you_mean(text, names);
    problems.error_with_help(node.at, format!("`{text}` is not a preset of `schedule`"), help);
    None
}

/// A cron expression; a preset that stands for one is one, too.
fn cron(text: &str, node: &Node, problems: &mut Problems) -> Option<String> {
    let text = PRESETS.iter().find(|(name, _)| *name == text).map_or(text, |(_, expression)| expression);
    match timetable::is_cron(text) {
        Ok(()) => Some(text.to_owned()),
        Err(error) => {
            problems.error(node.at, error.to_string());
            None
        }
    }
}

fn crons(items: &[Node], node: &Node, problems: &mut Problems) -> Option<Schedule> {
    if items.is_empty() {
        problems.error(node.at, "a list of cron expressions needs at least one");
        return None;
    }
    let mut expressions: Vec<String> = Vec::new();
    let mut is_good = true;
    for item in items {
        let text = read::text(item, "schedule", problems);
        match text.and_then(|text| cron(text.trim(), item, problems)) {
            Some(expression) if expressions.contains(&expression) => {
                problems.error(item.at, format!("`{expression}` is in the list twice"));
                is_good = false;
            }
            Some(expression) => expressions.push(expression),
            None => is_good = false,
        }
    }
    is_good.then_some(Schedule::Crons { expressions })
}

fn from_mapping(
    entries: &Mapping,
    node: &Node,
    zone: &TimeZone,
    catalogue: &mut Catalogue,
    problems: &mut Problems,
) -> Option<Schedule> {
    let find = |name: &str| entries.iter().find(|(key, _)| key.name == name);
    let mut is_good = true;
    for (key, _) in entries {
        if !KEYS.contains(&key.name.as_str()) {
            problems.unknown_key(key, "`schedule`", KEYS.into_iter());
            is_good = false;
        }
    }
    if !is_good {
        return None;
    }
    if let Some((_, condition)) = find("assets") {
        return over_assets(condition, &find, catalogue, problems);
    }
    if let Some((key, _)) = find("partition") {
        problems.error(key.at, "`partition` in `schedule` belongs to `assets`");
        return None;
    }
    match (find("cron"), find("at"), find("interval")) {
        (Some((_, cron)), None, interval) => cron_trigger(cron, interval.map(|(_, node)| node), problems),
        (None, Some((_, at)), None) => instants(at, zone, problems),
        (Some(_), Some((key, _)), _) => {
            problems.error(key.at, "a schedule has `cron` or `at`, not both");
            None
        }
        (None, _, Some((key, _))) => {
            problems.error(key.at, "`interval` in `schedule` belongs to a `cron`");
            None
        }
        (None, None, None) => {
            problems.wrong_kind(node, "schedule", EXPECTED);
            None
        }
    }
}

fn over_assets<'n>(
    condition: &Node,
    find: &impl Fn(&str) -> Option<&'n (Key, Node)>,
    catalogue: &mut Catalogue,
    problems: &mut Problems,
) -> Option<Schedule> {
    let condition = catalogue.condition(condition, problems);
    if let Some((key, _)) = find("at") {
        problems.error(key.at, "a schedule over assets may have a `cron` beside them, not `at`");
        return None;
    }
    let by_interval = match find("partition") {
        Some((_, node)) => partition(node, problems)?,
        None => false,
    };
    let cron = match (find("cron"), find("interval")) {
        (Some((_, cron)), interval) => Some(cron_points(cron, interval.map(|(_, node)| node), problems)?),
        (None, Some((key, _))) => {
            problems.error(key.at, "`interval` in `schedule` belongs to a `cron`");
            return None;
        }
        (None, None) => None,
    };
    Some(Schedule::Assets { assets: AssetSchedule { condition: condition?, by_interval }, cron })
}

fn partition(node: &Node, problems: &mut Problems) -> Option<bool> {
    let text = read::text(node, "schedule.partition", problems)?;
    if text != "interval" {
        problems.error(node.at, format!("`partition` must be `interval`, not `{text}`"));
    }
    (text == "interval").then_some(true)
}

fn cron_trigger(expression: &Node, interval: Option<&Node>, problems: &mut Problems) -> Option<Schedule> {
    let CronPoints { expression, interval } = cron_points(expression, interval, problems)?;
    Some(Schedule::CronTrigger { expression, interval })
}

fn cron_points(expression: &Node, interval: Option<&Node>, problems: &mut Problems) -> Option<CronPoints> {
    let text = read::text(expression, "schedule.cron", problems);
    let expression = text.and_then(|text| cron(text.trim(), expression, problems));
    let interval = match interval {
        Some(node) => read::duration(node, "schedule.interval", problems),
        None => Some(Duration::default()),
    };
    Some(CronPoints { expression: expression?, interval: interval? })
}

fn instants(node: &Node, zone: &TimeZone, problems: &mut Problems) -> Option<Schedule> {
    let items = read::list(node, "schedule.at", problems);
    if let Value::List(items) = &node.value
        && items.is_empty()
    {
        problems.error(node.at, "`at` needs at least one time");
    }
    let read: Vec<_> = items.iter().map(|item| dates::instant(item, "schedule.at", zone, problems)).collect();
    let mut instants: Vec<_> = read.iter().flatten().copied().collect();
    instants.sort_unstable();
    instants.dedup();
    (!instants.is_empty() && read.iter().all(Option::is_some)).then_some(Schedule::At { instants })
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
