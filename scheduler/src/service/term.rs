//! Standing by, taking over, and giving the lease back.

use std::sync::Arc;
use std::time::Duration;

use executor::LocalExecutor;
use model::attempt::{AttemptEvent, Outcome, Report};
use secrets::Secrets;
use store::Store;
use store::journal::LeaderJournal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lead::lead;
use super::outside::{LocalDispatch, StoreValues, SystemClock};
use super::{BACK_OFF, BEAT, SchedulerConfig, ServiceError, ServiceLeader, pause};
use crate::causes::with_causes;
use crate::leader::{Leader, LeaderError};
use crate::notifier::{Notifier, Sender};
use crate::postgres::DeployedJournal;
use crate::waiter::{Outside, Waiter};

/// How often a standby looks whether the lease is free. With a lease of 3 s it leads at most 3.5 s after a crash.
const STANDBY_LOOK: Duration = Duration::from_millis(500);

/// So often it says, while it stands by, that it is alive: every five seconds.
const STANDBY_HEARTBEAT_LOOKS: u32 = 10;

/// Leads whenever the lease can be had, until `stop`.
pub(super) async fn schedule(
    store: &Store,
    config: &SchedulerConfig,
    stop: &CancellationToken,
) -> Result<(), ServiceError> {
    let pid = std::process::id().cast_signed();
    let parts: &[&str] = if config.with_dag_processor {
        &["scheduler", "triggerer", "dag_processor"]
    } else {
        &["scheduler", "triggerer"]
    };
    store.register_service(config.id, parts, &config.hostname, pid).await?;
    let owner_name = format!("{}:{pid}", config.hostname);
    let secrets = Secrets::new(config.places.clone(), Some(store.clone()));
    let journal = DeployedJournal {
        journal: LeaderJournal::new(store, lease_owner(config), owner_name),
        secrets: secrets.clone(),
    };
    let sender = Arc::new(Sender::new(config.notifications.clone(), secrets.clone()));
    let notifier = Notifier::start(store.clone(), journal.clone(), Arc::clone(&sender));
    let start_executor = || {
        let (reports, reported) = mpsc::unbounded_channel();
        let values = StoreValues(journal.clone());
        let slots = config.limits.parallelism as usize;
        let outside = Outside::new(Some(store.clone()), Arc::clone(&sender), secrets.clone());
        let waiter = Arc::new(Waiter::start(outside, reports.clone()));
        let executor = Arc::new(LocalExecutor::start(values, config.worker.clone(), slots, reports));
        (executor, waiter, reported)
    };
    let mut idle = None;
    let mut looks = 0_u32;
    while !stop.is_cancelled() {
        if idle.is_none() {
            let orphans = LocalExecutor::end_orphans(&config.worker.executor_id).await;
            if orphans > 0 {
                tracing::warn!(orphans, "ended processes that an earlier scheduler or task left behind");
            }
            worker::clear_run_folder(&config.worker.run_folder);
        }
        let (executor, waiter, mut reported) = idle.take().unwrap_or_else(start_executor);
        let dispatch =
            LocalDispatch { executor: Arc::clone(&executor), waiter: Arc::clone(&waiter), notifier: notifier.wake() };
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
                idle = Some((executor, waiter, reported));
                looks += 1;
                if looks.is_multiple_of(STANDBY_HEARTBEAT_LOOKS)
                    && let Err(error) = store.service_heartbeat(config.id).await
                {
                    tracing::warn!(error = with_causes(&error), "the heartbeat was not written");
                }
                pause(STANDBY_LOOK, stop).await;
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the database cannot be reached; trying again");
                idle = Some((executor, waiter, reported));
                pause(BACK_OFF, stop).await;
            }
        }
    }
    notifier.stop().await;
    worker::clear_run_folder(&config.worker.run_folder);
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
