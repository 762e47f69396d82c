//! `calendar`, `overlap`, `jitter` and `catchup`: what bends a schedule.

use std::path::Path;

use jiff::civil::Date;

use super::Beside;
use super::node::{Node, Value};
use super::problems::{Problems, did_you_mean};
use super::read;
use crate::calendar::{Calendar, Weekday, ics};
use crate::dag::{Dag, Overlap};
use crate::duration::Duration;

/// Keys of `calendar`.
pub(super) const CALENDAR: [&str; 2] = ["skip", "only"];

/// Words of `overlap`.
pub(super) const OVERLAP: [&str; 3] = ["queue", "skip", "cancel_running"];

/// Words of `calendar.only`.
pub(super) const DAYS: [&str; 9] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "weekdays", "weekends"];

/// `true`, `false` or `{window: 7d}`.
pub(super) fn catchup(dag: &mut Dag, node: &Node, problems: &mut Problems) {
    let Value::Mapping(entries) = &node.value else {
        if let Value::Bool(flag) = node.value {
            dag.catchup = flag;
        } else {
            problems.wrong_kind(node, "catchup", "true, false or a mapping with `window`");
        }
        return;
    };
    for (key, node) in entries {
        if key.name == "window" {
            dag.catchup = true;
            dag.catchup_window = read::duration(node, "catchup.window", problems);
            if dag.catchup_window.is_some_and(Duration::is_zero) {
                problems.error(node.at, "the `window` of `catchup` must be longer than nothing");
            }
        } else {
            problems.unknown_key(key, "`catchup`", ["window"].into_iter());
        }
    }
    if entries.is_empty() {
        problems.wrong_kind(node, "catchup", "true, false or a mapping with `window`");
    }
}

/// What becomes of a run that is due while the one before is not finished.
pub(super) fn overlap(node: &Node, problems: &mut Problems) -> Overlap {
    let text = read::text(node, "overlap", problems).unwrap_or_default();
    match text.as_str() {
        "queue" => Overlap::Queue,
        "skip" => Overlap::Skip,
        "cancel_running" => Overlap::CancelRunning,
        _ => {
            let help = did_you_mean(&text, OVERLAP.into_iter());
            let message = format!("`overlap` must be `queue`, `skip` or `cancel_running`, not `{text}`");
            problems.error_with_help(node.at, message, help);
            Overlap::Queue
        }
    }
}

/// How much later scheduled runs may be created.
pub(super) fn jitter(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let jitter = read::duration(node, "jitter", problems)?;
    if jitter.is_zero() {
        problems.error(node.at, "`jitter` must be longer than nothing");
    }
    Some(jitter)
}

/// The days on which the schedule fires.
pub(super) fn calendar(node: &Node, beside: Beside<'_>, problems: &mut Problems) -> Option<Calendar> {
    let mut calendar = Calendar::default();
    let entries = read::mapping(node, "calendar", problems)?;
    if entries.is_empty() {
        problems.error(node.at, "`calendar` needs `skip` or `only`");
    }
    for (key, node) in entries {
        match key.name.as_str() {
            "skip" => skip(&mut calendar, node, beside, problems),
            "only" => only(&mut calendar, node, problems),
            _ => problems.unknown_key(key, "`calendar`", CALENDAR.into_iter()),
        }
    }
    Some(calendar)
}

fn skip(calendar: &mut Calendar, node: &Node, beside: Beside<'_>, problems: &mut Problems) {
    let dates = read::texts(node, "calendar.skip", problems);
    for (text, node) in dates {
        if Path::new(&text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ics")) {
            skip_file(calendar, &text, node, beside, problems);
            continue;
        }
        match text.parse::<Date>() {
            Ok(date) if text.len() == 10 => calendar.skip.push(date),
            _ => problems.error(
                node.at,
                format!("`calendar.skip` takes dates such as `2026-12-25` and names of iCalendar files such as `holidays.ics`, not `{text}`"),
            ),
        }
    }
    calendar.yearly.sort_unstable();
    calendar.yearly.dedup();
    calendar.skip.sort_unstable();
    calendar.skip.dedup();
}

fn skip_file(calendar: &mut Calendar, name: &str, node: &Node, beside: Beside<'_>, problems: &mut Problems) {
    let days = beside(name).and_then(|text| ics::days_off(&text).map_err(|error| error.to_string()));
    match days {
        Ok(days) => {
            calendar.skip.extend(days.dates);
            calendar.yearly.extend(days.yearly);
        }
        Err(error) => problems.error(node.at, format!("`{name}` beside the DAG file: {error}")),
    }
}

fn only(calendar: &mut Calendar, node: &Node, problems: &mut Problems) {
    let words = read::texts(node, "calendar.only", problems);
    if words.is_empty() {
        problems.error(node.at, "`calendar.only` needs at least one day");
    }
    for (word, node) in words {
        match word.to_ascii_lowercase().as_str() {
            "weekdays" => calendar.only.extend(&Weekday::ALL[..5]),
            "weekends" => calendar.only.extend(&Weekday::ALL[5..]),
            day => {
                if let Ok(day) = day.parse() {
                    calendar.only.push(day);
                } else {
                    let help = did_you_mean(&word, DAYS.into_iter());
                    let message = format!("`calendar.only` takes {}, not `{word}`", DAYS.join(", "));
                    problems.error_with_help(node.at, message, help);
                }
            }
        }
    }
    calendar.only.sort_unstable();
    calendar.only.dedup();
}
