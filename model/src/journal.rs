//! What the leader reads from and writes to the database, as plain data: the scheduler plans it, the store carries it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::asset::due::QueuedEvent;
use crate::asset::records::AssetUpdate;
use crate::attempt::Report;
use crate::backfill::ActiveBackfill;
use crate::callback::{CallbackRow, MissedDeadline};
use crate::dag::Dag;
use crate::dag_run::{DagRunFacts, DataInterval, NewDagRun};
use crate::ids::{AttemptToken, DagRunKey, DagVersionKey, Epoch, TaskInstanceKey};
use crate::state::{DagRunState, TaskInstanceState};
use crate::wait::WaitRow;

/// A DAG's row, as far as the leader needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct DagRow {
    /// Its name.
    pub dag_id: String,
    /// Nothing new of it is started.
    pub is_paused: bool,
    /// No file describes it any more.
    pub is_stale: bool,
    /// What new runs are pinned to.
    pub current_version: Option<DagVersionKey>,
    /// Interval of its last scheduled run, created or left out.
    pub last_interval: Option<DataInterval>,
    /// When it was first seen; none: whenever somebody asks.
    pub known_since: Option<Timestamp>,
    /// So many of its next scheduled runs are left out, because a person asked for it.
    pub skip_next: u32,
    /// Tasks that a person disabled.
    pub disabled_tasks: Vec<DisabledTask>,
    /// Its active backfill.
    pub backfill: Option<ActiveBackfill>,
    /// Updates of assets that wait for its next run.
    pub queued_events: Vec<QueuedEvent>,
}

/// A task that is skipped when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisabledTask {
    /// Its id.
    pub task_id: String,
    /// In this run; none: in all, until further notice.
    pub dag_run: Option<DagRunKey>,
    /// Who disabled it.
    pub disabled_by: String,
}

/// A DAG version.
#[derive(Debug, Clone, PartialEq)]
pub struct DagVersion {
    /// Its row.
    pub key: DagVersionKey,
    /// The DAG.
    pub dag: Arc<Dag>,
    /// Absolute path of the file it came from.
    pub fileloc: Arc<PathBuf>,
}

/// A run that is not finished (or was finished by a person since it was last read).
#[derive(Debug, Clone, PartialEq)]
pub struct DagRunRow {
    /// What never changes about it.
    pub facts: DagRunFacts,
    /// What it is pinned to.
    pub dag_version: DagVersionKey,
    /// Bumped by people's changes.
    pub version: i64,
    /// Its state.
    pub state: DagRunState,
    /// When it was created or last cleared.
    pub queued_at: Timestamp,
    /// Its task instances; empty before the leader has first seen the run.
    pub task_instances: Vec<TaskInstanceRow>,
    /// What its branches and short circuits chose.
    pub choices: Vec<ChoiceRow>,
    /// What of them waits, or waited in an attempt before.
    pub waits: Vec<WaitRow>,
}

/// What a branch or short circuit chose, as it is kept: an XCom with the key [`crate::xcom::CHOICE`].
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceRow {
    /// Who chose.
    pub task_id: String,
    /// Which element of a mapping.
    pub map_index: i32,
    /// `{"followed": [task ids]}` of a branch, `{"skipped": [task ids]}` of a short circuit.
    pub value: serde_json::Value,
}

/// A task instance's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInstanceRow {
    /// Primary key.
    pub key: TaskInstanceKey,
    /// Its state.
    pub state: TaskInstanceState,
    /// Number of its newest attempt; 0 before the first.
    pub try_number: u32,
    /// Greatest try number that may be made.
    pub max_tries: u32,
    /// Token of its newest attempt.
    pub attempt_token: Option<AttemptToken>,
    /// Process group of its newest attempt.
    pub pid: Option<i32>,
    /// When its newest attempt became ready.
    pub scheduled_at: Option<Timestamp>,
    /// When its newest attempt got a slot.
    pub queued_at: Option<Timestamp>,
    /// When its newest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// In `up_for_retry`: when the next attempt is made.
    pub retry_at: Option<Timestamp>,
}

/// What a person or the DAG processor changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its row.
    pub id: i64,
    /// A DAG to read again.
    pub dag_id: Option<String>,
    /// A run to read again.
    pub dag_run: Option<DagRunKey>,
    /// A pool that is not as it was: read all pools again.
    pub pool: Option<String>,
}

/// A report from the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxReport {
    /// Its row.
    pub id: i64,
    /// What it says.
    pub report: Report,
}

