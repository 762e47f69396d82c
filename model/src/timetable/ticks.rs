//! Where the ticks of a schedule are: what its expression says, without the days that the calendar closes.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;
use super::every::Every;
use super::zone::instant_of;
use crate::calendar::Calendar;

/// After so many closed days in a row a schedule has ended: nothing that people write leaves out centuries of its days.
const MOST_CLOSED: usize = 4000;

/// The ticks of a schedule.
#[derive(Debug, Clone)]
pub(super) struct Ticks {
    source: Source,
    calendar: Option<(Calendar, TimeZone)>,
}

/// What makes the ticks.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The firings of a cron expression.
    Cron(Cron),
    /// The firings of several; together ones are one.
    Crons(Vec<Cron>),
    /// A grid of a fixed length.
    Every(Every),
    /// Ascending, each once.
    At(Vec<Timestamp>),
}

impl Source {
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.after(at),
            Self::Crons(crons) => crons.iter().filter_map(|cron| cron.after(at)).min(),
            Self::Every(every) => every.after(at),
            Self::At(instants) => instants.get(instants.partition_point(|instant| *instant <= at)).copied(),
        }
    }

    fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.at_or_before(at),
            Self::Crons(crons) => crons.iter().filter_map(|cron| cron.at_or_before(at)).max(),
            Self::Every(every) => every.at_or_before(at),
            Self::At(instants) => {
                instants.partition_point(|instant| *instant <= at).checked_sub(1).map(|last| instants[last])
            }
        }
    }
}

impl Ticks {
    /// The ticks of `source` on the days that `calendar` leaves open in `zone`.
    pub(super) fn new(source: Source, calendar: Option<&Calendar>, zone: &TimeZone) -> Self {
        Self { source, calendar: calendar.map(|calendar| (calendar.clone(), zone.clone())) }
    }

    /// The first tick after `at`.
    pub(super) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut at = at;
        for _ in 0..MOST_CLOSED {
            let tick = self.source.after(at)?;
            match self.closed(tick) {
                None => return Some(tick),
                // Where the clock is set back over midnight a day comes twice, and its end may already have been.
                Some((_, end)) => at = before(end)?.max(tick),
            }
        }
        None
    }

    /// The last tick at or before `at`.
    pub(super) fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        let mut at = at;
        for _ in 0..MOST_CLOSED {
            let tick = self.source.at_or_before(at)?;
            match self.closed(tick) {
                None => return Some(tick),
                Some((start, _)) => at = before(start.min(tick))?,
            }
        }
        None
    }

    /// The first tick at or after `at`.
    pub(super) fn at_or_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.at_or_before(at).filter(|tick| *tick == at).or_else(|| self.after(at))
    }

    /// The last tick before `at`.
    pub(super) fn before(&self, at: Timestamp) -> Option<Timestamp> {
        self.at_or_before(before(at)?)
    }

    /// First instant of the day of `tick`, and of the day after it, when the calendar closes that day.
    fn closed(&self, tick: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (calendar, zone) = self.calendar.as_ref()?;
        let day = zone.to_datetime(tick).date();
        if calendar.is_open(day) {
            return None;
        }
        let midnight = |day: jiff::civil::Date| instant_of(day.at(0, 0, 0, 0), zone);
        Some((midnight(day)?, midnight(day.tomorrow().ok()?)?))
    }
}

/// The last instant before `at`.
fn before(at: Timestamp) -> Option<Timestamp> {
    at.checked_sub(SignedDuration::from_nanos(1)).ok()
}
