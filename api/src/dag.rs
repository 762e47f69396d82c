//! `/dags`, `/dagSources`, `…/dagVersions`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A DAG in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dag {
    /// Its name.
    pub dag_id: String,
    /// The same.
    pub dag_display_name: String,
    /// No new run of it is created or started.
    pub is_paused: bool,
    /// Why the scheduler paused it (`max_consecutive_failed_dag_runs`); null when a person did. flowctl's own.
    #[serde(default)]
    pub pause_reason: Option<String>,
    /// No file describes it any more.
    pub is_stale: bool,
    /// When its file was last read.
    pub last_parsed_time: Option<Timestamp>,
    /// How long that took, in seconds.
    pub last_parse_duration: Option<f64>,
    /// Always null.
    pub last_expired: Option<Timestamp>,
    /// Always null: the DAG folder is the only bundle.
    pub bundle_name: Option<String>,
    /// Always null.
    pub bundle_version: Option<String>,
    /// Path of its file below the DAG folder.
    pub relative_fileloc: Option<String>,
    /// Absolute path of its file.
    pub fileloc: String,
    /// One line.
    pub description: Option<String>,
    /// Its schedule as the file says it; null when it runs only by trigger.
    pub timetable_summary: Option<String>,
    /// Its schedule in words.
    pub timetable_description: Option<String>,
    /// Always false.
    pub timetable_partitioned: bool,
    /// Whether it runs again and again by itself.
    pub timetable_periodic: bool,
    /// Its tags.
    pub tags: Vec<DagTag>,
    /// Task instances of one run that hold a slot at once.
    pub max_active_tasks: u32,
    /// Running runs at once.
    pub max_active_runs: Option<u32>,
    /// 0: it is never paused because runs failed.
    pub max_consecutive_failed_dag_runs: u32,
    /// Whether one of its tasks has a limit of its own.
    pub has_task_concurrency_limits: bool,
    /// Its file's newest content was refused; the last good version stays in force.
    pub has_import_errors: bool,
    /// Of the next scheduled run.
    pub next_dagrun_logical_date: Option<Timestamp>,
    /// Of the next scheduled run.
    pub next_dagrun_data_interval_start: Option<Timestamp>,
    /// Of the next scheduled run.
    pub next_dagrun_data_interval_end: Option<Timestamp>,
    /// When the next scheduled run is created.
    pub next_dagrun_run_after: Option<Timestamp>,
    /// Null: all types.
    pub allowed_run_types: Option<Vec<String>>,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Whether past intervals can be run.
    pub is_backfillable: bool,
    /// What `/dagSources` is about.
    pub file_token: String,
}

/// A tag of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagTag {
    /// The tag.
    pub name: String,
    /// The DAG.
    pub dag_id: String,
    /// The same.
    pub dag_display_name: String,
}

/// A page of DAGs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagCollection {
    /// The entries.
    pub dags: Vec<Dag>,
    /// On all pages.
    pub total_entries: u64,
}

/// A DAG with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagDetails {
    /// What a list says of it.
    #[serde(flatten)]
    pub dag: Dag,
    /// Whether missed intervals since `start_date` are run.
    pub catchup: bool,
    /// ISO 8601 duration.
    pub dag_run_timeout: Option<String>,
    /// Null: it is not scheduled by assets.
    pub asset_expression: Option<Value>,
    /// How far the assets are that it is scheduled by: "waits for `s3://a` (1 of 2 assets updated)". flowctl's own.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// Markdown.
    pub doc_md: Option<String>,
    /// First instant of its schedule.
    pub start_date: Option<Timestamp>,
    /// Last instant of its schedule.
    pub end_date: Option<Timestamp>,
    /// What the file says.
    pub is_paused_upon_creation: Option<bool>,
    /// Name → `{value, schema, description}`, as Airflow serialises a `Param`.
    pub params: Option<Value>,
    /// Always true: a template that is the whole value keeps its type.
    pub render_template_as_native_obj: bool,
    /// Always null.
    pub template_search_path: Option<Vec<String>>,
    /// IANA name.
    pub timezone: Option<String>,
    /// When its file was last read.
    pub last_parsed: Option<Timestamp>,
    /// The file's `default_args`.
    pub default_args: Option<Value>,
    /// Always null: what a clear pins a run to is said by the clear.
    #[serde(default)]
    pub rerun_with_latest_version: Option<bool>,
    /// Always null.
    pub owner_links: Option<Value>,
    /// Whether it is marked by who asks.
    pub is_favorite: bool,
    /// Runs that are running.
    pub active_runs_count: u64,
    /// The same as `max_active_tasks`.
    pub concurrency: u32,
    /// What new runs are pinned to.
    pub latest_dag_version: Option<DagVersion>,
}

/// A change of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DagPatchBody {
    /// Pauses or activates it.
    pub is_paused: bool,
}

/// The text of a DAG's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagSource {
    /// YAML.
    pub content: Option<String>,
    /// The DAG.
    pub dag_id: String,
    /// Which version's text it is.
    pub version_number: Option<i32>,
    /// The same as `dag_id`.
    pub dag_display_name: String,
}

/// What a DAG was from one change of its content to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagVersion {
    /// UUID.
    pub id: String,
    /// From 1.
    pub version_number: i32,
    /// The DAG.
    pub dag_id: String,
    /// Always null.
    pub bundle_name: Option<String>,
    /// Always null.
    pub bundle_version: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// The same as `dag_id`.
    pub dag_display_name: String,
    /// Always null.
    pub bundle_url: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagVersionCollection {
    /// The entries, newest first.
    pub dag_versions: Vec<DagVersion>,
    /// On all pages.
    pub total_entries: u64,
}

/// What changed from one version of a DAG to another. flowctl's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagVersionDiff {
    /// The DAG.
    pub dag_id: String,
    /// From this version.
    pub base: i32,
    /// To this one.
    pub version_number: i32,
    /// A unified diff; empty when both are the same.
    pub diff: String,
}

/// A page of the tags that DAGs have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagTagCollection {
    /// The entries.
    pub tags: Vec<String>,
    /// On all pages.
    pub total_entries: u64,
}

/// How many runs are in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagStateStats {
    /// queued, running, success or failed.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// How many runs of a DAG are in each state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagStats {
    /// The DAG.
    pub dag_id: String,
    /// The same.
    pub dag_display_name: String,
    /// Each state once.
    pub stats: Vec<DagStateStats>,
}

/// How many runs of DAGs are in each state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagStatsCollection {
    /// DAGs that have runs.
    pub dags: Vec<DagStats>,
    /// How many.
    pub total_entries: u64,
}

/// Something odd about a DAG that is in force all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagWarning {
    /// The DAG.
    pub dag_id: String,
    /// `asset conflict`, `non-existent pool` or `runtime varying value`.
    pub warning_type: String,
    /// In words.
    pub message: String,
    /// Since when.
    pub timestamp: Timestamp,
    /// The same as `dag_id`.
    pub dag_display_name: String,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagWarningCollection {
    /// The entries.
    pub dag_warnings: Vec<DagWarning>,
    /// On all pages.
    pub total_entries: u64,
}
