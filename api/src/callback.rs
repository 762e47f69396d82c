//! Messages and deadlines: flowctl's own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message that a DAG file asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Its id.
    pub callback_id: i64,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub dag_run_id: String,
    /// The task; null: the run as a whole.
    pub task_id: Option<String>,
    /// Which element of a mapped task; −1 when it is not mapped.
    pub map_index: i32,
    /// The attempt that it is about; 0: none was made.
    pub try_number: i32,
    /// What happened: success, failure, retry, skipped, deadline.
    pub event: String,
    /// Over what it goes: slack, webhook, email.
    pub channel: String,
    /// Why it happened, in words.
    pub reason: Option<String>,
    /// The deadline that was missed.
    pub deadline: Option<Timestamp>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// pending, success (somebody took it), failed (given up).
    pub state: String,
    /// How often its delivery was begun.
    pub tries: i32,
    /// When it is tried next.
    pub next_try_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub end_date: Option<Timestamp>,
    /// Why its last try failed.
    pub last_error: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallbackCollection {
    /// The entries.
    pub callbacks: Vec<Callback>,
    /// On all pages.
    pub total_entries: u64,
}

/// A message with its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallbackDetails {
    /// The message.
    #[serde(flatten)]
    pub callback: Callback,
    /// Its tries, the first one first. A number that is missing was begun by a process that died.
    pub log: Vec<CallbackTry>,
}

/// One try to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallbackTry {
    /// From 1.
    pub number: i32,
    /// When it began.
    pub start_date: Timestamp,
    /// When it ended.
    pub end_date: Timestamp,
    /// What the other side said.
    pub answer: Option<String>,
    /// Why it was not delivered; null when it was.
    pub error: Option<String>,
}

/// A deadline that passed before its task or run had finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissedDeadline {
    /// The task; null: the run as a whole.
    pub task_id: Option<String>,
    /// Which element of a mapped task; −1 when it is not mapped.
    pub map_index: i32,
    /// When it passed.
    pub deadline: Timestamp,
    /// When that was noticed.
    pub missed_at: Timestamp,
}

/// Those of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissedDeadlineCollection {
    /// The entries.
    pub missed_deadlines: Vec<MissedDeadline>,
    /// How many there are.
    pub total_entries: u64,
}
