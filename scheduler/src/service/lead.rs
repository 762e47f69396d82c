//! The loop of a scheduler that leads: waits for an event, takes in all that queued up, passes until nothing follows.

use std::time::Duration;

use jiff::Timestamp;
use model::attempt::Report;
use store::Store;
use store::listen::CHANGE;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::freshness::watch_assets;
use super::outside::SystemClock;
use super::{BACK_OFF, BEAT, HEARTBEAT_BEATS, SchedulerConfig, ServiceLeader, pause};
use crate::causes::with_causes;
use crate::leader::LeaderError;
use crate::ports::Clock;

/// How long `running` and `scheduled` may wait to be written, so that short tasks never pay for them.
const FLUSH: Duration = Duration::from_millis(50);
/// Pages are told of progress at once, and then at most so often: each time costs the leader a round trip.
const TELL: Duration = Duration::from_millis(100);

/// Leads until `stop`, or until another scheduler does.
pub(super) async fn lead(
    leader: &mut ServiceLeader,
    store: &Store,
    reported: &mut mpsc::UnboundedReceiver<Report>,
    config: &SchedulerConfig,
    stop: &CancellationToken,
) {
    obey(leader, store, config).await;
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
                obey(leader, store, config).await;
                if hints.is_none() {
                    hints = store.listen(&[CHANGE]).await.ok();
                }
                if beats.is_multiple_of(HEARTBEAT_BEATS)
                    && let Err(error) = store.service_heartbeat(config.id).await
                {
                    tracing::warn!(error = with_causes(&error), "the heartbeat was not written");
                }
                if beats.is_multiple_of(HEARTBEAT_BEATS)
                    && let Err(error) = watch_assets(store, leader.epoch()).await
                {
                    tracing::warn!(error = with_causes(&error), "whether assets are fresh is not known");
                }
            }
        }
    }
}

/// Takes no new attempts while a person wants it so.
async fn obey(leader: &mut ServiceLeader, store: &Store, config: &SchedulerConfig) {
    match store.is_drained(config.id).await {
        Ok(is_drained) => leader.drain(is_drained),
        Err(error) => tracing::warn!(error = with_causes(&error), "whether this worker is drained is not known"),
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
