//! Ends that people give to runs.

use jiff::Timestamp;
use model::ids::DagRunKey;
use model::state::DagRunState;
use serde_json::json;

use super::lock;
use crate::event_log::{By, Event};
use crate::{Result, Store, to_sql};

/// What a person may say that a run's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DagRunEnd {
    /// It did what it was to do.
    Success,
    /// It did not.
    Failed,
}

impl Store {
    /// Ends a run as failed, "cancelled by …". What holds a slot becomes failed, with its attempt in the history, and
    /// its process is stopped by the leader; what has not started is skipped. False when the run has ended already.
    pub async fn cancel_dag_run(&self, dag_id: &str, run_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let run = lock(&mut transaction, dag_id, run_id).await?;
        if run.state.is_finished() {
            return Ok(false);
        }
        let reason = format!("cancelled by {}", by.username);
        end(&mut transaction, run.key, DagRunState::Failed, &reason, by.at).await?;
        let event = Event::new("cancel_dag_run").dag(dag_id).run(Some(run_id));
        let event = event.before(json!({"state": run.state})).after(json!({"state": DagRunState::Failed}));
        event.commit(transaction, by).await?;
        Ok(true)
    }

    /// Gives a run the end that a person says it has. Failed: as by [`Self::cancel_dag_run`]. Success: every task
    /// instance becomes success, and what holds a slot is stopped by the leader. A run that has ended so stays as it is.
    pub async fn mark_dag_run(&self, dag_id: &str, run_id: &str, end_state: DagRunEnd, by: &By) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let run = lock(&mut transaction, dag_id, run_id).await?;
        let state = match end_state {
            DagRunEnd::Success => DagRunState::Success,
            DagRunEnd::Failed => DagRunState::Failed,
        };
        if run.state != state {
            let reason = format!("marked {state} by {}", by.username);
            end(&mut transaction, run.key, state, &reason, by.at).await?;
            let event = Event::new("patch_dag_run").dag(dag_id).run(Some(run_id));
            let event = event.before(json!({"state": run.state})).after(json!({"state": state}));
            event.commit(transaction, by).await?;
        }
        Ok(())
    }
}

async fn end(
    transaction: &mut sqlx::PgTransaction<'_>,
    run: DagRunKey,
    state: DagRunState,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "-- dag_run.end
         WITH attempts AS (
             INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, reason, pid,
                                  scheduled_at, queued_at, started_at, ended_at)
             SELECT dag_run_id, task_index, map_index, try_number, attempt_token, 'cancelled', $2, pid,
                    scheduled_at, queued_at, started_at, $3
             FROM task_instance
             WHERE dag_run_id = $1
               AND state IN ('queued', 'running', 'restarting', 'deferred', 'awaiting_input', 'up_for_reschedule')
             ON CONFLICT DO NOTHING
         ), ended AS (
             UPDATE task_instance SET ended_at = COALESCE(ended_at, $3), retry_at = NULL,
                 state = CASE WHEN $4::text = 'success' THEN 'success'::task_instance_state
                              WHEN state IN ('queued', 'running', 'restarting', 'deferred', 'awaiting_input', 'up_for_reschedule')
                                  THEN 'failed'
                              ELSE 'skipped' END
             WHERE dag_run_id = $1 AND state NOT IN ('success', 'removed')
               AND ($4::text = 'success' OR state NOT IN ('failed', 'skipped', 'upstream_failed'))
         ), noted AS (
             INSERT INTO change (dag_run_id) VALUES ($1)
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', 'run:' || $1::bigint || '*')
         )
         UPDATE dag_run SET state = $4::text::dag_run_state, reason = $2, ended_at = COALESCE(ended_at, $3),
             version = version + 1
         FROM notified WHERE id = $1",
        run.0,
        reason,
        to_sql(now),
        state.as_str()
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
