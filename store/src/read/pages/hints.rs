//! Notifications that something a page shows may have changed.

use model::ids::DagRunKey;
use sqlx::postgres::PgListener;

use super::PagesError;
use crate::Store;
use crate::hint::Hint;
use crate::listen::{CHANGE, PROGRESS};

/// A connection that listens.
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// Waits for the next one: what may have changed.
    pub async fn next(&mut self) -> Result<Vec<Hint>, PagesError> {
        self.0.recv().await.map(|notification| Hint::parse(notification.payload()))
    }
}

impl Store {
    /// Starts to listen to the leader's progress and to people's changes.
    pub async fn pages_hints(&self) -> Result<Hints, PagesError> {
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener.listen_all([PROGRESS, CHANGE]).await?;
        Ok(Hints(listener))
    }

    /// Which DAG each run is of; runs that are gone are left out.
    pub async fn pages_dags_of_runs(&self, keys: &[DagRunKey]) -> Result<Vec<(DagRunKey, String)>, PagesError> {
        let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let rows = sqlx::query!("-- pages.dags_of_runs\nSELECT id, dag_id FROM dag_run WHERE id = ANY ($1)", &ids)
            .fetch_all(self.pool())
            .await?;
        Ok(rows.into_iter().map(|row| (DagRunKey(row.id), row.dag_id)).collect())
    }
}
