//! Ends that people give to task instances.

use std::collections::BTreeSet;

use model::ids::{DagRunKey, TaskIndex};

use super::clear::{Chosen, ClearError, ClearRuns, ClearSelection, choose, load_versions, lock_runs, reopen, restart};
use crate::event_log::{By, record_task_instances};
use crate::{Error, Result, Store, to_sql};

/// What a person may say that a task instance's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskInstanceEnd {
    /// It did what it was to do.
    Success,
    /// It did not.
    Failed,
    /// It is not needed.
    Skipped,
}

impl TaskInstanceEnd {
    /// The state's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What can be marked: all that is there and not so already.
const STATES: [&str; 13] = [
    "none",
    "scheduled",
    "queued",
    "running",
    "restarting",
    "success",
    "failed",
    "skipped",
    "upstream_failed",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    "awaiting_input",
];

impl Store {
    /// Gives task instances the end that a person says they have. What holds a slot keeps its attempt in the history and
    /// is stopped by the leader. What failed behind them is looked at again, and runs that had ended end anew. `chosen`:
    /// its tasks, its neighbours, whether it is a dry run. Returns the keys of what is marked, ascending.
    pub async fn mark_task_instances(
        &self,
        dag_id: &str,
        runs: &ClearRuns,
        chosen: &ClearSelection,
        end: TaskInstanceEnd,
        by: &By,
    ) -> Result<Vec<(DagRunKey, TaskIndex, i32)>, ClearError> {
        let mut transaction = self.pool().begin().await?;
        let runs = lock_runs(&mut transaction, dag_id, runs).await?;
        let versions = load_versions(&mut transaction, dag_id, &runs).await?;
        let missing = |task_id: String| Error::NotFound { what: format!("task `{task_id}` in DAG `{dag_id}`") };
        // A setup whose work is marked is not marked with it.
        let chosen = ClearSelection { without_setups: true, ..chosen.clone() };
        let positions = chosen.positions(&versions, None).map_err(missing)?;
        let states: Vec<&str> = STATES.into_iter().filter(|state| *state != end.as_str()).collect();
        let marked = choose(&mut transaction, &runs, &states, &positions).await?;
        let keys: Vec<_> = marked.iter().map(|one| (one.run, one.task, one.map_index)).collect();
        if marked.is_empty() || chosen.is_dry_run {
            return Ok(keys);
        }
        let touched: BTreeSet<DagRunKey> = marked.iter().map(|one| one.run).collect();
        let after = serde_json::json!({"task_instances": end.as_str()});
        record_task_instances(&mut transaction, by, "patch_task_instance", &touched, &keys, &after).await?;
        mark(&mut transaction, &marked, end, by).await?;
        let behind = ClearSelection {
            tasks: chosen.tasks.clone(),
            with_downstream: true,
            without_setups: true,
            ..ClearSelection::default()
        };
        let behind = behind.positions(&versions, None).map_err(missing)?;
        let is_marked: BTreeSet<_> = marked.iter().map(|one| (one.run, one.task, one.map_index)).collect();
        let mut failed = choose(&mut transaction, &runs, &["failed", "upstream_failed"], &behind).await?;
        failed.retain(|one| !is_marked.contains(&(one.run, one.task, one.map_index)));
        restart(&mut transaction, &failed, by.at).await?;
        let touched: Vec<i64> = touched.into_iter().map(|run| run.0).collect();
        reopen(&mut transaction, &touched, &ClearSelection::default(), by.at).await?;
        transaction.commit().await?;
        Ok(keys)
    }
}

async fn mark(
    transaction: &mut sqlx::PgTransaction<'_>,
    marked: &[Chosen],
    end: TaskInstanceEnd,
    by: &By,
) -> Result<()> {
    let runs: Vec<i64> = marked.iter().map(|one| one.run.0).collect();
    let tasks: Vec<i32> = marked.iter().map(|one| one.task.0.cast_signed()).collect();
    let elements: Vec<i32> = marked.iter().map(|one| one.map_index).collect();
    sqlx::query!(
        "-- task_instance.mark
         WITH chosen AS MATERIALIZED (
             SELECT t.* FROM unnest($1::bigint[], $2::int[], $3::int[]) AS u (dag_run_id, task_index, map_index)
             JOIN task_instance t ON t.dag_run_id = u.dag_run_id AND t.task_index = u.task_index
                                 AND t.map_index = u.map_index
         ), attempts AS (
             INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, reason, pid,
                                  scheduled_at, queued_at, started_at, ended_at)
             SELECT dag_run_id, task_index, map_index, try_number, attempt_token, 'cancelled',
                    'marked ' || $4::text || ' by ' || $5::text, pid, scheduled_at, queued_at, started_at, $6
             FROM chosen
             WHERE state IN ('queued', 'running', 'restarting', 'deferred', 'awaiting_input', 'up_for_reschedule')
             ON CONFLICT DO NOTHING
         ), marks AS (
             INSERT INTO mark (dag_run_id, task_index, map_index, state, marked_by, marked_at)
             SELECT dag_run_id, task_index, map_index, $4::text, $5, $6 FROM chosen
             ON CONFLICT (dag_run_id, task_index, map_index)
                DO UPDATE SET state = excluded.state, marked_by = excluded.marked_by, marked_at = excluded.marked_at
         )
         UPDATE task_instance t SET state = $4::text::task_instance_state, retry_at = NULL,
             ended_at = COALESCE(t.ended_at, $6)
         FROM chosen c
         WHERE t.dag_run_id = c.dag_run_id AND t.task_index = c.task_index AND t.map_index = c.map_index",
        &runs,
        &tasks,
        &elements,
        end.as_str(),
        by.username,
        to_sql(by.at)
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
