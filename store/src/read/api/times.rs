//! The bounds of times that lists of runs and of task instances share.

use jiff::Timestamp;

use super::{Range, Statement, and_lasts, and_within};

/// When something ran and for how long. `run_after` and `logical_date` are the run's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// When the run may start.
    pub run_after: Range<Timestamp>,
    /// The date the run is about.
    pub logical_date: Range<Timestamp>,
    /// When it (a task instance: its newest attempt) started.
    pub started_at: Range<Timestamp>,
    /// When it ended.
    pub ended_at: Range<Timestamp>,
    /// When its state last changed.
    pub updated_at: Range<Timestamp>,
    /// Seconds from its start to its end, or to now.
    pub duration: Range<f64>,
}

/// Where a statement has the times of what it lists; its run is `r`.
pub(super) struct Columns {
    pub(super) started_at: &'static str,
    pub(super) ended_at: &'static str,
    pub(super) updated_at: &'static str,
    pub(super) duration: &'static str,
}

impl Times {
    /// ` AND …` for each bound that is given.
    pub(super) fn bind(&self, statement: &mut Statement, columns: &Columns) {
        and_within(statement, "r.run_after", &self.run_after);
        and_within(statement, "r.logical_date", &self.logical_date);
        and_within(statement, columns.started_at, &self.started_at);
        and_within(statement, columns.ended_at, &self.ended_at);
        and_within(statement, columns.updated_at, &self.updated_at);
        and_lasts(statement, columns.duration, &self.duration);
    }
}
