//! The ticks of a fixed interval: a grid that goes through `start_date`, in both directions.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::zone::instant_of;
use crate::duration::Duration;

const DAY_MILLIS: i64 = 86_400_000;

/// Longer intervals (a century) are surely a mistake, and their ticks would leave the calendar.
const MAX_MILLIS: i64 = 36_525 * DAY_MILLIS;

/// The grid: tick `n` is `n` intervals after the anchor.
#[derive(Debug, Clone)]
pub(super) struct Every {
    days: i64,
    millis: i64,
    /// What the clock shows at the anchor: days are counted there, so a daily run stays at its time of day.
    anchor: DateTime,
    anchor_at: Timestamp,
    zone: TimeZone,
}

impl Every {
    /// None when the interval is empty or absurdly long. Without `start_date` the grid goes through midnight of
    /// 1 January 1970 in the DAG's zone.
    pub(super) fn new(interval: Duration, start_date: Option<Timestamp>, zone: &TimeZone) -> Option<Self> {
        let days = i64::from(interval.days);
        let millis = i64::try_from(interval.millis).ok()?;
        let length = days.checked_mul(DAY_MILLIS)?.checked_add(millis)?;
        if length == 0 || length > MAX_MILLIS {
            return None;
        }
        let midnight = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let anchor_at = match start_date {
            Some(at) => at,
            None => instant_of(midnight, zone)?,
        };
        Some(Self { days, millis, anchor: zone.to_datetime(anchor_at), anchor_at, zone: zone.clone() })
    }

    /// The first tick after `at`.
    pub(super) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut number = self.number_at(at)? + 1;
        loop {
            // Two ticks fall together where a zone left out a whole day.
            let tick = self.tick(number)?;
            if tick > at {
                return Some(tick);
            }
            number += 1;
        }
    }

    /// The last tick at or before `at`.
    pub(super) fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        self.tick(self.number_at(at)?)
    }

    /// The number of the last tick at or before `at`: guessed with days of 24 hours, then put right.
    fn number_at(&self, at: Timestamp) -> Option<i64> {
        let length = self.days * DAY_MILLIS + self.millis;
        let passed = self.anchor_at.duration_until(at).as_millis();
        let mut number = i64::try_from(passed.div_euclid(i128::from(length))).ok()?;
        while self.tick(number + 1)? <= at {
            number += 1;
        }
        while self.tick(number)? > at {
            number -= 1;
        }
        Some(number)
    }

    fn tick(&self, number: i64) -> Option<Timestamp> {
        let from = if self.days == 0 {
            self.anchor_at
        } else if number == 0 {
            // An anchor in the second pass of a fold is where it is.
            return Some(self.anchor_at);
        } else {
            let days = number.checked_mul(self.days).filter(|days| days.abs() < 7_000_000)?;
            instant_of(self.anchor.checked_add(days.days()).ok()?, &self.zone)?
        };
        from.checked_add(SignedDuration::from_millis(number.checked_mul(self.millis)?)).ok()
    }
}
