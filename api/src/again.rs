//! Marking task instances, running a run again, disabling tasks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The end that somebody says a task instance has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PatchTaskInstanceBody {
    /// success, failed or skipped; null or absent: its state stays.
    pub new_state: Option<String>,
    /// A remark; an empty one takes it away; null or absent: it stays.
    #[schema(max_length = 1000)]
    pub note: Option<String>,
    /// And what it depends on.
    pub include_upstream: bool,
    /// And what depends on it.
    pub include_downstream: bool,
    /// And the same in runs of later logical dates.
    pub include_future: bool,
    /// And the same in runs of earlier logical dates.
    pub include_past: bool,
}

/// How a run runs again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RerunBody {
    /// Keys of its conf that change; null takes one away.
    pub conf: Map<String, Value>,
    /// With the DAG's newest version; else with the one that it started with.
    pub run_on_latest_version: bool,
}

/// A task that is skipped when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisabledTask {
    /// The task.
    pub task_id: String,
    /// In this run; null: in all, until further notice.
    pub dag_run_id: Option<String>,
    /// Who disabled it.
    pub disabled_by: String,
    /// When.
    pub disabled_at: Timestamp,
}

/// All of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisabledTaskCollection {
    /// The entries.
    pub disabled_tasks: Vec<DisabledTask>,
    /// How many.
    pub total_entries: u64,
}

/// A task that is to be skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableTaskBody {
    /// The task.
    pub task_id: String,
    /// In this run; null or absent: in all, until further notice.
    #[serde(default)]
    pub dag_run_id: Option<String>,
}
