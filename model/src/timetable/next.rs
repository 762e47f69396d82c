//! Which run comes next.

use jiff::{SignedDuration, Timestamp};

use super::ticks::Ticks;
use super::{Catchup, DueRun, Rhythm, Timetable, zone};
use crate::dag_run::DataInterval;

/// A run of an endless row covers at least so much, so that a DAG that has nothing to do is not run thousands of times
/// a second.
const SHORTEST_CONTINUOUS: SignedDuration = SignedDuration::from_secs(1);

impl Timetable {
    /// The next scheduled run, given the interval of the last one (none before the first) and the time. It may lie
    /// in the future (`run_after > now`): ask again then. None: never again.
    pub fn next(&self, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        let due = match &self.rhythm {
            Rhythm::Never => None,
            Rhythm::Spans(ticks) => self.next_span(ticks, last, now),
            Rhythm::Points { ticks, interval } => {
                let tick = self.next_point(ticks, last, now)?;
                Some(DueRun { data_interval: self.before(tick, *interval), run_after: tick })
            }
            Rhythm::Once => self.only_run(last, now),
            Rhythm::Continuous => self.next_continuous(last, now),
        }?;
        let jitter = self.jitter.as_ref().map_or(SignedDuration::ZERO, |jitter| jitter.of(due.data_interval.start));
        Some(DueRun { run_after: due.run_after.checked_add(jitter).ok()?, ..due })
    }

    /// The interval of the last run that was due before `now`, if the DAG had been known since its `start_date` (or,
    /// without one, not before now) and each run had been created when it was due.
    pub fn last_before(&self, now: Timestamp) -> Option<DataInterval> {
        let start_date = self.start_date.filter(|start_date| *start_date < now)?;
        let just_before = now.checked_sub(SignedDuration::from_nanos(1)).ok()?;
        match &self.rhythm {
            Rhythm::Never => None,
            Rhythm::Spans(ticks) => finished(ticks, just_before).filter(|interval| interval.start >= start_date),
            Rhythm::Points { ticks, interval } => {
                let tick = ticks.at_or_before(just_before).filter(|tick| *tick >= start_date)?;
                Some(self.before(tick, *interval))
            }
            Rhythm::Once => Some(DataInterval { start: start_date, end: start_date }),
            Rhythm::Continuous => Some(DataInterval { start: start_date, end: now }),
        }
    }

    fn next_span(&self, ticks: &Ticks, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        let earliest = match (self.start_date, last) {
            (Some(start_date), _) => Some(ticks.at_or_after(start_date)?),
            (None, None) => {
                let seen = self.known_since.unwrap_or(now);
                Some(ticks.at_or_before(seen).or_else(|| ticks.after(seen))?)
            }
            (None, Some(_)) => None,
        };
        // A schedule that was changed may have no tick at the end of the last run: the span around it is next then,
        // as in Airflow, so that nothing is left uncovered; but for one that starts where the last run did or before,
        // whose logical date has been.
        let following = last.and_then(|last| ticks.at_or_before(last.end));
        let newest = finished(ticks, now).map(|interval| interval.start);
        let start = earliest.max(following).max(self.not_before(ticks, newest, now))?;
        let start = if last.is_some_and(|last| start <= last.start) { ticks.after(start)? } else { start };
        if self.end_date.is_some_and(|end_date| start > end_date) {
            return None;
        }
        let end = ticks.after(start)?;
        Some(DueRun { data_interval: DataInterval { start, end }, run_after: end })
    }

    /// The next tick of a schedule whose runs are due at ticks.
    fn next_point(&self, ticks: &Ticks, last: Option<DataInterval>, now: Timestamp) -> Option<Timestamp> {
        let earliest = match (self.start_date, last) {
            (Some(start_date), _) => Some(ticks.at_or_after(start_date)?),
            (None, None) => Some(ticks.after(self.known_since.unwrap_or(now))?),
            (None, Some(_)) => None,
        };
        let following = match last {
            Some(last) => Some(ticks.after(last.end)?),
            None => None,
        };
        let newest = ticks.at_or_before(now);
        let tick = earliest.max(following).max(self.not_before(ticks, newest, now))?;
        if self.end_date.is_some_and(|end_date| tick > end_date) { None } else { Some(tick) }
    }

    /// What lies before this was missed and is left out; `newest` is the last one that is due.
    fn not_before(&self, ticks: &Ticks, newest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self.catchup {
            Catchup::All => None,
            Catchup::Newest => newest,
            Catchup::Window(window) => {
                let first = zone::earlier(now, window, &self.zone).and_then(|from| ticks.at_or_after(from));
                first.map_or(newest, |first| newest.map(|newest| newest.min(first)))
            }
        }
    }

    fn only_run(&self, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        if last.is_some() {
            return None;
        }
        let at = self.start_date.or(self.known_since).unwrap_or(now);
        if self.end_date.is_some_and(|end_date| at > end_date) {
            return None;
        }
        Some(DueRun { data_interval: DataInterval { start: at, end: at }, run_after: at })
    }

    fn next_continuous(&self, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        let start = last.map(|last| last.end).or(self.start_date).or(self.known_since).unwrap_or(now);
        let end = now.max(start.checked_add(SHORTEST_CONTINUOUS).ok()?);
        if self.end_date.is_some_and(|end_date| end > end_date) {
            return None;
        }
        Some(DueRun { data_interval: DataInterval { start, end }, run_after: end })
    }
}

/// The last span that was over at `now`.
pub(super) fn finished(ticks: &Ticks, now: Timestamp) -> Option<DataInterval> {
    let end = ticks.at_or_before(now)?;
    Some(DataInterval { start: ticks.before(end)?, end })
}
