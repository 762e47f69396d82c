//! `…/state-store`: values beside task instances and assets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A value beside a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskState {
    /// Its name.
    pub key: String,
    /// Itself.
    pub value: Value,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// From then on it is not there any more; null: it stays as long as the run.
    pub expires_at: Option<Timestamp>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskStateCollection {
    /// The entries, by key.
    pub task_state_store: Vec<TaskState>,
    /// On all pages.
    pub total_entries: u64,
}

/// A value to be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskStateBody {
    /// Anything but null.
    pub value: Value,
    /// A time; `default` (as if it were absent): in 30 days; null: never.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Option<String>>,
}

/// A value to be changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskStatePatchBody {
    /// Anything but null.
    pub value: Value,
}

/// Who set a value of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetStateWriter {
    /// Always `api`.
    pub kind: String,
    /// Always null.
    pub dag_id: Option<String>,
    /// Always null.
    pub run_id: Option<String>,
    /// Always null.
    pub task_id: Option<String>,
    /// Always null.
    pub map_index: Option<i32>,
}

/// A value beside an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetState {
    /// Its name.
    pub key: String,
    /// Itself.
    pub value: Value,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// By whom.
    pub last_updated_by: Option<AssetStateWriter>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetStateCollection {
    /// The entries, by key.
    pub asset_state_store: Vec<AssetState>,
    /// On all pages.
    pub total_entries: u64,
}

/// A value to be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetStateBody {
    /// Anything but null.
    pub value: Value,
}
