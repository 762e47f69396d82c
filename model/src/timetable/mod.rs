//! When a DAG runs by itself, and which data interval a run covers.
//!
//! Every schedule is an endless row of instants, its *ticks*; a run covers the span between two consecutive ones and
//! is due when the later has come (Airflow's `CronDataIntervalTimetable` and `DeltaDataIntervalTimetable`).
//! [`cron`] and [`every`] know where the ticks are; this module knows which span comes next:
//! * none before the first tick at or after `start_date`, none whose start lies after `end_date`;
//! * with `catchup`, each one after the last run; without, what was missed is left out but for the newest finished;
//! * a DAG without `start_date` starts with the span that is current when it is first seen, so that dropping a file
//!   into the folder does not run something at once.

mod cron;
mod describe;
mod every;
mod zone;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::dag::{Dag, Schedule};
use crate::dag_run::DataInterval;
use cron::Cron;
pub use describe::describe;
use every::Every;

/// A schedule that cannot be used; the message says why and names the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimetableError(pub String);

/// A run that is due at `run_after`. Its logical date is the start of its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// What it covers.
    pub data_interval: DataInterval,
    /// When it may be created.
    pub run_after: Timestamp,
}

/// The compiled schedule of one DAG version.
#[derive(Debug, Clone)]
pub struct Timetable {
    ticks: Ticks,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    catchup: bool,
    known_since: Option<Timestamp>,
    description: String,
}

/// Where the ticks of a schedule are.
#[derive(Debug, Clone)]
enum Ticks {
    Never,
    Cron(Cron),
    Every(Every),
}

impl Ticks {
    /// The first tick after `at`.
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Cron(cron) => cron.after(at),
            Self::Every(every) => every.after(at),
        }
    }

    /// The last tick at or before `at`.
    fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Cron(cron) => cron.at_or_before(at),
            Self::Every(every) => every.at_or_before(at),
        }
    }

    /// The first tick at or after `at`.
    fn at_or_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.at_or_before(at).filter(|tick| *tick == at).or_else(|| self.after(at))
    }

    /// The last tick before `at`.
    fn before(&self, at: Timestamp) -> Option<Timestamp> {
        self.at_or_before(at.checked_sub(SignedDuration::from_nanos(1)).ok()?)
    }

    /// The last span that was over at `now`.
    fn finished(&self, now: Timestamp) -> Option<DataInterval> {
        let end = self.at_or_before(now)?;
        Some(DataInterval { start: self.before(end)?, end })
    }
}

/// How long after its end the first span of a DAG of which neither `start_date` nor [`Timetable::known_since`] is
/// told still counts as current: whoever waits for that end looks a little later, and must find the same span.
const FIRST_RUN_GRACE: SignedDuration = SignedDuration::from_secs(60);

impl Timetable {
    /// Compiles a DAG's schedule.
    pub fn new(dag: &Dag) -> Result<Self, TimetableError> {
        let zone = zone::zone(&dag.timezone)?;
        let ticks = match &dag.schedule {
            Schedule::None => Ticks::Never,
            Schedule::Cron { expression, .. } => Ticks::Cron(Cron::new(expression, zone)?),
            Schedule::Every { interval, text } => {
                Ticks::Every(Every::new(*interval, dag.start_date, &zone).ok_or_else(|| {
                    TimetableError(format!("the interval `{text}` is empty or longer than a schedule may be"))
                })?)
            }
        };
        Ok(Self {
            ticks,
            start_date: dag.start_date,
            end_date: dag.end_date,
            catchup: dag.catchup,
            known_since: None,
            description: describe(&dag.schedule),
        })
    }

    /// Tells since when the DAG has been known, which is where a DAG without `start_date` starts: with the span that
    /// was current then, even if nobody looks until long after that span's end. It does not matter otherwise.
    pub fn known_since(mut self, at: Timestamp) -> Self {
        self.known_since = Some(at);
        self
    }

    /// The next scheduled run, given the interval of the last one (none before the first) and the time. It may lie
    /// in the future (`run_after > now`): ask again then. None: never again.
    pub fn next(&self, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        let earliest = match (self.start_date, last) {
            (Some(start_date), _) => Some(self.ticks.at_or_after(start_date)?),
            (None, None) => Some(self.first_start(now)?),
            (None, Some(_)) => None,
        };
        // A schedule that was changed may have no tick at the end of the last run: the span around it is next then,
        // as in Airflow, so that nothing is left uncovered.
        let following = last.and_then(|last| self.ticks.at_or_before(last.end));
        let newest = if self.catchup { None } else { self.ticks.finished(now).map(|interval| interval.start) };
        let start = earliest.max(following).max(newest)?;
        if self.end_date.is_some_and(|end_date| start > end_date) {
            return None;
        }
        let end = self.ticks.after(start)?;
        Some(DueRun { data_interval: DataInterval { start, end }, run_after: end })
    }

    /// Where a DAG without `start_date` starts: with the span that is, or was when the DAG became known, current.
    fn first_start(&self, now: Timestamp) -> Option<Timestamp> {
        let seen = self.known_since.unwrap_or(now);
        let Some(current) = self.ticks.at_or_before(seen) else { return self.ticks.after(seen) };
        if self.known_since.is_some() {
            return Some(current);
        }
        let just_ended = self.ticks.before(current).filter(|previous| {
            let grace = FIRST_RUN_GRACE.min(previous.duration_until(current) / 10);
            current.duration_until(now) <= grace
        });
        Some(just_ended.unwrap_or(current))
    }

    /// The interval a manual run at `run_after` covers: the last one that was complete then. Without a schedule it
    /// is the instant itself.
    pub fn manual_interval(&self, run_after: Timestamp) -> DataInterval {
        self.ticks.finished(run_after).unwrap_or(DataInterval { start: run_after, end: run_after })
    }

    /// The next `n` scheduled runs, if each is created as soon as it is due: those that are overdue first.
    pub fn upcoming(&self, last: Option<DataInterval>, now: Timestamp, n: usize) -> Vec<DueRun> {
        let first = self.next(last, now);
        std::iter::successors(first, |run| self.next(Some(run.data_interval), now.max(run.run_after))).take(n).collect()
    }

    /// The schedule in a few words, for instance "At 06:00 every day".
    pub fn describe(&self) -> String {
        self.description.clone()
    }
}
