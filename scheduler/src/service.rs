//! The scheduler as a service: leads or stands by, with the DAG processor and the local executor beside it.
//!
//! 1. The DAG processor runs from the start, whoever leads: saving the same content twice makes no second version.
//! 2. Until the lease is free this process stands by and looks every [`STANDBY_LOOK`].
//! 3. As leader it loads all unfinished runs and then loops: wait for an event, take in all that queued up, pass after
//!    pass until nothing follows.
//! 4. When it is deposed it stops its own attempts (their tokens are stale) and stands by again.
//!
//! Whenever it begins to stand by, nothing of this home runs: what a crashed predecessor left running is ended first,
//! and so is what left its process group when the executor was stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use executor::LocalExecutor;
use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Outcome, Report};
use model::dag_file::Defaults;
use model::ids::{AttemptToken, DagRunKey};
use model::limits::Limits;
use model::template::PreviousSuccess;
use store::Store;
use store::journal::LeaderJournal;
use store::listen::CHANGE;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::{Values, ValuesError, WorkerConfig};

use crate::causes::with_causes;
use crate::leader::{Leader, LeaderError};
use crate::ports::{Clock, Dispatch};
use crate::processor::{Processor, ProcessorConfig};

/// How often a standby looks whether the lease is free. With a lease of 3 s it leads at most 3.5 s after a crash.
const STANDBY_LOOK: Duration = Duration::from_millis(500);
/// How often the leader renews its lease and looks at its inbox although nobody hinted.
const BEAT: Duration = Duration::from_secs(1);
/// How long `running` and `scheduled` may wait to be written, so that short tasks never pay for them.
const FLUSH: Duration = Duration::from_millis(50);
/// Pages are told of progress at once, and then at most so often: each time costs the leader a round trip.
const TELL: Duration = Duration::from_millis(100);
/// How long to wait after the database failed.
const BACK_OFF: Duration = Duration::from_millis(500);
/// How often the process says in its `service` row that it is alive.
const HEARTBEAT_BEATS: u32 = 5;

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

/// The time of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the scheduler's shell")]
    fn now(&self) -> Timestamp {
        model::dag_run::to_microsecond(Timestamp::now())
    }
}

/// What attempts ask of the database.
#[derive(Debug, Clone)]
struct StoreValues(LeaderJournal);

impl Values for StoreValues {
    async fn xcom(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        key: &str,
    ) -> Result<Option<serde_json::Value>, ValuesError> {
        once_it_answers(|| self.0.xcom(dag_run, task_id, key)).await
    }

    async fn previous_success(&self, dag_run: DagRunKey) -> Result<Option<PreviousSuccess>, ValuesError> {
        once_it_answers(|| self.0.previous_success(dag_run)).await
    }
}

/// A task must not fail because the database restarts: it waits, like the leader. Its stop and its timeout end the wait.
async fn once_it_answers<T, F>(ask: impl Fn() -> F) -> Result<T, ValuesError>
where
    F: Future<Output = Result<T, store::SqlError>>,
{
    loop {
        match ask().await {
            Err(error) if store::is_passing(&error) => {
                tracing::warn!(error = with_causes(&error), "a task waits for the database");
                tokio::time::sleep(BACK_OFF).await;
            }
            result => return result.map_err(|error| ValuesError(error.to_string())),
        }
    }
}

struct LocalDispatch(Arc<LocalExecutor>);

impl Dispatch for LocalDispatch {
    fn submit(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            self.0.submit(attempt);
        }
    }

    fn cancel(&mut self, token: AttemptToken) {
        self.0.cancel(token);
    }
}

type ServiceLeader = Leader<LeaderJournal, LocalDispatch, SystemClock>;

