//! What the leader writes about assets, as plain data.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::due::{DueAssets, QueuedEvent};
use crate::dag_run::{NewDagRun, run_id};
use crate::ids::{DagRunKey, DagVersionKey};
use crate::state::{DagRunType, TriggeredBy};

/// An update of an asset by a task instance that succeeded; written in the commit of its success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetUpdate {
    /// The run.
    pub dag_run: DagRunKey,
    /// The task.
    pub task_id: String,
    /// Element of a mapping; −1 when not mapped.
    pub map_index: i32,
    /// The asset.
    pub uri: String,
    /// When the task instance ended.
    pub at: Timestamp,
    /// What it said.
    pub extra: Map<String, Value>,
}

/// A run that assets make due, with the events that it takes: created and taken together, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetRun {
    /// The run.
    pub run: NewDagRun,
    /// What it is pinned to.
    pub dag_version: DagVersionKey,
    /// The events, ascending.
    pub events: Vec<i64>,
}

impl AssetRun {
    /// The run of a DAG that is due. It has no logical date, as in Airflow; its id ends in its last event's number,
    /// because two runs may be due at the same instant.
    pub fn new(dag_id: &str, dag_version: DagVersionKey, due: DueAssets) -> Self {
        let run = NewDagRun {
            dag_id: dag_id.to_owned(),
            run_id: format!("{}_{}", run_id(DagRunType::AssetTriggered, due.run_after), due.last_event()),
            run_type: DagRunType::AssetTriggered,
            logical_date: None,
            data_interval: due.data_interval,
            run_after: due.run_after,
            conf: Map::new(),
            triggered_by: TriggeredBy::Asset,
            triggering_user: None,
            note: None,
        };
        Self { run, dag_version, events: due.events }
    }
}

/// The events that are left when some were taken.
pub fn without(queued: &[QueuedEvent], taken: &[i64]) -> Vec<QueuedEvent> {
    queued.iter().filter(|event| taken.binary_search(&event.id).is_err()).cloned().collect()
}
