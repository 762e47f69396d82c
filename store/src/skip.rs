//! Runs that are left out.

use jiff::Timestamp;
use model::dag_run::DataInterval;

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
    pub async fn set_skip_next(&self, dag_id: &str, count: u32) -> Result<bool> {
        let found = sqlx::query_scalar!(
            r#"-- dag.set_skip_next
            WITH changed AS (
                UPDATE dag SET skip_next = $2 WHERE dag_id = $1 AND NOT is_stale RETURNING dag_id
            ), noted AS (
                INSERT INTO change (dag_id) SELECT dag_id FROM changed
            )
            SELECT count(pg_notify('flowctl_change', 'dag:' || dag_id)) AS "found!" FROM changed"#,
            dag_id,
            count.cast_signed()
        )
        .fetch_one(self.pool())
        .await?;
        Ok(found == 1)
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
