//! The wire types of the REST API under `/api/v2`, shared by the web server, which fills them, and the CLI, which
//! reads them.
//!
//! Names, types and defaults are Airflow 3's, so that its published clients work unchanged. What Airflow has and
//! flowctl never has (bundles, teams) is null. Times are RFC 3339 in UTC. A collection carries `total_entries`, the
//! number of entries on all pages.
//!
//! One file per resource. No axum, no sqlx: what reads these types needs neither.

#![allow(clippy::struct_excessive_bools, reason = "Airflow's bodies have as many as they have")]

mod again;
mod approval;
mod asset;
mod auth;
mod backfill;
mod batch;
mod bulk;
mod bulk_dag_run;
mod callback;
mod connection;
mod dag;
mod dag_run;
mod error;
mod event_log;
mod import_error;
mod log;
mod monitor;
mod pool;
mod skip;
mod state;
mod system;
mod task;
mod task_instance;
mod variable;
mod waiting;
mod worker;
mod xcom;

pub use again::{DisableTaskBody, DisabledTask, DisabledTaskCollection, PatchTaskInstanceBody, RerunBody};
pub use approval::{
    HitlDetail, HitlDetailCollection, HitlDetailHistory, HitlDetailResponse, HitlQuestion, HitlUser,
    UpdateHitlDetailPayload,
};
pub use asset::{
    Asset, AssetCollection, AssetDag, AssetEvent, AssetEventBody, AssetEventCollection, AssetEventDagRun, AssetTask,
    LastAssetEvent, QueuedEvent, QueuedEventCollection,
};
pub use auth::{AccessToken, LoginBody};
pub use backfill::{
    Backfill, BackfillBody, BackfillCollection, BackfillDay, BackfillDayCollection, BackfillPlan,
    BackfillPlanCollection, BackfillProgress,
};
pub use batch::{DagRunsBatchBody, TaskInstancesBatchBody};
pub use bulk::{BulkAction, BulkBody, BulkError, BulkOutcome, BulkResponse, OnExistence, OnNonExistence};
pub use bulk_dag_run::{BulkDagRunAction, BulkDagRunBody, BulkDagRunsBody, ClearDagRunsBody, DagRunName};
pub use callback::{
    Callback, CallbackCollection, CallbackDetails, CallbackTry, MissedDeadline, MissedDeadlineCollection,
};
pub use connection::{Connection, ConnectionBody, ConnectionCollection, ConnectionTest};
pub use dag::{
    Dag, DagCollection, DagDetails, DagPatchBody, DagSource, DagStateStats, DagStats, DagStatsCollection, DagTag,
    DagTagCollection, DagVersion, DagVersionCollection, DagVersionDiff, DagWarning, DagWarningCollection,
};
pub use dag_run::{
    ClearDagRunBody, ClearedDagRun, DagRun, DagRunCollection, DagRunPatchBody, DagRunWait, TriggerDagRunBody,
};
pub use error::{Detail, HttpError};
pub use event_log::{EventLog, EventLogCollection};
pub use import_error::{ImportError, ImportErrorCollection};
pub use log::{LogContent, LogMessage};
pub use monitor::{Component, Health, Version};
pub use pool::{Pool, PoolBody, PoolCollection, PoolPatchBody};
pub use skip::{SkipNext, SkipNextBody, SkippedRun};
pub use state::{
    AssetState, AssetStateBody, AssetStateCollection, AssetStateWriter, TaskState, TaskStateBody, TaskStateCollection,
    TaskStatePatchBody,
};
pub use system::{
    Config, ConfigOption, ConfigSection, ExtraLinkCollection, Job, JobCollection, Plugin, PluginCollection,
    PluginImportError, PluginImportErrorCollection, Provider, ProviderCollection,
};
pub use task::{Task, TaskCollection, TaskDependency, TaskDependencyCollection, TimeDelta};
pub use task_instance::{
    BulkTaskInstanceAction, BulkTaskInstanceBody, BulkTaskInstancesBody, ClearTaskInstancesBody, TaskInstance,
    TaskInstanceCollection, TaskInstanceHistory, TaskInstanceHistoryCollection, TaskInstanceName, TaskSelector,
};
pub use variable::{Variable, VariableBody, VariableCollection};
pub use waiting::{DagRunWaiting, TaskInstanceWaiting};
pub use worker::{Worker, WorkerCollection};
pub use xcom::{XCom, XComCollection, XComCreateBody, XComEntry, XComUpdateBody};

/// The path under which all of it lives.
pub const PREFIX: &str = "/api/v2";
/// Entries of a page when a request does not say (Airflow's default).
pub const DEFAULT_LIMIT: u32 = 50;
/// Entries of a page at most (Airflow's default).
pub const MAX_LIMIT: u32 = 100;

const fn yes() -> bool {
    true
}

/// An Airflow says null where flowctl says that there is nothing in it.
fn null_as_default<'de, T: serde::Deserialize<'de> + Default, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Null is a value, unlike a field that is absent.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
fn given<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}
