//! Pinning runs to the newest version of their DAG.

use jiff::Timestamp;
use model::ids::{DagRunKey, DagVersionKey, TaskIndex};

use crate::{Result, to_sql};

/// Pins runs to a version: task instances and attempts move to where their task, by its id, is in that version. Those of
/// tasks that are gone become removed (so do elements of those that are mapped no more) and stand behind the version's tasks; an attempt of theirs that runs or waits is
/// cancelled. Tasks that are new get a task instance in state none; these are returned. The runs are locked.
pub(crate) async fn repin(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[DagRunKey],
    version: DagVersionKey,
    mapped: &[i32],
    now: Timestamp,
) -> Result<Vec<(DagRunKey, TaskIndex)>> {
    let runs: Vec<i64> = runs.iter().map(|run| run.0).collect();
    set_apart(transaction, &runs, version, mapped, now).await?;
    // Positions are part of the primary keys, which are checked row by row: nothing is in the way of those set apart.
    sqlx::query!(
        "-- dag_run.repin
         WITH attempts AS (
             UPDATE attempt SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         ), marks AS (
             UPDATE mark SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         ), names AS (
             UPDATE rendered_map_index SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         ), waits AS (
             UPDATE waiting SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         ), approvals AS (
             UPDATE approval SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         ), task_instances AS (
             UPDATE task_instance SET task_index = -1 - task_index WHERE dag_run_id = ANY($1) AND task_index < 0
         )
         UPDATE dag_run SET dag_version_id = $2 WHERE id = ANY($1)",
        &runs,
        version.0
    )
    .execute(&mut **transaction)
    .await?;
    let added = sqlx::query!(
        "-- task_instance.add
         INSERT INTO task_instance (dag_run_id, task_index, max_tries)
         SELECT r.id, k.task_index, k.retries + 1
         FROM unnest($1::bigint[]) AS r (id) JOIN task k ON k.dag_version_id = $2
         WHERE NOT EXISTS (SELECT FROM task_instance t WHERE t.dag_run_id = r.id AND t.task_index = k.task_index
                                                    AND (t.map_index = -1 OR t.task_index = ANY($3)))
         RETURNING dag_run_id, task_index",
        &runs,
        version.0,
        mapped
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(added.into_iter().map(|row| (DagRunKey(row.dag_run_id), TaskIndex(row.task_index.cast_unsigned()))).collect())
}

/// Moves everything to -1 - its new position.
async fn set_apart(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
    version: DagVersionKey,
    mapped: &[i32],
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "-- task_instance.set_apart
         WITH present AS MATERIALIZED (
             SELECT DISTINCT t.dag_run_id, t.task_index, COALESCE(k.task_id, g.task_id) AS task_id,
                    COALESCE(k.operator, g.operator) AS operator
             FROM dag_run r JOIN task_instance t ON t.dag_run_id = r.id
             LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
             LEFT JOIN removed_task g ON g.dag_run_id = r.id AND g.task_index = t.task_index AND k.task_id IS NULL
             WHERE r.id = ANY($1)
         ), moved AS MATERIALIZED (
             SELECT p.*, n.task_index IS NULL AS is_gone,
                    COALESCE(n.task_index::bigint, (SELECT count(*) FROM task a WHERE a.dag_version_id = $2) - 1
                        + row_number() OVER (PARTITION BY p.dag_run_id, n.task_index IS NULL ORDER BY p.task_index)
                    )::int AS position
             FROM present p LEFT JOIN task n ON n.dag_version_id = $2 AND n.task_id = p.task_id
         ), forgotten AS (
             DELETE FROM removed_task g USING moved m
             WHERE g.dag_run_id = m.dag_run_id AND g.task_id = m.task_id AND NOT m.is_gone
         ), remembered AS (
             INSERT INTO removed_task (dag_run_id, task_id, task_index, operator)
             SELECT dag_run_id, task_id, position, operator FROM moved WHERE is_gone
             ON CONFLICT (dag_run_id, task_id) DO UPDATE SET task_index = excluded.task_index
         ), attempts AS (
             UPDATE attempt a SET task_index = -1 - m.position FROM moved m
             WHERE a.dag_run_id = m.dag_run_id AND a.task_index = m.task_index
         ), marks AS (
             UPDATE mark x SET task_index = -1 - m.position FROM moved m
             WHERE x.dag_run_id = m.dag_run_id AND x.task_index = m.task_index
         ), names AS (
             UPDATE rendered_map_index x SET task_index = -1 - m.position FROM moved m
             WHERE x.dag_run_id = m.dag_run_id AND x.task_index = m.task_index
         ), waits AS (
             UPDATE waiting x SET task_index = -1 - m.position FROM moved m
             WHERE x.dag_run_id = m.dag_run_id AND x.task_index = m.task_index
         ), approvals AS (
             UPDATE approval x SET task_index = -1 - m.position FROM moved m
             WHERE x.dag_run_id = m.dag_run_id AND x.task_index = m.task_index
         ), cancelled AS (
             INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, reason, pid,
                                  scheduled_at, queued_at, started_at, ended_at)
             SELECT t.dag_run_id, -1 - m.position, t.map_index, t.try_number, t.attempt_token, 'cancelled',
                    'its task is no longer in the DAG', t.pid, t.scheduled_at, t.queued_at, t.started_at, $3
             FROM task_instance t JOIN moved m ON m.dag_run_id = t.dag_run_id AND m.task_index = t.task_index
             WHERE (m.is_gone OR t.map_index >= 0 AND NOT m.position = ANY($4))
                 AND t.state IN ('queued', 'running', 'restarting', 'deferred', 'awaiting_input')
         )
         UPDATE task_instance t SET task_index = -1 - m.position,
             state = CASE WHEN m.is_gone OR t.map_index >= 0 AND NOT m.position = ANY($4) THEN 'removed' WHEN t.state = 'removed' AND t.map_index = -1 THEN 'none'
                          ELSE t.state END,
             ended_at = CASE WHEN m.is_gone OR t.map_index >= 0 AND NOT m.position = ANY($4) THEN COALESCE(t.ended_at, $3) ELSE t.ended_at END,
             retry_at = CASE WHEN m.is_gone THEN NULL ELSE t.retry_at END
         FROM moved m WHERE t.dag_run_id = m.dag_run_id AND t.task_index = m.task_index",
        runs,
        version.0,
        to_sql(now),
        mapped
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
