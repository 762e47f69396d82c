//! Deleting runs with everything of theirs.

use super::lock;
use crate::clean::{Cleaned, CleanedBatch};
use crate::event_log::{By, Event};
use crate::{Result, Store};

impl Store {
    /// Deletes a run with its task instances, attempts, values and messages, unless it is running: false, and nothing is
    /// changed. What of a queued run still holds a slot, because the run was cleared, is stopped by the leader.
    pub async fn delete_dag_run(&self, dag_id: &str, run_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let run = lock(&mut transaction, dag_id, run_id).await?;
        if run.state == model::state::DagRunState::Running {
            return Ok(false);
        }
        delete_runs(&mut transaction, &[run.key.0]).await?;
        let event = Event::new("delete_dag_run").dag(dag_id).run(Some(run_id));
        event.before(serde_json::json!({"state": run.state})).commit(transaction, by).await?;
        Ok(true)
    }
}

/// Deletes runs, which the transaction has locked, and tells the leader, who may have them in memory.
pub(crate) async fn delete_runs(transaction: &mut sqlx::PgTransaction<'_>, ids: &[i64]) -> Result<CleanedBatch> {
    if ids.is_empty() {
        return Ok(CleanedBatch::default());
    }
    let row = sqlx::query!(
        r#"-- dag_run.delete
        WITH task_instances AS (
            DELETE FROM task_instance WHERE dag_run_id = ANY ($1) RETURNING 1
        ), attempts AS (
            DELETE FROM attempt WHERE dag_run_id = ANY ($1) RETURNING 1
        ), xcoms AS (
            DELETE FROM xcom WHERE dag_run_id = ANY ($1) RETURNING 1
        ), named AS (
            DELETE FROM rendered_map_index WHERE dag_run_id = ANY ($1)
        ), removed_tasks AS (
            DELETE FROM removed_task WHERE dag_run_id = ANY ($1)
        ), marks AS (
            DELETE FROM mark WHERE dag_run_id = ANY ($1)
        ), disabled_tasks AS (
            DELETE FROM disabled_task WHERE dag_run_id = ANY ($1)
        ), waits AS (
            DELETE FROM waiting WHERE dag_run_id = ANY ($1)
        ), waited AS (
            DELETE FROM waited WHERE dag_run_id = ANY ($1)
        ), callbacks AS (
            DELETE FROM callback WHERE dag_run_id = ANY ($1)
        ), missed_deadlines AS (
            DELETE FROM missed_deadline WHERE dag_run_id = ANY ($1)
        ), approvals AS (
            DELETE FROM approval WHERE dag_run_id = ANY ($1)
        ), taken_events AS (
            DELETE FROM dag_run_asset_event WHERE dag_run_id = ANY ($1)
        ), notes AS (
            DELETE FROM task_instance_note WHERE dag_run_id = ANY ($1)
        ), states AS (
            DELETE FROM task_state WHERE dag_run_id = ANY ($1)
        ), runs AS (
            DELETE FROM dag_run WHERE id = ANY ($1) RETURNING id, dag_id, run_id, state
        ), noted AS (
            INSERT INTO change (dag_run_id) SELECT id FROM runs WHERE state IN ('queued', 'running')
        )
        SELECT (SELECT count(*) FROM task_instances) AS "task_instances!",
               (SELECT count(*) FROM attempts) AS "attempts!",
               (SELECT count(*) FROM xcoms) AS "xcoms!",
               (SELECT coalesce(array_agg(dag_id ORDER BY id), '{}') FROM runs) AS "dag_ids!",
               (SELECT coalesce(array_agg(run_id ORDER BY id), '{}') FROM runs) AS "run_ids!",
               pg_notify('flowctl_change', '')::text AS told"#,
        ids
    )
    .fetch_one(&mut **transaction)
    .await?;
    let runs: Vec<_> = row.dag_ids.into_iter().zip(row.run_ids).collect();
    let counts = Cleaned {
        dag_runs: i64::try_from(runs.len()).unwrap_or(i64::MAX),
        task_instances: row.task_instances,
        attempts: row.attempts,
        xcoms: row.xcoms,
        skipped_runs: 0,
    };
    Ok(CleanedBatch { counts, runs })
}
