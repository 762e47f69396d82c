//! The audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventLog {
    /// Its number.
    pub event_log_id: i64,
    /// When.
    pub when: Timestamp,
    /// The DAG that it was done to.
    pub dag_id: Option<String>,
    /// The DAG's name for people.
    pub dag_display_name: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The task.
    pub task_id: Option<String>,
    /// The task's name for people.
    pub task_display_name: Option<String>,
    /// The element of a mapped task.
    pub map_index: Option<i32>,
    /// Always null: an event is about all tries.
    pub try_number: Option<i32>,
    /// What was done: the name of the operation.
    pub event: String,
    /// The date of the run, while there is such a run.
    pub logical_date: Option<Timestamp>,
    /// Who did it.
    pub owner: Option<String>,
    /// All that follows, as the text of a JSON object: where Airflow's clients look for it.
    pub extra: Option<String>,
    /// From which address; null: not over the network.
    #[serde(default)]
    pub address: Option<String>,
    /// What else it was done to, such as `pool`.
    #[serde(default)]
    pub object_type: Option<String>,
    /// Which.
    #[serde(default)]
    pub object_name: Option<String>,
    /// What it was; null: it was not there.
    #[serde(default)]
    pub before: Option<Value>,
    /// What it is now; null: it is gone.
    #[serde(default)]
    pub after: Option<Value>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventLogCollection {
    /// The entries.
    pub event_logs: Vec<EventLog>,
    /// On all pages; at most 100,000 are counted.
    pub total_entries: u64,
}
