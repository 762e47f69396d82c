//! Notifications that something a page shows may have changed.

use sqlx::postgres::PgListener;

use super::PagesError;
use crate::Store;

/// A connection that listens.
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// Waits for the next one.
    pub async fn next(&mut self) -> Result<(), PagesError> {
        self.0.recv().await.map(drop)
    }
}

impl Store {
    /// Starts to listen to the leader's progress and to people's changes.
    pub async fn pages_hints(&self) -> Result<Hints, PagesError> {
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener.listen_all(["flowctl_progress", "flowctl_change"]).await?;
        Ok(Hints(listener))
    }
}
