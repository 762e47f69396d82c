//! `…/taskInstances` and `clearTaskInstances`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::dag::DagVersion;
use crate::yes;

/// A task in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstance {
    /// UUID.
    pub id: String,
    /// Its task.
    pub task_id: String,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub dag_run_id: String,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// Of its run.
    pub logical_date: Option<Timestamp>,
    /// Of its run.
    pub run_after: Timestamp,
    /// When its newest attempt started.
    pub start_date: Option<Timestamp>,
    /// When it ended.
    pub end_date: Option<Timestamp>,
    /// Seconds.
    pub duration: Option<f64>,
    /// Null: not looked at yet.
    pub state: Option<String>,
    /// Number of its newest attempt; 0 before the first.
    pub try_number: u32,
    /// How many attempts may follow the first (Airflow's meaning: `retries`, more after a clear).
    pub max_tries: u32,
    /// The same as `task_id`.
    pub task_display_name: String,
    /// The same as `dag_id`.
    pub dag_display_name: String,
    /// Where it ran.
    pub hostname: Option<String>,
    /// Always null.
    pub unixname: Option<String>,
    /// Its pool.
    pub pool: String,
    /// How many slots of it.
    pub pool_slots: u32,
    /// Its queue.
    pub queue: Option<String>,
    /// Its weight with those of all that follow it.
    pub priority_weight: Option<i32>,
    /// bash, python, …
    pub operator: Option<String>,
    /// The same.
    pub operator_name: Option<String>,
    /// When its newest attempt got a slot.
    pub queued_when: Option<Timestamp>,
    /// When its newest attempt became ready.
    pub scheduled_when: Option<Timestamp>,
    /// Process group of its newest attempt.
    pub pid: Option<i32>,
    /// Its executor.
    pub executor: Option<String>,
    /// Always `{}`.
    pub executor_config: String,
    /// A person's remark.
    pub note: Option<String>,
    /// Of a mapped task with a template for it.
    pub rendered_map_index: Option<String>,
    /// What the templates of its newest attempt became, by field, without secrets; the fields as they are in the file
    /// where none is a template. Empty in lists, and before they are rendered.
    #[schema(value_type = Object)]
    pub rendered_fields: Map<String, Value>,
    /// Always null.
    pub trigger: Option<Value>,
    /// Always null.
    pub triggerer_job: Option<Value>,
    /// The version its run is pinned to.
    pub dag_version: Option<DagVersion>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstanceCollection {
    /// The entries.
    pub task_instances: Vec<TaskInstance>,
    /// On all pages, as far as they were counted.
    pub total_entries: u64,
    /// How far they were counted: a total of as many means at least so many. Null: all were.
    #[serde(default)]
    pub total_entries_limit: Option<u64>,
    /// Pass it as `cursor` for what follows; null at the end, and of pages by `offset`.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Pass it as `cursor` for what is before; null at the beginning, and of pages by `offset`.
    #[serde(default)]
    pub previous_cursor: Option<String>,
}

impl TaskInstanceCollection {
    /// All that there are.
    pub fn whole(task_instances: Vec<TaskInstance>) -> Self {
        Self {
            total_entries: task_instances.len() as u64,
            task_instances,
            total_entries_limit: None,
            next_cursor: None,
            previous_cursor: None,
        }
    }
}

/// One attempt of a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstanceHistory {
    /// Its task.
    pub task_id: String,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub dag_run_id: String,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// When it started.
    pub start_date: Option<Timestamp>,
    /// When it ended.
    pub end_date: Option<Timestamp>,
    /// Seconds.
    pub duration: Option<f64>,
    /// How it ended, or the task instance's state for the newest one.
    pub state: Option<String>,
    /// From 1.
    pub try_number: u32,
    /// As in [`TaskInstance`].
    pub max_tries: u32,
    /// The same as `task_id`.
    pub task_display_name: String,
    /// The same as `dag_id`.
    pub dag_display_name: String,
    /// Where it ran.
    pub hostname: Option<String>,
    /// Always null.
    pub unixname: Option<String>,
    /// Its pool.
    pub pool: String,
    /// How many slots of it.
    pub pool_slots: u32,
    /// Its queue.
    pub queue: Option<String>,
    /// Its weight with those of all that follow it.
    pub priority_weight: Option<i32>,
    /// bash, python, …
    pub operator: Option<String>,
    /// The same.
    pub operator_name: Option<String>,
    /// When it got a slot.
    pub queued_when: Option<Timestamp>,
    /// When it became ready.
    pub scheduled_when: Option<Timestamp>,
    /// Its process group.
    pub pid: Option<i32>,
    /// Its executor.
    pub executor: Option<String>,
    /// Always `{}`.
    pub executor_config: String,
    /// The version its run is pinned to.
    pub dag_version: Option<DagVersion>,
    /// flowctl's own: why it ended so, in words.
    pub reason: Option<String>,
    /// flowctl's own: of its process.
    pub exit_code: Option<i32>,
}

