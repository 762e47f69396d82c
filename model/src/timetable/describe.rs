//! A schedule in a few words.

use crate::calendar::{Calendar, Weekday};
use crate::dag::{CronPoints, Dag, Schedule};
use crate::duration::Duration;

/// What a person reads in a list or on a page.
pub fn describe(schedule: &Schedule) -> String {
    match schedule {
        Schedule::None => "Only by trigger".to_owned(),
        Schedule::Once => "Once".to_owned(),
        Schedule::Continuous => "One run after the other".to_owned(),
        Schedule::Cron { expression, .. } => describe_cron(expression),
        Schedule::Every { interval, .. } => format!("Every {}", length(*interval)),
        Schedule::Crons { expressions } => {
            expressions.iter().map(|expression| describe_cron(expression)).collect::<Vec<_>>().join("; ")
        }
        Schedule::CronTrigger { expression, interval } if interval.is_zero() => describe_cron(expression),
        Schedule::CronTrigger { expression, interval } => {
            format!("{}, over the {} before", describe_cron(expression), length(*interval))
        }
        Schedule::Assets { assets, cron } => {
            let together = if assets.by_interval { " for the same interval" } else { "" };
            let condition = format!("When {} was updated{together}", assets.condition);
            let trigger = |cron: &CronPoints| Schedule::CronTrigger {
                expression: cron.expression.clone(),
                interval: cron.interval,
            };
            match cron {
                Some(cron) => format!("{condition}; {}", describe(&trigger(cron))),
                None => condition,
            }
        }
        Schedule::At { instants } => match instants[..] {
            [] => "Never".to_owned(),
            [only] => format!("At {only:.0}"),
            [first, .., last] => format!("At {} times from {first:.0} to {last:.0}", instants.len()),
        },
    }
}

/// What becomes of missed runs.
pub fn describe_catchup(dag: &Dag) -> String {
    match (dag.catchup, dag.catchup_window) {
        (false, _) => "no".to_owned(),
        (true, None) => "yes".to_owned(),
        (true, Some(window)) => format!("up to {} back", length(window)),
    }
}

/// The days that a calendar leaves open, in a few words.
pub fn describe_calendar(calendar: &Calendar) -> String {
    let days = match &calendar.only[..] {
        [] => "every day".to_owned(),
        only if *only == Weekday::ALL[..5] => "on weekdays".to_owned(),
        only if *only == Weekday::ALL[5..] => "on weekends".to_owned(),
        only => format!("on {}", only.iter().map(|day| day.as_str()).collect::<Vec<_>>().join(", ")),
    };
    match calendar.skip.len() + calendar.yearly.len() {
        0 => days,
        1 => format!("{days} but for 1 day"),
        skipped => format!("{days} but for {skipped} days"),
    }
}

fn describe_cron(expression: &str) -> String {
    let Ok(pattern) = super::cron::pattern(expression) else { return expression.to_owned() };
    let text = pattern.describe();
    let text = text.trim_end_matches('.').replace(", of ", " of ").replace(", in every ", ", every ");
    let text = text.strip_prefix("At every ").map_or_else(|| text.clone(), |rest| format!("Every {rest}"));
    let is_at_one_time = text.strip_prefix("At ").is_some_and(|time| time.len() == 5);
    if is_at_one_time { format!("{text} every day") } else { text }
}

/// `day`, `6 hours`, `1 hour 30 minutes`.
fn length(interval: Duration) -> String {
    let units = [(3_600_000, "hour"), (60_000, "minute"), (1000, "second"), (1, "millisecond")];
    let mut parts = vec![(u64::from(interval.days), "day")];
    let mut rest = interval.millis;
    for (size, unit) in units {
        parts.push((rest / size, unit));
        rest %= size;
    }
    parts.retain(|(count, _)| *count > 0);
    if let [(1, unit)] = parts[..] {
        return unit.to_owned();
    }
    let words = parts.iter().map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }));
    words.collect::<Vec<_>>().join(" ")
}
