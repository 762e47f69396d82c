//! `/backfills`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Runs of a DAG for past dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Backfill {
    /// Its number.
    pub id: i64,
    /// The DAG.
    pub dag_id: String,
    /// First logical date.
    pub from_date: Timestamp,
    /// Last logical date.
    pub to_date: Timestamp,
    /// What its runs are triggered with.
    #[serde(deserialize_with = "crate::null_as_default")]
    pub dag_run_conf: Map<String, Value>,
    /// It makes no more runs for now.
    pub is_paused: bool,
    /// none, failed or completed.
    pub reprocess_behavior: String,
    /// Its unfinished runs at once.
    pub max_active_runs: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When all its runs had ended, or it was cancelled.
    pub completed_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The same as `dag_id`.
    pub dag_display_name: String,
    /// flowctl's own: how far it is.
    #[serde(default)]
    #[schema(required)]
    pub progress: BackfillProgress,
}

/// How many dates are how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillProgress {
    /// All.
    pub total: u64,
    /// Without a run yet.
    pub pending: u64,
    /// With a run that has not ended.
    pub active: u64,
    /// With one that succeeded.
    pub success: u64,
    /// With one that failed.
    pub failed: u64,
    /// Left out, because of a run that exists or a cancel.
    pub left_out: u64,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackfillCollection {
    /// The entries.
    pub backfills: Vec<Backfill>,
    /// On all pages.
    pub total_entries: u64,
}

/// A backfill that is asked for. Defaults are Airflow's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// The DAG.
    pub dag_id: String,
    /// First logical date.
    pub from_date: Timestamp,
    /// Last logical date.
    pub to_date: Timestamp,
    /// The latest date first.
    #[serde(default)]
    pub run_backwards: bool,
    /// What its runs are triggered with.
    #[serde(default)]
    pub dag_run_conf: Option<Map<String, Value>>,
    /// What it does with runs that exist: none (leaves them), failed or completed (runs those again).
    #[serde(default = "none")]
    pub reprocess_behavior: String,
    /// Its unfinished runs at once.
    #[serde(default = "ten")]
    pub max_active_runs: u32,
    /// Runs that run again do so with the DAG's newest version.
    #[serde(default)]
    pub run_on_latest_version: bool,
}

fn none() -> String {
    "none".to_owned()
}

const fn ten() -> u32 {
    10
}

/// A date that a backfill would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillPlan {
    /// The date.
    pub logical_date: Timestamp,
    /// Always null.
    pub partition_key: Option<String>,
    /// Always null.
    pub partition_date: Option<Timestamp>,
    /// flowctl's own: why it would be left out.
    pub exception_reason: Option<String>,
}

/// All dates that a backfill would run, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillPlanCollection {
    /// The entries.
    pub backfills: Vec<BackfillPlan>,
    /// How many.
    pub total_entries: u64,
}

/// A date of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillDay {
    /// The date.
    pub logical_date: Timestamp,
    /// Its run, once it has one.
    pub dag_run_id: Option<String>,
    /// That run's state.
    pub state: Option<String>,
    /// Why it has no run and will have none.
    pub exception_reason: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillDayCollection {
    /// The entries, in the order in which they run.
    pub dates: Vec<BackfillDay>,
    /// On all pages.
    pub total_entries: u64,
}
