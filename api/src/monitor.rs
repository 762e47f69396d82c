//! `/monitor/health` and `/version`: without a login.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which program answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Of flowctl.
    pub version: String,
    /// Commit it was built from, when it is known.
    pub git_version: Option<String>,
}

/// How the deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The database.
    pub metadatabase: Component,
    /// The scheduler that leads.
    pub scheduler: Component,
    /// What waits without a slot; part of the scheduler here.
    pub triggerer: Component,
    /// What reads the DAG folder.
    pub dag_processor: Component,
}

/// A part of the deployment. Each part has a heartbeat under a name of its own, as in Airflow; the others are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// `healthy`, `unhealthy`, or null when it is not used.
    pub status: Option<String>,
    /// Of the scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_scheduler_heartbeat: Option<Timestamp>,
    /// Of the triggerer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_triggerer_heartbeat: Option<Timestamp>,
    /// Of the DAG processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_dag_processor_heartbeat: Option<Timestamp>,
}
