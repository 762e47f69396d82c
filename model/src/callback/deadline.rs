//! Deadlines: instants by which a task or a run should have finished. Missing one is told, and changes no state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Notify;
use crate::duration::Duration;
use crate::ids::{DagRunKey, TaskIndex};
use crate::state::DagRunType;

/// When something should have finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// From when the time is counted.
    pub after: Since,
    /// How much of it there is.
    pub by: Duration,
    /// What is said when it is missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Notify>,
}

/// From when the time of a deadline is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// The run's logical date; of a run without one, the time for which it was asked.
    LogicalDate,
    /// When the run was created or cleared, or the task's newest attempt got a slot.
    QueuedAt,
    /// When the run or the task's newest attempt started.
    Start,
}

impl Since {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LogicalDate, Self::QueuedAt, Self::Start];

    /// As files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogicalDate => "logical_date",
            Self::QueuedAt => "queued_at",
            Self::Start => "start",
        }
    }
}

/// What is known of a run's times, for its own deadline and for those of its tasks that are counted from its logical
/// date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Why it exists.
    pub run_type: DagRunType,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// When it was created or last cleared.
    pub queued_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Whether a person changed it since it was created.
    pub is_changed: bool,
}

impl Deadline {
    /// When a run has missed it; none: not yet known, or nobody waits for it.
    ///
    /// A logical date may be long past. For a run that the schedule made, late is late. One that somebody asked for (by
    /// hand, by a backfill, by a clear) after its time was over was not expected by then.
    pub fn of_run(&self, times: &Times) -> Option<Timestamp> {
        match self.after {
            Since::LogicalDate => {
                let at = self.from(times.logical_date.unwrap_or(times.run_after))?;
                let is_by_itself = matches!(times.run_type, DagRunType::Scheduled | DagRunType::AssetTriggered);
                ((is_by_itself && !times.is_changed) || at > times.queued_at).then_some(at)
            }
            Since::QueuedAt => self.from(times.queued_at),
            Since::Start => self.from(times.started_at?),
        }
    }

    /// When an attempt that was queued and started then has missed it. One that is counted from the logical date is the
    /// same for all instances of the task: see [`Self::of_run`].
    pub fn of_attempt(&self, queued_at: Option<Timestamp>, started_at: Option<Timestamp>) -> Option<Timestamp> {
        match self.after {
            Since::LogicalDate => None,
            Since::QueuedAt => self.from(queued_at?),
            Since::Start => self.from(started_at?),
        }
    }

    fn from(&self, at: Timestamp) -> Option<Timestamp> {
        at.checked_add(self.by.absolute()).ok()
    }
}

/// A deadline that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedDeadline {
    /// The run.
    pub dag_run: DagRunKey,
    /// The task; none: the run itself.
    pub task: Option<TaskIndex>,
    /// The task's id; empty for the run. Part of its key: a position may be another task's in another version.
    pub task_id: String,
    /// Which element of a mapped task.
    pub map_index: i32,
    /// When it passed; part of its key, so that each instant is missed once.
    pub due_at: Timestamp,
    /// When that was noticed.
    pub missed_at: Timestamp,
}
