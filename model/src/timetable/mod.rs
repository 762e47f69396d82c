//! When a DAG runs by itself, and which data interval a run covers.
//!
//! Most schedules are a row of instants, their [`ticks`]. There are two ways to make runs of them:
//! * *spans* (a cron expression, a duration): a run covers the span between two consecutive ticks and is due when the
//!   later has come (Airflow's `CronDataIntervalTimetable` and `DeltaDataIntervalTimetable`);
//! * *points* (a list of cron expressions, `{cron, interval}`, `{at}`): a run is due at a tick and covers so much
//!   before it (`MultipleCronTriggerTimetable`, `CronTriggerTimetable`, `EventsTimetable`).
//!
//! [`cron`] and [`every`] know where the ticks are, [`Timetable::next`] which run comes next:
//! * none before the first tick at or after `start_date`, none whose first tick lies after `end_date`;
//! * with `catchup`, each one after the last run; without, what was missed is left out but for the newest finished;
//! * a DAG without `start_date` starts with the span that is current, or the first tick that comes, when it becomes
//!   known, so that dropping a file into the folder does not run something at once.

mod cron;
mod describe;
mod every;
mod jitter;
mod next;
mod ticks;
mod zone;

#[cfg(test)]
mod airflow_tests;
#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::dag::{Dag, Schedule};
use crate::dag_run::DataInterval;
use crate::duration::Duration;
use cron::Cron;
pub use describe::{describe, describe_calendar, describe_catchup};
use every::Every;
use jitter::Jitter;
use ticks::{Source, Ticks};

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

/// Whether a text is a cron expression of five fields, or of six with leading seconds; the error says what is wrong.
pub fn is_cron(expression: &str) -> Result<(), TimetableError> {
    cron::pattern(expression).map(drop)
}

/// The compiled schedule of one DAG version.
#[derive(Debug, Clone)]
pub struct Timetable {
    rhythm: Rhythm,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    catchup: Catchup,
    zone: jiff::tz::TimeZone,
    jitter: Option<Jitter>,
    known_since: Option<Timestamp>,
    description: String,
}

/// How runs follow each other.
#[derive(Debug, Clone)]
enum Rhythm {
    Never,
    /// A run covers the span between two ticks, and is due at the later.
    Spans(Ticks),
    /// A run is due at a tick, and covers `interval` before it.
    Points {
        ticks: Ticks,
        interval: Duration,
    },
    /// One run, at `start_date` or as soon as the DAG is known.
    Once,
    /// The next run as soon as the one before has ended: there is only one at a time.
    Continuous,
}

/// What becomes of runs that were missed.
#[derive(Debug, Clone, Copy)]
enum Catchup {
    /// All are made.
    All,
    /// Those within so much before now, and the newest in any case.
    Window(Duration),
    /// The newest is made.
    Newest,
}

impl Timetable {
    /// Compiles a DAG's schedule.
    pub fn new(dag: &Dag) -> Result<Self, TimetableError> {
        let zone = zone::zone(&dag.timezone)?;
        let ticks = |source| Ticks::new(source, dag.calendar.as_ref(), &zone);
        let points = |source, interval| Rhythm::Points { ticks: ticks(source), interval };
        let rhythm = match &dag.schedule {
            Schedule::None | Schedule::Assets { cron: None, .. } => Rhythm::Never,
            Schedule::Once => Rhythm::Once,
            Schedule::Continuous => Rhythm::Continuous,
            Schedule::Cron { expression, .. } => Rhythm::Spans(ticks(Source::Cron(Cron::new(expression, &zone)?))),
            Schedule::Every { interval, text } => {
                let every = Every::new(*interval, dag.start_date, &zone).ok_or_else(|| {
                    TimetableError(format!("the interval `{text}` is empty or longer than a schedule may be"))
                })?;
                Rhythm::Spans(ticks(Source::Every(every)))
            }
            Schedule::Crons { expressions } => {
                let crons = expressions.iter().map(|expression| Cron::new(expression, &zone));
                points(Source::Crons(crons.collect::<Result<_, _>>()?), Duration::default())
            }
            Schedule::CronTrigger { expression, interval } => {
                points(Source::Cron(Cron::new(expression, &zone)?), *interval)
            }
            Schedule::Assets { cron: Some(cron), .. } => {
                points(Source::Cron(Cron::new(&cron.expression, &zone)?), cron.interval)
            }
            Schedule::At { instants } => points(Source::At(instants.clone()), Duration::default()),
        };
        Ok(Self {
            rhythm,
            start_date: dag.start_date,
            end_date: dag.end_date,
            catchup: match (dag.catchup, dag.catchup_window) {
                (false, _) => Catchup::Newest,
                (true, None) => Catchup::All,
                (true, Some(window)) => Catchup::Window(window),
            },
            zone: zone.clone(),
            jitter: dag.jitter.map(|jitter| Jitter::new(&dag.dag_id, jitter)),
            known_since: None,
            description: describe(&dag.schedule),
        })
    }

