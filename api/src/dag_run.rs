//! `…/dagRuns`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::TaskInstanceCollection;
use crate::dag::DagVersion;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagRun {
    /// Its name within the DAG.
    pub dag_run_id: String,
    /// The DAG.
    pub dag_id: String,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// When it was created or last cleared.
    pub queued_at: Option<Timestamp>,
    /// When it left queued.
    pub start_date: Option<Timestamp>,
    /// When it ended.
    pub end_date: Option<Timestamp>,
    /// Seconds from its start to its end.
    pub duration: Option<f64>,
    /// First instant its data covers.
    pub data_interval_start: Option<Timestamp>,
    /// First instant after what its data covers.
    pub data_interval_end: Option<Timestamp>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// Always null: decisions are made when something happens, not by looking.
    pub last_scheduling_decision: Option<Timestamp>,
    /// backfill, scheduled, manual or `asset_triggered`.
    pub run_type: String,
    /// queued, running, success or failed.
    pub state: String,
    /// timetable, `rest_api`, ui, cli or test.
    pub triggered_by: Option<String>,
    /// Who triggered it.
    pub triggering_user_name: Option<String>,
    /// What it was triggered with.
    pub conf: Option<Map<String, Value>>,
    /// A person's remark.
    pub note: Option<String>,
    /// The version it is pinned to.
    pub dag_versions: Vec<DagVersion>,
    /// Always null.
    pub bundle_version: Option<String>,
    /// The same as `dag_id`.
    pub dag_display_name: String,
    /// Always null.
    pub partition_key: Option<String>,
    /// Always null.
    pub partition_date: Option<Timestamp>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagRunCollection {
    /// The entries.
    pub dag_runs: Vec<DagRun>,
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

/// A run that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TriggerDagRunBody {
    /// Its name; default: `manual__` and the logical date.
    pub dag_run_id: Option<String>,
    /// First instant its data covers; default: what the timetable gives the logical date.
    pub data_interval_start: Option<Timestamp>,
    /// Goes with `data_interval_start`.
    pub data_interval_end: Option<Timestamp>,
    /// The date it is about; null or absent: none.
    pub logical_date: Option<Timestamp>,
    /// It does not start before; default: now.
    pub run_after: Option<Timestamp>,
    /// Laid over the DAG's params, and checked against them.
    pub conf: Option<Map<String, Value>>,
    /// A remark.
    pub note: Option<String>,
    /// Not supported: anything but null is refused.
    pub partition_key: Option<String>,
}

/// A change of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DagRunPatchBody {
    /// queued (clears it), success or failed (marks it).
    pub state: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// What of a run starts over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClearDagRunBody {
    /// Says what would start over and changes nothing. Default: true.
    pub dry_run: bool,
    /// Only what failed or was kept from running by a failure.
    pub only_failed: bool,
    /// Only tasks that the DAG's newest version adds; implies `run_on_latest_version`.
    pub only_new: bool,
    /// The run goes on with the DAG's newest version; else with the one that it started with.
    pub run_on_latest_version: Option<bool>,
    /// A remark.
    pub note: Option<String>,
}

impl Default for ClearDagRunBody {
    fn default() -> Self {
        Self { dry_run: true, only_failed: false, only_new: false, run_on_latest_version: None, note: None }
    }
}

/// What a clear of a run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ClearedDagRun {
    /// A dry run: what would start over.
    WouldClear(TaskInstanceCollection),
    /// The run, which starts over.
    Cleared(Box<DagRun>),
}

/// A line of `…/wait`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagRunWait {
    /// The run's state.
    pub state: String,
    /// With the last line, when `result` asked for tasks: their `return_value`s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<BTreeMap<String, Value>>,
}
