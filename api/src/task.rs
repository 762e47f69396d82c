//! `/dags/{dag_id}/tasks`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A length of time, as Airflow writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimeDelta {
    /// Always `TimeDelta`.
    #[serde(rename = "__type", default = "time_delta")]
    #[schema(value_type = String)]
    kind: TimeDeltaName,
    /// Whole days.
    pub days: i64,
    /// Seconds beside the days.
    pub seconds: i64,
    /// Microseconds beside the seconds.
    pub microseconds: i64,
}

/// The one name that a [`TimeDelta`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum TimeDeltaName {
    TimeDelta,
}

const fn time_delta() -> TimeDeltaName {
    TimeDeltaName::TimeDelta
}

impl From<model::duration::Duration> for TimeDelta {
    fn from(duration: model::duration::Duration) -> Self {
        let millis = i64::try_from(duration.millis).unwrap_or(i64::MAX);
        let day = 24 * 60 * 60 * 1000;
        Self {
            kind: time_delta(),
            days: i64::from(duration.days) + millis / day,
            seconds: millis % day / 1000,
            microseconds: millis % 1000 * 1000,
        }
    }
}

/// A task of a DAG's newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its full id.
    pub task_id: Option<String>,
    /// The same.
    pub task_display_name: Option<String>,
    /// Of the DAG.
    pub owner: Option<String>,
    /// Of the DAG.
    pub start_date: Option<Timestamp>,
    /// Of the DAG.
    pub end_date: Option<Timestamp>,
    /// When it may run, given how its upstreams ended.
    pub trigger_rule: Option<String>,
    /// It waits until it succeeded in the run before.
    pub depends_on_past: bool,
    /// It also waits for what follows it there.
    pub wait_for_downstream: bool,
    /// How many attempts may follow a failed first one.
    pub retries: Option<f64>,
    /// Its queue.
    pub queue: Option<String>,
    /// Its pool.
    pub pool: Option<String>,
    /// How many slots of it.
    pub pool_slots: Option<f64>,
    /// An attempt that takes longer is stopped.
    pub execution_timeout: Option<TimeDelta>,
    /// How long after a failed attempt the next one is made.
    pub retry_delay: Option<TimeDelta>,
    /// What the delay is multiplied with from one retry to the next; 0: it stays the same.
    pub retry_exponential_backoff: f64,
    /// Its own weight.
    pub priority_weight: Option<f64>,
    /// Whose weights count with its own.
    pub weight_rule: Option<String>,
    /// Always the same.
    pub ui_color: Option<String>,
    /// Always the same.
    pub ui_fgcolor: Option<String>,
    /// Keys of the DAG file whose values are templates.
    pub template_fields: Option<Vec<String>>,
    /// What directly depends on it.
    pub downstream_task_ids: Option<Vec<String>>,
    /// Markdown.
    pub doc_md: Option<String>,
    /// bash, python, …
    pub operator_name: Option<String>,
    /// Always empty: params are the DAG's.
    #[schema(value_type = Option<Object>)]
    pub params: Option<Map<String, Value>>,
    /// What it is made by: `module_path` and `class_name`.
    #[schema(value_type = Option<Object>)]
    pub class_ref: Option<Map<String, Value>>,
    /// Whether it runs once for each element of something.
    pub is_mapped: Option<bool>,
    /// Always empty.
    pub extra_links: Vec<String>,
    /// flowctl's own: the innermost group it is in.
    pub task_group_id: Option<String>,
}

/// All of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskCollection {
    /// The entries.
    pub tasks: Vec<Task>,
    /// How many.
    pub total_entries: u64,
}

/// What keeps a task instance from running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskDependency {
    /// What kind of thing, in Airflow's words where it has some.
    pub name: String,
    /// A sentence.
    pub reason: String,
}

/// All that keeps a task instance from running; none when it runs or has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskDependencyCollection {
    /// The entries.
    pub dependencies: Vec<TaskDependency>,
}
