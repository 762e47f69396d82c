//! A schedule in a few words.

use crate::dag::Schedule;
use crate::duration::Duration;

/// What a person reads in a list or on a page.
pub fn describe(schedule: &Schedule) -> String {
    match schedule {
        Schedule::None => "Only by trigger".to_owned(),
        Schedule::Cron { expression, .. } => describe_cron(expression),
        Schedule::Every { interval, .. } => format!("Every {}", length(*interval)),
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
