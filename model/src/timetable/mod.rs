//! When a DAG runs by itself, and which data interval a run covers.
use crate::dag::Dag;
use crate::dag_run::DataInterval;
use jiff::Timestamp;

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
pub struct Timetable {}

impl Timetable {
    /// Compiles a DAG's schedule.
    pub fn new(dag: &Dag) -> Result<Self, TimetableError> {
        let _ = dag;
        Ok(Self {})
    }

    /// The next scheduled run, given the interval of the last one (none before the first) and the time. It may lie
    /// in the future (`run_after > now`): ask again then. None: never again.
    pub fn next(&self, last: Option<DataInterval>, now: Timestamp) -> Option<DueRun> {
        let _ = (last, now);
        None
    }

    /// The interval a manual run at `run_after` covers: the last one that was complete then.
    pub fn manual_interval(&self, run_after: Timestamp) -> DataInterval {
        DataInterval { start: run_after, end: run_after }
    }
}
