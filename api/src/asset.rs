//! `/assets` and what hangs on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An asset, who updates it and who waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub uri: String,
    /// Its group.
    pub group: String,
    /// Always empty: what a file says of an asset has fields of its own.
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
    /// When it was first named.
    pub created_at: Timestamp,
    /// When it was last updated; when it was first named, if never.
    pub updated_at: Timestamp,
    /// DAGs that run when it is updated.
    pub scheduled_dags: Vec<AssetDag>,
    /// Tasks that update it.
    pub producing_tasks: Vec<AssetTask>,
    /// Tasks that read it.
    pub consuming_tasks: Vec<AssetTask>,
    /// Always empty: there are no aliases.
    pub aliases: Vec<Value>,
    /// Always empty: there are no watchers.
    pub watchers: Vec<Value>,
    /// Its newest update.
    pub last_asset_event: Option<LastAssetEvent>,
    /// Who answers for it. flowctl's own.
    #[serde(default)]
    pub owner: Option<String>,
    /// In words. flowctl's own.
    #[serde(default)]
    pub description: Option<String>,
    /// raw, source, feature or recommendation. flowctl's own.
    #[serde(default)]
    pub layer: Option<String>,
    /// Its columns by name, in the file's order: `{"type", "description", "key", "default"}`. flowctl's own.
    #[serde(default)]
    pub schema: Value,
    /// The DAG whose file describes it. flowctl's own.
    #[serde(default)]
    pub described_by: Option<String>,
    /// It is to be updated at least so often, in seconds. flowctl's own.
    #[serde(default)]
    pub fresh_within: Option<i64>,
    /// Whether it was not updated in time; null when nobody watches. flowctl's own.
    #[serde(default)]
    pub is_overdue: Option<bool>,
    /// Since when. flowctl's own.
    #[serde(default)]
    pub overdue_since: Option<Timestamp>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetCollection {
    /// The entries.
    pub assets: Vec<Asset>,
    /// On all pages.
    pub total_entries: u64,
}

/// A DAG that runs when an asset is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetDag {
    /// The DAG.
    pub dag_id: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The same.
    pub updated_at: Timestamp,
}

/// A task that updates or reads an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetTask {
    /// Its DAG.
    pub dag_id: String,
    /// The task.
    pub task_id: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The same.
    pub updated_at: Timestamp,
}

/// The newest update of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastAssetEvent {
    /// Its number; null when it was cleaned away.
    pub id: Option<i64>,
    /// When.
    pub timestamp: Option<Timestamp>,
}

/// An update of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetEvent {
    /// Its number.
    pub id: i64,
    /// The asset.
    pub asset_id: i64,
    /// What it is.
    pub uri: String,
    /// What people call it.
    pub name: String,
    /// Its group.
    pub group: String,
    /// What whoever updated it said.
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
    /// The task that updated it; null when the event came from outside.
    pub source_task_id: Option<String>,
    /// Its DAG.
    pub source_dag_id: Option<String>,
    /// The run.
    pub source_run_id: Option<String>,
    /// Which element of a mapping; −1 when not mapped.
    pub source_map_index: i32,
    /// The runs that took it.
    pub created_dagruns: Vec<AssetEventDagRun>,
    /// When.
    pub timestamp: Timestamp,
    /// Always null: a partition is an interval here.
    pub partition_key: Option<String>,
    /// Start of the partition that was updated. flowctl's own.
    #[serde(default)]
    pub data_interval_start: Option<Timestamp>,
    /// Its end. flowctl's own.
    #[serde(default)]
    pub data_interval_end: Option<Timestamp>,
    /// Who posted it, when it came from outside. flowctl's own.
    #[serde(default)]
    pub posted_by: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetEventCollection {
    /// The entries.
    pub asset_events: Vec<AssetEvent>,
    /// On all pages.
    pub total_entries: u64,
}

/// A run that an update made due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetEventDagRun {
    /// Its name.
    pub run_id: String,
    /// Its DAG.
    pub dag_id: String,
    /// Always null for such a run.
    pub logical_date: Option<Timestamp>,
    /// When it started.
    pub start_date: Option<Timestamp>,
    /// When it ended.
    pub end_date: Option<Timestamp>,
    /// Its state.
    pub state: String,
    /// The partition, where the schedule is by interval.
    pub data_interval_start: Option<Timestamp>,
    /// Its end.
    pub data_interval_end: Option<Timestamp>,
    /// Always null.
    pub partition_key: Option<String>,
}

/// An update from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetEventBody {
    /// The asset.
    pub asset_id: i64,
    /// Whatever consumers may want to know; an object.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub extra: Map<String, Value>,
    /// Not supported: a partition is an interval here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
    /// Start of the partition that was updated, for DAGs that wait by interval. flowctl's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_start: Option<Timestamp>,
    /// Its end. flowctl's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_end: Option<Timestamp>,
}

/// Updates of an asset that wait for the next run of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedEvent {
    /// The DAG.
    pub dag_id: String,
    /// Its name, for people.
    pub dag_display_name: String,
    /// The asset.
    pub asset_id: i64,
    /// When the first of them came.
    pub created_at: Timestamp,
    /// How many they are. flowctl's own.
    #[serde(default)]
    pub events: i64,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedEventCollection {
    /// The entries.
    pub queued_events: Vec<QueuedEvent>,
    /// How many.
    pub total_entries: u64,
}
