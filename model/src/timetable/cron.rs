//! The ticks of a cron expression in a time zone.
//!
//! croner is only asked about the wall clock (a civil date and time, without a zone); what a change of the clock
//! means is decided here, for two reasons. Its own search in a zone moves or drops a firing by the *shape* of the
//! expression (`0 2,14 * * *` loses its 02:00 in a gap, `0 2 * * *` does not), and it gives up at a day that a zone
//! left out altogether (Pacific/Apia, 30 December 2011). On the wall clock there are neither gaps nor folds.

use croner::Cron as Pattern;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::TimetableError;
use super::zone::instant_of;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    pattern: Box<Pattern>,
    zone: TimeZone,
    /// The hour field leaves no hour out, so it means each hour that passes, not readings of the clock: nothing is
    /// moved out of a gap, and the hour that comes twice counts twice (Airflow's rule).
    is_every_hour: bool,
}

/// Reads an expression of five fields, or of six with leading seconds.
pub(super) fn pattern(expression: &str) -> Result<Pattern, TimetableError> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| {
        let why = error.to_string();
        TimetableError(format!("`{expression}` is not a cron expression: {}", why.trim_end_matches('.')))
    })
}

impl Cron {
    /// Compiles an expression; one that never fires is refused.
    pub(super) fn new(expression: &str, zone: &TimeZone) -> Result<Self, TimetableError> {
        let pattern = pattern(expression)?;
        let is_every_hour = (0..24).all(|hour| pattern.pattern.hour_match(hour).unwrap_or(false));
        // 29 February on a given weekday is up to 40 years away; what has not fired by then does not.
        let from = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
        if pattern.find_next_occurrence(&from, true).is_err() {
            return Err(TimetableError(format!("`{expression}` never fires: there is no such date")));
        }
        Ok(Self { pattern: Box::new(pattern), zone: zone.clone(), is_every_hour })
    }

    /// The first tick after `at`.
    pub(super) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_every_hour { self.passing_after(at) } else { self.reading_after(at) }
    }

    /// The last tick at or before `at`.
    pub(super) fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_every_hour { self.passing_at_or_before(at) } else { self.reading_at_or_before(at) }
    }

    /// For readings of the clock. A reading that comes twice may already have been: look on.
    fn reading_after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut civil = self.zone.to_datetime(at);
        loop {
            civil = self.civil_after(civil)?;
            let tick = instant_of(civil, &self.zone)?;
            if tick > at {
                return Some(tick);
            }
        }
    }

    /// In the second pass of a fold, readings later than the present one have already been, in the first.
    fn reading_at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.zone.to_datetime(at);
        let latest = match self.zone.to_ambiguous_timestamp(now).offset() {
            AmbiguousOffset::Fold { before, after } => {
                let length = i64::from(before.seconds()) - i64::from(after.seconds());
                now.checked_add(SignedDuration::from_secs(length)).ok()?
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => now,
        };
        let mut civil = self.civil_at_or_before(latest)?;
        loop {
            let tick = instant_of(civil, &self.zone)?;
            if tick <= at {
                return Some(tick);
            }
            civil = self.civil_at_or_before(civil.checked_sub(SignedDuration::from_secs(1)).ok()?)?;
        }
    }

    /// For hours that pass: within a stretch of one offset the clock and time go together, so the search goes from
    /// one change of the clock to the next.
    fn passing_after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut from = at;
        loop {
            let offset = self.zone.to_offset(from);
            let civil = offset.to_datetime(from);
            let civil = if from == at { self.civil_after(civil)? } else { self.civil_at_or_after(civil)? };
            let tick = offset.to_timestamp(civil).ok()?;
            match self.zone.following(from).next() {
                Some(change) if tick >= change.timestamp() => from = change.timestamp(),
                _ => return Some(tick),
            }
        }
    }

    fn passing_at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        let mut until = at;
        loop {
            let offset = self.zone.to_offset(until);
            let civil = self.civil_at_or_before(offset.to_datetime(until))?;
            let tick = offset.to_timestamp(civil).ok()?;
            let beyond = until.checked_add(SignedDuration::from_nanos(1)).ok()?;
            match self.zone.preceding(beyond).next() {
                Some(change) if tick < change.timestamp() => {
                    until = change.timestamp().checked_sub(SignedDuration::from_nanos(1)).ok()?;
                }
                _ => return Some(tick),
            }
        }
    }

    fn civil_after(&self, at: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&at, false).ok()
    }

    fn civil_at_or_after(&self, at: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&at, true).ok()
    }

    fn civil_at_or_before(&self, at: DateTime) -> Option<DateTime> {
        self.pattern.find_previous_occurrence(&at, true).ok()
    }
}
