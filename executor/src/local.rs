//! Runs attempts as processes of this machine.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::ids::AttemptToken;
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::{Clock, RUN_DIR, STOPPED, SystemClock, Values, WorkerConfig, run_attempt};

use crate::orphans::end_marked;

/// Runs attempts as processes of this machine, at most `parallelism` at once.
pub struct LocalExecutor {
    shared: Arc<Shared>,
    spawn: Box<dyn Fn(Attempt, CancellationToken) + Send + Sync>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The attempts that have not ended, each with the token that ends it.
#[derive(Debug, Default)]
struct Shared(Mutex<HashMap<AttemptToken, CancellationToken>>);

impl Shared {
    fn alive(&self) -> MutexGuard<'_, HashMap<AttemptToken, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every attempt needs.
struct Runner<V> {
    values: V,
    config: WorkerConfig,
    reports: mpsc::UnboundedSender<Report>,
    shared: Arc<Shared>,
    /// Everything is being stopped, not a single attempt.
    stop_all: CancellationToken,
}

impl LocalExecutor {
    /// Starts it on the current runtime. Reports are sent until the receiver is dropped.
    pub fn start<V: Values>(
        values: V,
        config: WorkerConfig,
        parallelism: usize,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let tasks = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(parallelism.clamp(1, Semaphore::MAX_PERMITS)));
        let stop_all = CancellationToken::new();
        let runner = Runner { values, config, reports, shared: Arc::clone(&shared), stop_all: stop_all.clone() };
        let runner = Arc::new(runner);
        let (tracker, runtime) = (tasks.clone(), Handle::current());
        let spawn = move |attempt: Attempt, stop: CancellationToken| {
            let runner = Arc::clone(&runner);
            let slot = in_line(Arc::clone(&slots));
            tracker.spawn_on(async move { runner.run(attempt, slot, stop).await }, &runtime);
        };
        Self { shared, spawn: Box::new(spawn), tasks, stop: stop_all }
    }

    /// Takes an attempt; it starts when a slot is free. After [`Self::stop`] it is reported as stopped.
    pub fn submit(&self, attempt: Attempt) {
        let stop = self.stop.child_token();
        self.shared.alive().insert(attempt.token, stop.clone());
        (self.spawn)(attempt, stop);
    }

    /// Ends an attempt: softly, then hard. One that still waits for a slot never starts. Nothing happens to one that
    /// has ended.
    pub fn cancel(&self, token: AttemptToken) {
        if let Some(stop) = self.shared.alive().get(&token) {
            stop.cancel();
        }
    }

    /// The attempts that have not ended, waiting ones included, ascending.
    pub fn alive(&self) -> Vec<AttemptToken> {
        let mut tokens: Vec<_> = self.shared.alive().keys().copied().collect();
        tokens.sort_unstable();
        tokens
    }

    /// Ends all attempts, softly and then hard, and waits until their reports are sent. Takes none afterwards.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends what a predecessor with this mark ([`WorkerConfig::executor_id`]) left running, and waits until it is gone.
    /// How many processes there were. To be called before anything is submitted: it ends this executor's own children too.
    pub async fn end_orphans(executor_id: &str) -> usize {
        crate::orphans::end_orphans(executor_id).await
    }
}

impl std::fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalExecutor").field("alive", &self.alive()).finish_non_exhaustive()
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Slot = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A slot to come, already in line: the semaphore keeps the order in which its futures are first polled, and spawned
/// tasks start in any order.
fn in_line(slots: Arc<Semaphore>) -> Slot {
    let mut slot: Slot = Box::pin(slots.acquire_owned());
    match slot.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(permit) => Box::pin(std::future::ready(permit)),
        Poll::Pending => slot,
    }
}

impl<V: Values> Runner<V> {
    async fn run(&self, attempt: Attempt, slot: Slot, stop: CancellationToken) {
        let (token, key) = (attempt.token, attempt.key);
        let finished = tokio::select! {
            biased;
            () = stop.cancelled() => never_started(),
            slot = slot => {
                let finished = self.run_in_slot(&attempt, stop.clone()).await;
                drop(slot);
                finished
            }
        };
        self.shared.alive().remove(&token);
        // Nobody listens any more only while the service stops.
        let _ = self.reports.send(Report { token, key, event: AttemptEvent::Finished(finished) });
    }

    async fn run_in_slot(&self, attempt: &Attempt, stop: CancellationToken) -> Finished {
        let started = |pid, at| {
            let event = AttemptEvent::Started { at, pid: Some(pid) };
            let _ = self.reports.send(Report { token: attempt.token, key: attempt.key, event });
        };
        let finished = run_attempt(attempt, &self.values, &self.config, &SystemClock, started, stop.clone()).await;
        // What left the group of an attempt that was cancelled or timed out is found by the attempt's own variable. When everything stops,
        // one look for the executor's mark does for all (see `end_orphans`).
        if stop.is_cancelled() && !self.stop_all.is_cancelled() {
            let run_dir = worker::run_dir(&self.config.run_folder, attempt.token);
            end_marked(&format!("{RUN_DIR}={}", run_dir.display())).await;
        }
        finished
    }
}

fn never_started() -> Finished {
    let now = SystemClock.now();
    let outcome = Outcome::Failed { reason: STOPPED.to_owned(), exit_code: None, may_retry: false };
    Finished { started_at: now, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() }
}
