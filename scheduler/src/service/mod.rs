//! The scheduler as a service: leads or stands by, with the DAG processor and the local executor beside it.
//!
//! 1. The DAG processor runs from the start, whoever leads: saving the same content twice makes no second version.
//! 2. Until the lease is free this process stands by and looks every half second.
//! 3. As leader it loads all unfinished runs and then loops: wait for an event, take in all that queued up, pass after
//!    pass until nothing follows.
//! 4. When it is deposed it stops its own attempts (their tokens are stale) and stands by again.
//!
//! Whenever it begins to stand by, nothing of this home runs: what a crashed predecessor left running is ended first,
//! and so is what left its process group when the executor was stopped.

mod freshness;
mod lead;
mod outside;
mod term;

use std::path::PathBuf;
use std::time::Duration;

use model::dag_file::Defaults;
use model::limits::Limits;
use secrets::Places;
use store::Store;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::WorkerConfig;

pub use outside::SystemClock;

use crate::leader::Leader;
use crate::notifier::NotificationSettings;
use crate::postgres::DeployedJournal;
use crate::processor::{Processor, ProcessorConfig};
use outside::LocalDispatch;

/// How often the leader renews its lease and looks at its inbox although nobody hinted.
const BEAT: Duration = Duration::from_secs(1);
/// How long to wait after the database failed.
const BACK_OFF: Duration = Duration::from_millis(500);
/// How often the process says in its `service` row that it is alive.
const HEARTBEAT_BEATS: u32 = 5;

type ServiceLeader = Leader<DeployedJournal, LocalDispatch, SystemClock>;

/// What a scheduler needs to know.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// This process, new at each start.
    pub id: Uuid,
    /// Host name, for people.
    pub hostname: String,
    /// Where logs and scratch folders are. No other process may use it: what runs under its mark is this one's.
    pub home: PathBuf,
    /// Where DAG files are.
    pub dags_folder: PathBuf,
    /// `core.default_timezone`.
    pub default_timezone: String,
    /// `core.dags_are_paused_at_creation`.
    pub dags_are_paused_at_creation: bool,
    /// What may run at once.
    pub limits: Limits,
    /// How attempts are run.
    pub worker: WorkerConfig,
    /// How messages are sent.
    pub notifications: NotificationSettings,
    /// Where variables and connections are, beside the database.
    pub places: Places,
    /// Whether this process also reads the DAG folder; false when [`process_dags`] runs elsewhere.
    pub with_dag_processor: bool,
}

/// What a process that only reads the DAG folder needs to know.
#[derive(Debug, Clone)]
pub struct DagProcessorConfig {
    /// This process, new at each start.
    pub id: Uuid,
    /// Host name, for people.
    pub hostname: String,
    /// The folder, and what its files leave open.
    pub processor: ProcessorConfig,
}

/// Why a service ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The database failed where the service does not try again.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A bug.
    #[error("the DAG processor panicked: {0}")]
    Panicked(String),
}

/// Runs the scheduler until `stop`.
pub async fn run(store: Store, config: SchedulerConfig, stop: CancellationToken) -> Result<(), ServiceError> {
    if !config.with_dag_processor {
        return term::schedule(&store, &config, &stop).await;
    }
    let processor = Processor::new(
        store.clone(),
        ProcessorConfig {
            folder: config.dags_folder.clone(),
            defaults: Defaults { timezone: config.default_timezone.clone() },
            are_paused_at_creation: config.dags_are_paused_at_creation,
        },
        SystemClock,
    );
    let mut processing = tokio::spawn(processor.run(stop.clone()));
    let scheduled = tokio::select! {
        result = term::schedule(&store, &config, &stop) => result,
        // It ends well only when it is stopped, and then the scheduler still has to write what ended.
        Err(panic) = &mut processing => return Err(ServiceError::Panicked(panic.to_string())),
    };
    if !processing.is_finished() {
        let _ = processing.await;
    }
    scheduled
}

/// Reads the DAG folder until `stop`, in a process of its own.
pub async fn process_dags(
    store: Store,
    config: DagProcessorConfig,
    stop: CancellationToken,
) -> Result<(), ServiceError> {
    let pid = std::process::id().cast_signed();
    store.register_service(config.id, &["dag_processor"], &config.hostname, pid).await?;
    let processor = Processor::new(store.clone(), config.processor, SystemClock);
    let mut processing = tokio::spawn(processor.run(stop.clone()));
    let mut beat = tokio::time::interval(BEAT * HEARTBEAT_BEATS);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut processing => {
                ended.map_err(|panic| ServiceError::Panicked(panic.to_string()))?;
                return Ok(store.stop_service(config.id).await?);
            }
            _ = beat.tick() => {
                if let Err(error) = store.service_heartbeat(config.id).await {
                    tracing::warn!(%error, "the heartbeat was not written");
                }
            }
        }
    }
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}