/// All of a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstanceHistoryCollection {
    /// The entries, oldest first.
    pub task_instances: Vec<TaskInstanceHistory>,
    /// How many.
    pub total_entries: u64,
}

/// A task, or one element of a mapped one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TaskSelector {
    /// All of a task.
    Task(String),
    /// One element.
    Element(String, i32),
}

/// Which task instances start over. Defaults are Airflow's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearTaskInstancesBody {
    /// Says what would start over and changes nothing.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// Runs from this logical date on.
    #[serde(default)]
    pub start_date: Option<Timestamp>,
    /// Runs up to this logical date.
    #[serde(default)]
    pub end_date: Option<Timestamp>,
    /// Only what failed or was kept from running by a failure.
    #[serde(default = "yes")]
    pub only_failed: bool,
    /// Only what runs.
    #[serde(default)]
    pub only_running: bool,
    /// Runs that ended run again.
    #[serde(default = "yes")]
    pub reset_dag_runs: bool,
    /// These; none: all.
    #[serde(default)]
    pub task_ids: Option<Vec<TaskSelector>>,
    /// Of this run; none: of all in the range of dates.
    #[serde(default)]
    pub dag_run_id: Option<String>,
    /// And what they depend on.
    #[serde(default)]
    pub include_upstream: bool,
    /// And what depends on them.
    #[serde(default)]
    pub include_downstream: bool,
    /// And the same in later runs.
    #[serde(default)]
    pub include_future: bool,
    /// And the same in earlier runs.
    #[serde(default)]
    pub include_past: bool,
    /// The runs go on with the DAG's newest version; else with the one that each started with.
    #[serde(default)]
    pub run_on_latest_version: bool,
    /// Refuses when one of them runs.
    #[serde(default)]
    pub prevent_running_task: bool,
    /// A remark on the runs.
    #[serde(default)]
    pub note: Option<String>,
}

/// What somebody says of one of several task instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkTaskInstanceBody {
    /// success, failed or skipped; absent: its state stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_state: Option<String>,
    /// A remark; an empty one takes it away; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub note: Option<String>,
    /// And what it depends on.
    #[serde(default)]
    pub include_upstream: bool,
    /// And what depends on it.
    #[serde(default)]
    pub include_downstream: bool,
    /// And the same in runs of later logical dates.
    #[serde(default)]
    pub include_future: bool,
    /// And the same in runs of earlier logical dates.
    #[serde(default)]
    pub include_past: bool,
    /// Its task.
    pub task_id: String,
    /// Which element; null: all of the task.
    #[serde(default)]
    pub map_index: Option<i32>,
    /// Where the path says `~`.
    #[serde(default)]
    pub dag_id: Option<String>,
    /// Where the path says `~`.
    #[serde(default)]
    pub dag_run_id: Option<String>,
}

/// Names task instances that are to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TaskInstanceName {
    /// All of a task of the run in the path.
    Task(String),
    /// With everything that Airflow's clients send.
    Whole(BulkTaskInstanceBody),
}

/// Changes of several task instances, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkTaskInstancesBody {
    /// Each says whether all of it is refused when one does not exist.
    pub actions: Vec<BulkTaskInstanceAction>,
}

/// One kind of change of several task instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum BulkTaskInstanceAction {
    /// Is refused: runs make their task instances.
    Create {
        /// What.
        entities: Vec<BulkTaskInstanceBody>,
        /// Without meaning.
        #[serde(default)]
        action_on_existence: crate::OnExistence,
    },
    /// Marks them, or remarks on them.
    Update {
        /// What.
        entities: Vec<BulkTaskInstanceBody>,
        /// Names of the fields that count; all if it is not given.
        #[serde(default)]
        update_mask: Option<Vec<String>>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: crate::OnNonExistence,
    },
    /// Deletes them.
    Delete {
        /// Which.
        entities: Vec<TaskInstanceName>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: crate::OnNonExistence,
    },
}