    /// What [`Timetable::new`] checks, and what takes too long to check whenever a DAG is read: a calendar that leaves
    /// nothing open, and a jitter under which runs would come out of turn.
    pub fn check(dag: &Dag) -> Result<(), TimetableError> {
        let timetable = Self::new(dag)?;
        let (Rhythm::Spans(ticks) | Rhythm::Points { ticks, .. }) = &timetable.rhythm else { return Ok(()) };
        if dag.calendar.is_some() && ticks.after(jitter::SAMPLED_FROM).is_none() {
            return Err(TimetableError("the schedule never fires on a day that `calendar` leaves open".to_owned()));
        }
        let Some(jitter) = dag.jitter else { return Ok(()) };
        match jitter::shortest_wait(ticks) {
            Some(wait) if wait <= jitter.absolute() => Err(TimetableError(format!(
                "`jitter` must be shorter than the time between two runs, which may be {wait:#}"
            ))),
            _ => Ok(()),
        }
    }

    /// Tells since when the DAG has been known, which is where a DAG without `start_date` starts: with what was
    /// current then, even if nobody looks until long after. It does not matter otherwise; untold it is whenever
    /// somebody asks.
    pub fn known_since(mut self, at: Timestamp) -> Self {
        self.known_since = Some(at);
        self
    }

    /// The interval a manual run at `run_after` covers: the last one that was complete then. Where runs cover no
    /// span between two ticks, it is what a run that is due at that instant would cover.
    pub fn manual_interval(&self, run_after: Timestamp) -> DataInterval {
        let exact = DataInterval { start: run_after, end: run_after };
        match &self.rhythm {
            Rhythm::Spans(ticks) => next::finished(ticks, run_after).unwrap_or(exact),
            Rhythm::Points { interval, .. } => self.before(run_after, *interval),
            Rhythm::Never | Rhythm::Once | Rhythm::Continuous => exact,
        }
    }

    /// The next `n` scheduled runs, if each is created as soon as it is due: those that are overdue first. Of runs
    /// that follow each other's ends only the first can be told.
    pub fn upcoming(&self, last: Option<DataInterval>, now: Timestamp, n: usize) -> Vec<DueRun> {
        let first = self.next(last, now);
        let n = if matches!(self.rhythm, Rhythm::Continuous) { n.min(1) } else { n };
        std::iter::successors(first, |run| self.next(Some(run.data_interval), now.max(run.run_after))).take(n).collect()
    }

    /// The schedule in a few words, for instance "At 06:00 every day".
    pub fn describe(&self) -> String {
        self.description.clone()
    }

    /// So much before an instant; days are counted on the clock of the DAG's zone.
    fn before(&self, at: Timestamp, interval: Duration) -> DataInterval {
        DataInterval { start: zone::earlier(at, interval, &self.zone).unwrap_or(at), end: at }
    }
}
