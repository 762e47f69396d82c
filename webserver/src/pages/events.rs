//! Live pages: hints that something changed, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Pages;

/// A page is told at most so often.
const COALESCE: Duration = Duration::from_millis(150);

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
