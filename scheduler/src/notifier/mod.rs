//! Delivers messages: those of callbacks and deadlines from their rows, those of `notify` tasks for the waiter.
//!
//! 1. What is due is claimed, whoever leads: each message by one process, for a minute.
//! 2. It is rendered now, with what its templates ask for, and sent.
//! 3. What became of that is written. What may work later is tried again, ever later; what cannot is given up at once.
//!
//! A process that dies between 1 and 3 leaves a message that is due again after that minute: each is delivered at least
//! once. Nothing that happens here changes a task or a run.

mod mail;
mod render;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use store::Store;
use store::callback::{Claimed, Tried};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::causes::with_causes;
use crate::ports::Clock;
use crate::postgres::DeployedJournal;
use crate::service::SystemClock;
use render::Renderer;
pub use send::{Sender, Undelivered};
pub use settings::{MailSettings, MailTls, NotificationSettings};

/// How often somebody looks for messages although nobody said that there are some: those that are tried again, and those
/// that another process left.
const LOOK: Duration = Duration::from_secs(2);
/// Messages under way at once.
const AT_ONCE: usize = 16;
/// How long a message is this process's. Longer than a delivery may take.
const LEASE: Duration = Duration::from_secs(60);
/// Within this a message is taken, or the try has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is under way when the process is stopped has so long to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a message is tried.
const TRIES: u32 = 8;
/// The first time between two tries; it triples.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// How long to wait when what became of a message cannot be written.
const BACK_OFF: Duration = Duration::from_millis(500);
/// How often that is tried: not longer than the lease.
const SETTLE_TRIES: u32 = 60;

/// The task that delivers. Dropping it ends that task.
#[derive(Debug)]
pub struct Notifier {
    wake: Arc<Notify>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Notifier {
    /// Begins to deliver.
    pub fn start(store: Store, journal: DeployedJournal, sender: Arc<Sender>) -> Self {
        let (wake, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let delivery = Delivery { store, journal, sender };
        let task = tokio::spawn(delivery.run(Arc::clone(&wake), stop.clone()));
        Self { wake, stop, task: AbortOnDropHandle::new(task) }
    }

    /// What says that there are messages.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Takes no more, and waits a moment for what is under way.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

#[derive(Clone)]
struct Delivery {
    store: Store,
    journal: DeployedJournal,
    sender: Arc<Sender>,
}

impl Delivery {
    async fn run(self, wake: Arc<Notify>, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        let renderer = Arc::new(Renderer::new(self.journal.clone(), self.sender.links().clone()));
        loop {
            let room = AT_ONCE.saturating_sub(under_way.len());
            for claimed in self.claim(room).await {
                let (delivery, renderer) = (self.clone(), Arc::clone(&renderer));
                under_way.spawn(async move { delivery.deliver(&renderer, claimed).await });
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        let all = async { while under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }

    async fn claim(&self, room: usize) -> Vec<Claimed> {
        if room == 0 {
            return Vec::new();
        }
        match self.store.claim_callbacks(i64::try_from(room).unwrap_or(i64::MAX), LEASE).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::debug!(error = with_causes(&error), "messages cannot be looked for");
                Vec::new()
            }
        }
    }

    async fn deliver(&self, renderer: &Renderer, claimed: Claimed) {
        let started_at = SystemClock.now();
        let sent = match tokio::time::timeout(PATIENCE, self.send(renderer, &claimed)).await {
            Ok(sent) => sent,
            Err(_) => Err(Undelivered::for_now(format!("it took longer than {} s", PATIENCE.as_secs()))),
        };
        let tried = tried(claimed.number, sent, started_at, SystemClock.now());
        if tried.error.is_some() && tried.again_in.is_none() {
            tracing::warn!(
                callback.id = claimed.id,
                dag.id = claimed.subject.dag_run.dag_id,
                run.id = claimed.subject.dag_run.run_id,
                tries = claimed.number,
                "a message was not delivered and is given up: {}",
                tried.error.as_deref().unwrap_or_default()
            );
        }
        self.settle(claimed.id, claimed.number, &tried).await;
    }

    async fn send(&self, renderer: &Renderer, claimed: &Claimed) -> Result<String, Undelivered> {
        let message = renderer.message(claimed).await?;
        self.sender.send(&message, &format!("callback-{}", claimed.id)).await
    }

    /// What became of a message must be written, or it is delivered again.
    async fn settle(&self, id: i64, number: u32, tried: &Tried) {
        for _ in 0..SETTLE_TRIES {
            match self.store.settle_callback(id, number, tried).await {
                Ok(_) => return,
                Err(error) if store::is_passing(&error) => tokio::time::sleep(BACK_OFF).await,
                Err(error) => {
                    tracing::error!(
                        callback.id = id,
                        error = with_causes(&error),
                        "what became of a message was not written"
                    );
                    return;
                }
            }
        }
    }
}

/// What is noted of a try, and whether there is another.
fn tried(
    number: u32,
    sent: Result<String, Undelivered>,
    started_at: jiff::Timestamp,
    ended_at: jiff::Timestamp,
) -> Tried {
    match sent {
        Ok(answer) => Tried { started_at, ended_at, answer: Some(answer), error: None, again_in: None },
        Err(Undelivered { reason, answer, may_retry, not_before }) => {
            let again_in = (may_retry && number < TRIES).then(|| pause(number).max(not_before.unwrap_or_default()));
            Tried { started_at, ended_at, answer, error: Some(reason), again_in }
        }
    }
}

/// How long after a try the next one is made.
fn pause(number: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(3_u32.saturating_pow(number.saturating_sub(1))).min(LONGEST_PAUSE)
}
