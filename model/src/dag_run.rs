//! A DAG run: the facts about it that never change once it exists, which templates, processes and pages show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::DagRunKey;
use crate::state::{DagRunType, TriggeredBy};

/// Half-open span of time `[start, end)` that a run's data covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataInterval {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

/// What templates and processes may know about their run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DagRunFacts {
    /// Its row.
    pub key: DagRunKey,
    /// Its DAG.
    pub dag_id: String,
    /// Unique within the DAG.
    pub run_id: String,
    /// Why it exists.
    pub run_type: DagRunType,
    /// The date it is about; unique within the DAG when there is one.
    pub logical_date: Option<Timestamp>,
    /// What its data covers.
    pub data_interval: Option<DataInterval>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// What it was triggered with; an object.
    pub conf: serde_json::Map<String, serde_json::Value>,
    /// The DAG's parameters with `conf` laid over their defaults.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// When it started; none while queued.
    pub started_at: Option<Timestamp>,
    /// Who triggered it.
    pub triggered_by: TriggeredBy,
}

/// A run to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewDagRun {
    /// Its DAG.
    pub dag_id: String,
    /// Unique within the DAG.
    pub run_id: String,
    /// Why it exists.
    pub run_type: DagRunType,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What its data covers.
    pub data_interval: Option<DataInterval>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// What it was triggered with.
    pub conf: serde_json::Map<String, serde_json::Value>,
    /// Who triggered it.
    pub triggered_by: TriggeredBy,
    /// The person or program behind it, when there is one.
    pub triggering_user: Option<String>,
    /// A remark of whoever triggered it.
    pub note: Option<String>,
}

/// Airflow's `run_id`: `{run_type}__{instant}`, for instance `scheduled__2026-01-01T00:00:00+00:00`.
pub fn run_id(run_type: DagRunType, at: Timestamp) -> String {
    format!("{run_type}__{}", isoformat(at))
}

/// An instant as Python's `datetime.isoformat()` writes it in UTC: `2026-01-01T00:00:00+00:00`, with six digits of
/// a second only when there is a fraction.
pub fn isoformat(at: Timestamp) -> String {
    let time = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let micros = time.subsec_nanosecond() / 1000;
    if micros == 0 {
        format!("{}+00:00", time.strftime("%Y-%m-%dT%H:%M:%S"))
    } else {
        format!("{}.{micros:06}+00:00", time.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// Cuts an instant to the microsecond, which is what PostgreSQL keeps. Everything that is stored and compared goes
/// through here once, at the clock.
pub fn to_microsecond(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
