//! Live pages: hints that something changed, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use store::Store;
use store::read::pages::PagesError;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Pages;

/// A page is told at most so often.
const COALESCE: Duration = Duration::from_millis(150);
/// How long to wait before the database is asked again for its notifications.
const RECONNECT: Duration = Duration::from_secs(1);

/// Where hints come in and pages listen. Holds a counter only: a hint carries no information.
#[derive(Debug, Clone)]
pub struct Hub(watch::Sender<u64>);

impl Default for Hub {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Hub {
    /// Something changed (a notification on `flowctl_progress` or `flowctl_change` came in).
    pub fn hint(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Hints from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Passes on the database's notifications until `stop`. A lost connection is a hint too: something may have
    /// been missed.
    pub async fn follow(&self, store: &Store, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.follow_for_ever(store)).await;
    }

    async fn follow_for_ever(&self, store: &Store) {
        loop {
            if let Err(problem) = self.follow_connection(store).await {
                tracing::warn!(error = %problem, "live pages wait: the database's notifications cannot be heard");
            }
            tokio::time::sleep(RECONNECT).await;
            self.hint();
        }
    }

    async fn follow_connection(&self, store: &Store) -> Result<(), PagesError> {
        let mut hints = store.pages_hints().await?;
        loop {
            hints.next().await?;
            self.hint();
        }
    }
}

/// The stream of one page: an event per change, coalesced; ends with the connection or the server.
pub(super) async fn stream(State(pages): State<Pages>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (pages.hub.0.subscribe(), Instant::now());
    let events = futures::stream::unfold(start, |(mut hints, not_before)| async move {
        hints.changed().await.ok()?;
        tokio::time::sleep_until(not_before).await;
        hints.mark_unchanged();
        Some((Ok(Event::default().event("progress").data("")), (hints, Instant::now() + COALESCE)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