/// Runs the scheduler until `stop`.
pub async fn run(store: Store, config: SchedulerConfig, stop: CancellationToken) -> Result<(), ServiceError> {
    if !config.with_dag_processor {
        return schedule(&store, &config, &stop).await;
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
        result = schedule(&store, &config, &stop) => result,
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
    store.register_service(config.id, "dag_processor", &config.hostname, pid).await?;
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

async fn schedule(store: &Store, config: &SchedulerConfig, stop: &CancellationToken) -> Result<(), ServiceError> {
    let pid = std::process::id().cast_signed();
    store.register_service(config.id, "scheduler", &config.hostname, pid).await?;
    let owner_name = format!("{}:{pid}", config.hostname);
    let journal = LeaderJournal::new(store, lease_owner(config), owner_name);
    let start_executor = || {
        let (reports, reported) = mpsc::unbounded_channel();
        let values = StoreValues(journal.clone());
        let slots = config.limits.parallelism as usize;
        (Arc::new(LocalExecutor::start(values, config.worker.clone(), slots, reports)), reported)
    };
    let mut idle = None;
    while !stop.is_cancelled() {
        if idle.is_none() {
            let orphans = LocalExecutor::end_orphans(&config.worker.executor_id).await;
            if orphans > 0 {
                tracing::warn!(orphans, "ended processes that an earlier scheduler or task left behind");
            }
        }
        let (executor, mut reported) = idle.take().unwrap_or_else(start_executor);
        let dispatch = LocalDispatch(Arc::clone(&executor));
        match Leader::take_over(journal.clone(), dispatch, SystemClock, config.limits).await {
            Ok(Ok(mut leader)) => {
                tracing::info!(epoch = leader.epoch().0, runs = leader.planner().run_count(), "this scheduler leads");
                lead(&mut leader, store, &mut reported, config, stop).await;
                stop_executor(&executor, &mut leader).await;
                match resign(&mut leader, &mut reported).await {
                    Ok(()) | Err(LeaderError::Deposed) => {}
                    Err(error) => tracing::warn!(
                        error = with_causes(&error),
                        "the lease was not given back; it expires by itself"
                    ),
                }
            }
            Ok(Err(_)) => {
                idle = Some((executor, reported));
                pause(STANDBY_LOOK, stop).await;
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the database cannot be reached; trying again");
                idle = Some((executor, reported));
                pause(BACK_OFF, stop).await;
            }
        }
    }
    Ok(store.stop_service(config.id).await?)
}

/// Whose the lease is. The same for each process on this home, which come one after the other, so that the next one
/// need not wait until the lease of one that was killed expires.
fn lease_owner(config: &SchedulerConfig) -> Uuid {
    let path = config.home.join("scheduler.id");
    if let Some(id) = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
        return id;
    }
    if let Err(error) = std::fs::write(&path, config.id.to_string()) {
        tracing::warn!(error = with_causes(&error), path = %path.display(), "the next start will have to wait for the lease");
    }
    config.id
}

/// Stops all attempts and keeps the lease meanwhile: another leader would run them again while they are ending.
async fn stop_executor(executor: &LocalExecutor, leader: &mut ServiceLeader) {
    let mut stopping = std::pin::pin!(executor.stop());
    loop {
        tokio::select! {
            () = &mut stopping => return,
            () = tokio::time::sleep(BEAT) => {
                if let Err(error) = leader.renew().await {
                    tracing::warn!(error = with_causes(&error), "the lease was not renewed while attempts are being stopped");
                }
            }
        }
    }
}

/// What the stopped attempts reported is written before the lease is given back, so that the next leader does not
/// take them for lost.
async fn resign(leader: &mut ServiceLeader, reported: &mut mpsc::UnboundedReceiver<Report>) -> Result<(), LeaderError> {
    while let Ok(mut report) = reported.try_recv() {
        if let AttemptEvent::Finished(finished) = &mut report.event
            && matches!(&finished.outcome, Outcome::Failed { reason, .. } if reason == worker::STOPPED)
        {
            // Not the task's fault: it is tried again when a scheduler is back.
            finished.outcome = Outcome::Lost { reason: "its scheduler was stopped".to_owned() };
        }
        leader.receive(report);
    }
    leader.settle().await?;
    leader.resign().await
}

async fn lead(
    leader: &mut ServiceLeader,
    store: &Store,
    reported: &mut mpsc::UnboundedReceiver<Report>,
    config: &SchedulerConfig,
    stop: &CancellationToken,
) {
    let mut hints = store.listen(&[CHANGE]).await.ok();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = 0_u32;
    let mut flush_at: Option<Instant> = None;
    let mut renewed = Instant::now();
    let mut tell_from = Instant::now();
    loop {
        match passes(leader, reported, &mut flush_at, &mut renewed, stop).await {
            Ok(()) => {}
            Err(LeaderError::Deposed) => {
                tracing::warn!("another scheduler leads now; standing by");
                return;
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the pass is made again");
                pause(BACK_OFF, stop).await;
            }
        }
        tell(leader, store, &mut tell_from).await;
        let tell_at = leader.has_progress().then_some(tell_from);
        let timer = leader.planner().next_timer().map(until);
        tokio::select! {
            () = stop.cancelled() => return,
            report = reported.recv() => {
                for report in report.into_iter().chain(std::iter::from_fn(|| reported.try_recv().ok())) {
                    leader.receive(report);
                }
            }
            () = hint(&mut hints) => leader.look_at_inbox(),
            () = sleep(timer) => {}
            () = sleep_until(flush_at) => {}
            () = sleep_until(tell_at) => {}
            _ = beat.tick() => {
                leader.look_at_inbox();
                beats += 1;
                match leader.renew().await {
                    Ok(()) => renewed = Instant::now(),
                    Err(LeaderError::Deposed) => {
                        tracing::warn!("another scheduler leads now; standing by");
                        return;
                    }
                    Err(error) => tracing::error!(error = with_causes(&error), "the lease was not renewed; trying again"),
                }
                if hints.is_none() {
                    hints = store.listen(&[CHANGE]).await.ok();
                }
                if beats.is_multiple_of(HEARTBEAT_BEATS)
                    && let Err(error) = store.service_heartbeat(config.id).await
                {
                    tracing::warn!(error = with_causes(&error), "the heartbeat was not written");
                }
            }
        }
    }
}

/// Passes until nothing more follows. That may take longer than the lease holds: it is renewed on the way, and what
/// is reported meanwhile is taken in.
async fn passes(
    leader: &mut ServiceLeader,
    reported: &mut mpsc::UnboundedReceiver<Report>,
    flush_at: &mut Option<Instant>,
    renewed: &mut Instant,
    stop: &CancellationToken,
) -> Result<(), LeaderError> {
    loop {
        if renewed.elapsed() >= BEAT {
            leader.renew().await?;
            *renewed = Instant::now();
        }
        while let Ok(report) = reported.try_recv() {
            leader.receive(report);
        }
        let flush = flush_at.is_some_and(|at| at <= Instant::now());
        let pass = leader.pass(flush).await?;
        *flush_at = match (leader.planner().has_lazy(), *flush_at) {
            (false, _) => None,
            (true, Some(at)) if !flush => Some(at),
            (true, _) => Some(Instant::now() + FLUSH),
        };
        if !pass.more || stop.is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// Tells pages which runs changed, unless they were told a moment ago: then the loop comes back at `tell_from`.
async fn tell(leader: &mut ServiceLeader, store: &Store, tell_from: &mut Instant) {
    let now = Instant::now();
    if !leader.has_progress() || now < *tell_from {
        return;
    }
    *tell_from = now + TELL;
    if let Err(error) = store.notify_progress(&leader.take_progress()).await {
        tracing::warn!(error = with_causes(&error), "pages were not told of progress");
    }
}

async fn hint(hints: &mut Option<store::Hints>) {
    match hints {
        Some(listener) => {
            if listener.recv().await.is_err() {
                *hints = None;
            }
        }
        None => std::future::pending().await,
    }
}

fn until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(SystemClock.now())).unwrap_or(Duration::ZERO)
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}
