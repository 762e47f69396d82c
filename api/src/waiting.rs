//! `…/dagRuns/{run_id}/waiting`: why things do not run. flowctl's own; Airflow has nothing like it.

use model::why::{RunWaiting, Waiting};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a run and its task instances wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagRunWaiting {
    /// What the run waits for, when it is queued.
    #[schema(value_type = Option<Object>)]
    pub dag_run: Option<RunWaiting>,
    /// The same as a sentence.
    pub reason: Option<String>,
    /// Those of its task instances that wait, and those that ended for a reason worth telling.
    pub task_instances: Vec<TaskInstanceWaiting>,
}

/// Why a task instance is not running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstanceWaiting {
    /// Its task.
    pub task_id: String,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// What it waits for; null when it has ended.
    #[schema(value_type = Option<Object>)]
    pub waiting: Option<Waiting>,
    /// The same as a sentence; for what has ended, why it ended so.
    pub reason: String,
}
