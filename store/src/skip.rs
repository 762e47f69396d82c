//! Runs that are left out.

use jiff::Timestamp;
use model::dag_run::DataInterval;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Result, Store, from_sql};

/// So many skipped runs are shown.
const SHOWN: i64 = 20;

/// What of a DAG's schedule is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skips {
    /// So many of the next runs.
    pub next: u32,
    /// The last runs that were, newest first.
    pub runs: Vec<Skip>,
}

/// A run that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// What it would have covered.
    pub data_interval: DataInterval,
    /// When it was due.
    pub run_after: Timestamp,
    /// Why.
    pub reason: String,
    /// When that was decided.
    pub skipped_at: Timestamp,
}

impl Store {
    /// Leaves out the next `count` scheduled runs of a DAG, instead of as many as before; false when there is none of
    /// that name.
    pub async fn set_skip_next(&self, dag_id: &str, count: u32, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let before = sqlx::query_scalar!(
            r#"-- dag.set_skip_next
            WITH before AS (
                SELECT skip_next FROM dag WHERE dag_id = $1 AND NOT is_stale FOR UPDATE
            ), changed AS (
                UPDATE dag SET skip_next = $2 FROM before WHERE dag_id = $1 RETURNING dag_id, before.skip_next AS skipped
            ), noted AS (
                INSERT INTO change (dag_id) SELECT dag_id FROM changed
            )
            SELECT skipped AS "skipped!" FROM changed, pg_notify('flowctl_change', 'dag:' || $1)"#,
            dag_id,
            count.cast_signed()
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(before) = before else { return Ok(false) };
        let event = Event::new("put_skip_next").dag(dag_id).before(json!({"skip_next": before}));
        event.after(json!({"skip_next": count})).commit(transaction, by).await?;
        Ok(true)
    }

    /// What of a DAG's schedule is left out; none when there is no DAG of that name.
    pub async fn skips(&self, dag_id: &str) -> Result<Option<Skips>, sqlx::Error> {
        let next = sqlx::query_scalar!("-- dag.skip_next\nSELECT skip_next FROM dag WHERE dag_id = $1", dag_id)
            .fetch_optional(self.pool())
            .await?;
        let Some(next) = next else { return Ok(None) };
        let rows = sqlx::query!(
            "-- skipped_run.of_dag
             SELECT data_interval_start, data_interval_end, run_after, reason, skipped_at
             FROM skipped_run WHERE dag_id = $1 ORDER BY data_interval_start DESC LIMIT $2",
            dag_id,
            SHOWN
        )
        .fetch_all(self.pool())
        .await?;
        let runs = rows.into_iter().map(|row| Skip {
            data_interval: DataInterval {
                start: from_sql(row.data_interval_start),
                end: from_sql(row.data_interval_end),
            },
            run_after: from_sql(row.run_after),
            reason: row.reason,
            skipped_at: from_sql(row.skipped_at),
        });
        Ok(Some(Skips { next: next.cast_unsigned(), runs: runs.collect() }))
    }
}
