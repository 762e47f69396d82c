//! Runs that a DAG's schedule leaves out: flowctl's own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many of the next runs are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipNextBody {
    /// Up to 1000; 0: none, and those that were asked for before are run after all.
    pub count: u32,
}

/// What of a DAG's schedule is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkipNext {
    /// The DAG.
    pub dag_id: String,
    /// So many of the next runs.
    pub count: u32,
    /// The last runs that were, newest first.
    pub skipped: Vec<SkippedRun>,
}

/// A scheduled run that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedRun {
    /// What its logical date would have been.
    pub logical_date: Timestamp,
    /// What it would have covered.
    pub data_interval_start: Timestamp,
    /// What it would have covered.
    pub data_interval_end: Timestamp,
    /// When it was due.
    pub run_after: Timestamp,
    /// Why, in words.
    pub reason: String,
    /// When that was decided.
    pub skipped_at: Timestamp,
}
