//! Time zones by name, and what their changes of the clock mean.

use std::sync::OnceLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::TimetableError;
use crate::duration::Duration;

/// The zone of an IANA name, from the database that is built in, so that every host gives the same answer.
pub(crate) fn zone(name: &str) -> Result<TimeZone, TimetableError> {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let database = DATABASE.get_or_init(TimeZoneDatabase::bundled);
    database.get(name).map_err(|_| TimetableError(format!("no time zone `{name}`; names are like `Asia/Seoul`")))
}

/// When the clock of `zone` shows `civil`: the first time if twice, the first instant after the gap if never. A later
/// `civil` never gives an earlier instant.
pub(super) fn instant_of(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
        AmbiguousOffset::Gap { before, .. } => {
            let beyond = before.to_timestamp(civil).ok()?;
            // The clock went over `civil` at the last change up to the instant that it would have been without.
            let end = beyond.checked_add(SignedDuration::from_nanos(1)).ok()?;
            return zone.preceding(end).next().map(|change| change.timestamp());
        }
    };
    offset.to_timestamp(civil).ok()
}

/// `interval` before `at`: its days on the clock of `zone`, the rest in time that passes.
pub(super) fn earlier(at: Timestamp, interval: Duration, zone: &TimeZone) -> Option<Timestamp> {
    let rest = SignedDuration::from_millis(i64::try_from(interval.millis).ok()?);
    let at = at.checked_sub(rest).ok()?;
    if interval.days == 0 {
        return Some(at);
    }
    let days = i64::from(interval.days).min(7_000_000);
    instant_of(zone.to_datetime(at).checked_sub(days.days()).ok()?, zone)
}