/// Everything one pass writes, in one transaction, or nothing of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Each run the batch touches, with the version it was planned from, ascending.
    pub runs: Vec<DagRunWrite>,
    /// Rows that are new: of runs seen for the first time, and of mappings that became known.
    pub inserted: Vec<TaskInstanceRow>,
    /// Rows as they are from now on.
    pub updated: Vec<TaskInstanceRow>,
    /// Rows that are no more: mapped tasks that became many.
    pub removed: Vec<TaskInstanceKey>,
    /// What elements of mapped tasks are called.
    pub map_names: Vec<(TaskInstanceKey, String)>,
    /// Attempts that ended otherwise than in success.
    pub attempts: Vec<EndedAttempt>,
    /// What recognised attempts pushed.
    pub xcoms: Vec<XComRow>,
    /// Whose XComs an earlier attempt left, by run, task id and map index; a new attempt starts without them.
    pub cleared_xcoms: Vec<(DagRunKey, String, i32)>,
    /// Inbox rows that were folded.
    pub reports: Vec<i64>,
    /// Assets that successes update.
    pub asset_updates: Vec<AssetUpdate>,
    /// DAGs that too many failures in a row pause.
    pub paused: Vec<DagPause>,
    /// Waits as they are from now on.
    pub waits: Vec<WaitRow>,
    /// What does not wait any more.
    pub ended_waits: Vec<TaskInstanceKey>,
    /// Messages about what happened.
    pub callbacks: Vec<CallbackRow>,
    /// Deadlines that passed. One that is known already is left out, with its messages.
    pub missed: Vec<MissedDeadline>,
}

/// A DAG that the scheduler pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagPause {
    /// The DAG.
    pub dag_id: String,
    /// Why, in words for a person.
    pub reason: String,
}

impl Batch {
    /// Whether there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.reports.is_empty()
    }
}

/// A run touched by a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagRunWrite {
    /// Which.
    pub key: DagRunKey,
    /// The version it was planned from; another one in the database refuses the whole batch.
    pub version: i64,
    /// Its new state, when that changes.
    pub change: Option<DagRunChange>,
}

/// A run's new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagRunChange {
    /// The state.
    pub state: DagRunState,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended so, when there is more to say than the state.
    pub reason: Option<String>,
}

/// An attempt for the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    /// The task instance.
    pub key: TaskInstanceKey,
    /// Number of the try.
    pub try_number: u32,
    /// Its token.
    pub token: Option<AttemptToken>,
    /// failed, lost, cancelled, skipped.
    pub state: &'static str,
    /// In words for a person.
    pub reason: String,
    /// Of its process.
    pub exit_code: Option<i32>,
    /// Its process group.
    pub pid: Option<i32>,
    /// When it became ready.
    pub scheduled_at: Option<Timestamp>,
    /// When it got a slot.
    pub queued_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended or was given up.
    pub ended_at: Timestamp,
}

/// An XCom to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct XComRow {
    /// The run.
    pub dag_run: DagRunKey,
    /// Who pushed it.
    pub task_id: String,
    /// Which element pushed it.
    pub map_index: i32,
    /// Its name.
    pub key: String,
    /// Any JSON.
    pub value: serde_json::Value,
}

/// A run that a timetable wants, and where that leaves the timetable.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledRun {
    /// The run.
    pub run: NewDagRun,
    /// What it is pinned to.
    pub dag_version: DagVersionKey,
    /// The interval it covers: the timetable's new cursor.
    pub data_interval: DataInterval,
}

/// A run that a timetable wants and that is left out: the timetable goes on without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRun {
    /// The DAG.
    pub dag_id: String,
    /// What the run would have covered: the timetable's new cursor.
    pub data_interval: DataInterval,
    /// When it was due.
    pub run_after: Timestamp,
    /// Why it is left out.
    pub reason: SkipReason,
}

/// Why a run is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A person asked for it. When they took that back, nothing is left out.
    Asked,
    /// The run before is not finished (`overlap: skip`).
    Overlap {
        /// That run.
        run_id: String,
    },
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked => f.write_str("somebody asked to skip it (dags skip-next)"),
            Self::Overlap { run_id } => write!(f, "`{run_id}` was not finished (overlap: skip)"),
        }
    }
}

/// When a DAG's next scheduled run is due, for people to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRun {
    /// The DAG.
    pub dag_id: String,
    /// The run's interval and the time of its creation; none when there will be none.
    pub due: Option<(DataInterval, Timestamp)>,
}

/// Why a batch was not written, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Another scheduler leads: nothing was written, and nothing more may be.
    #[error("epoch {} is over: another scheduler leads", .0.0)]
    Fenced(Epoch),
    /// Somebody changed one of the runs first: nothing was written.
    #[error("a run of the batch was changed by somebody else")]
    Conflict,
    /// The database cannot be reached or refused: nothing was written, or all of it; read again to know.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
}
