//! Changes of several runs in one request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bulk::{OnExistence, OnNonExistence};

/// A run, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkDagRunBody {
    /// Its name.
    pub dag_run_id: String,
    /// Its DAG, where the path says `~`.
    #[serde(default)]
    pub dag_id: Option<String>,
    /// queued (clears it), success or failed (marks it).
    #[serde(default)]
    pub state: Option<String>,
    /// A remark; empty: none.
    #[serde(default)]
    pub note: Option<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DagRunName {
    /// Of the path's DAG.
    Name(String),
    /// Of any.
    Whole(BulkDagRunBody),
}

/// One kind of change of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum BulkDagRunAction {
    /// Refused: runs are triggered one by one.
    Create {
        /// Which.
        entities: Vec<DagRunName>,
        /// Without a meaning.
        #[serde(default)]
        action_on_existence: OnExistence,
    },
    /// Marks them, clears them, or sets their remarks.
    Update {
        /// Which, and what they become.
        entities: Vec<DagRunName>,
        /// Without a meaning: what is not given stays as it is.
        #[serde(default)]
        update_mask: Option<Vec<String>>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: OnNonExistence,
    },
    /// Deletes them.
    Delete {
        /// Which.
        entities: Vec<DagRunName>,
        /// When one does not exist.
        #[serde(default)]
        action_on_non_existence: OnNonExistence,
    },
}

/// The changes, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkDagRunsBody {
    /// Each goes on whatever became of those before.
    pub actions: Vec<BulkDagRunAction>,
}

/// What of several runs starts over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClearDagRunsBody {
    /// Says what would start over and changes nothing. Default: true.
    pub dry_run: bool,
    /// Only what failed or was kept from running by a failure.
    pub only_failed: bool,
    /// Only tasks that the DAG's newest version adds; not with `only_failed`.
    pub only_new: bool,
    /// The runs go on with the DAG's newest version; else with the one that they started with.
    pub run_on_latest_version: Option<bool>,
    /// A remark.
    pub note: Option<String>,
    /// Which runs; their `state` and `note` have no meaning.
    pub dag_runs: Vec<BulkDagRunBody>,
    /// Not supported: refused.
    pub partition_key: Option<String>,
    /// Not supported: refused.
    pub partition_date_start: Option<String>,
    /// Not supported: refused.
    pub partition_date_end: Option<String>,
}

impl Default for ClearDagRunsBody {
    fn default() -> Self {
        Self {
            dry_run: true,
            only_failed: false,
            only_new: false,
            run_on_latest_version: None,
            note: None,
            dag_runs: Vec::new(),
            partition_key: None,
            partition_date_start: None,
            partition_date_end: None,
        }
    }
}
