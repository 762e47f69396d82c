//! DAGs that people marked for themselves.

use crate::event_log::{By, Event};
use crate::{Result, Store};

/// What marking, or taking a mark back, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FavoriteChange {
    /// It is so now.
    Changed,
    /// It was so already.
    Unchanged,
    /// There is no such DAG.
    NoDag,
}

impl FavoriteChange {
    const fn of(is_known: bool, is_changed: bool) -> Self {
        match (is_known, is_changed) {
            (false, _) => Self::NoDag,
            (true, true) => Self::Changed,
            (true, false) => Self::Unchanged,
        }
    }
}

impl Store {
    /// Marks a DAG for a person.
    pub async fn mark_favorite(&self, dag_id: &str, by: &By) -> Result<FavoriteChange> {
        let mut transaction = self.pool().begin().await?;
        let row = sqlx::query!(
            r#"-- dag_favorite.mark
            WITH known AS (
                SELECT dag_id FROM dag WHERE dag_id = $2
            ), marked AS (
                INSERT INTO dag_favorite (username, dag_id) SELECT $1, dag_id FROM known
                ON CONFLICT DO NOTHING RETURNING 1
            )
            SELECT EXISTS (SELECT FROM known) AS "is_known!", EXISTS (SELECT FROM marked) AS "is_changed!""#,
            by.username,
            dag_id
        )
        .fetch_one(&mut *transaction)
        .await?;
        if row.is_changed {
            Event::new("favorite_dag").dag(dag_id).commit(transaction, by).await?;
        }
        Ok(FavoriteChange::of(row.is_known, row.is_changed))
    }

    /// Takes a person's mark of a DAG back.
    pub async fn unmark_favorite(&self, dag_id: &str, by: &By) -> Result<FavoriteChange> {
        let mut transaction = self.pool().begin().await?;
        let row = sqlx::query!(
            r#"-- dag_favorite.unmark
            WITH unmarked AS (
                DELETE FROM dag_favorite WHERE username = $1 AND dag_id = $2 RETURNING 1
            )
            SELECT EXISTS (SELECT FROM dag WHERE dag_id = $2) AS "is_known!",
                   EXISTS (SELECT FROM unmarked) AS "is_changed!""#,
            by.username,
            dag_id
        )
        .fetch_one(&mut *transaction)
        .await?;
        if row.is_changed {
            Event::new("unfavorite_dag").dag(dag_id).commit(transaction, by).await?;
        }
        Ok(FavoriteChange::of(row.is_known, row.is_changed))
    }

    /// Whether a person marked a DAG.
    pub async fn is_favorite(&self, username: &str, dag_id: &str) -> Result<bool> {
        let is_marked = sqlx::query_scalar!(
            r#"-- dag_favorite.is_marked
            SELECT EXISTS (SELECT FROM dag_favorite WHERE username = $1 AND dag_id = $2) AS "is_marked!""#,
            username,
            dag_id
        );
        Ok(is_marked.fetch_one(self.pool()).await?)
    }
}
