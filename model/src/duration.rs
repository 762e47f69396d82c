//! Durations as people write them in DAG files.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A length of time with its calendar days kept apart, because a day of a schedule is a day on the wall clock
/// (23 to 25 hours over a change of daylight saving) while a timeout is so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Duration {
    /// Whole days (a week is seven).
    #[serde(default, skip_serializing_if = "is_zero_days")]
    pub days: u32,
    /// Milliseconds beside the days.
    #[serde(default)]
    pub millis: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero_days(days: &u32) -> bool {
    *days == 0
}

impl Duration {
    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self { days: 0, millis: secs * 1000 }
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { days: 0, millis }
    }

    /// The length with each day as 24 hours: what a timeout or a delay means.
    pub const fn absolute(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_millis((self.days as i64) * 86_400_000 + self.millis.cast_signed())
    }

    /// Nothing at all.
    pub const fn is_zero(self) -> bool {
        self.days == 0 && self.millis == 0
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write for example `90s`, `5m`, `1h30m`, `2d`, `1w`, `PT5M`, or a number of seconds")]
pub struct NotADuration(pub String);

/// Nothing in a DAG file takes longer than this; far below what arithmetic on timestamps can hold.
const MAX_DAYS: u64 = 366 * 1000;

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let parsed = match trimmed.strip_prefix('P') {
            Some(iso) => parse_iso(iso),
            None => parse_seconds(trimmed).or_else(|| parse_units(trimmed, "wdhms")),
        };
        parsed.ok_or_else(|| NotADuration(text.to_owned()))
    }
}

/// A bare number of seconds, with decimals down to the millisecond.
fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    checked(0, whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis)?)
}

/// `3W`, `1DT2H`, `T5M`: what follows the `P` of ISO 8601. Months and years have no fixed length and are refused.
fn parse_iso(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let (date, time) = match lower.split_once('t') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (lower.as_str(), ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let part = |text: &str, units| {
        if text.is_empty() { Some(Duration::default()) } else { parse_units(text, units) }
    };
    let (days, time) = (part(date, "wd")?, part(time, "hms")?);
    checked(u64::from(days.days), time.millis)
}

/// Numbers each followed by a unit, greater units first.
fn parse_units(text: &str, units: &str) -> Option<Duration> {
    let (mut days, mut millis, mut rest) = (0_u64, 0_u64, text);
    let mut units = units.chars();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let number = rest.get(..end)?.parse::<u64>().ok()?;
        let unit = rest[end..].chars().next()?;
        rest = &rest[end + unit.len_utf8()..];
        if unit == 'm' && rest.starts_with('s') && rest.len() == 1 {
            return checked(days, millis.checked_add(number)?);
        }
        units.find(|candidate| *candidate == unit)?;
        let (days_each, millis_each) = match unit {
            'w' => (7, 0),
            'd' => (1, 0),
            'h' => (0, 3_600_000),
            'm' => (0, 60_000),
            _ => (0, 1000),
        };
        days = days.checked_add(number.checked_mul(days_each)?)?;
        millis = millis.checked_add(number.checked_mul(millis_each)?)?;
    }
    checked(days, millis)
}

fn checked(days: u64, millis: u64) -> Option<Duration> {
    if days > MAX_DAYS || millis / 86_400_000 > MAX_DAYS {
        return None;
    }
    Some(Duration { days: u32::try_from(days).ok()?, millis })
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn every_notation_is_read() {
        let millis = |text: &str| text.parse::<Duration>().map(|length| (length.days, length.millis));
        assert_eq!(millis("90s"), Ok((0, 90_000)));
        assert_eq!(millis("1h30m"), Ok((0, 5_400_000)));
        assert_eq!(millis("2d"), Ok((2, 0)));
        assert_eq!(millis("1w"), Ok((7, 0)));
        assert_eq!(millis("PT5M"), Ok((0, 300_000)));
        assert_eq!(millis("P1DT2H"), Ok((1, 7_200_000)));
        assert_eq!(millis("0.5"), Ok((0, 500)));
        assert_eq!(millis("250ms"), Ok((0, 250)));
    }

    #[test]
    fn nothing_else_is_a_duration() {
        for text in ["", "5 minutes", "-5m", "P", "PT", "P1M", "P1Y", "1m1h", "99999999999999999999s", "1é", "m"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
