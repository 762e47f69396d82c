//! What people do to runs: trigger, cancel, mark, clear. Each is one transaction that locks the run, changes it, adds one
//! to its version (so that the leader's plan of it is refused) and leaves a `change` for the leader.

mod clear;
mod delete;
mod delete_task;
mod end;
mod mark;
mod trigger;

use model::ids::DagRunKey;
use model::state::DagRunState;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Error, Result, Store};

#[cfg(test)]
pub(crate) use clear::tests;
pub(crate) use clear::{Chosen, latest_version, mapped, reopen, repin, restart};
pub use clear::{ClearError, ClearRuns, ClearSelection, Cleared};
pub(crate) use delete::delete_runs;
pub use delete_task::DeleteError;
pub use end::DagRunEnd;
pub use mark::TaskInstanceEnd;
pub use trigger::TriggerError;

impl Store {
    /// Sets a run's remark; none takes it away. False when there is no such run.
    pub async fn set_dag_run_note(&self, dag_id: &str, run_id: &str, note: Option<&str>, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let before = sqlx::query_scalar!(
            "-- dag_run.note\nSELECT note FROM dag_run WHERE dag_id = $1 AND run_id = $2 FOR UPDATE",
            dag_id,
            run_id
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(before) = before else { return Ok(false) };
        sqlx::query!(
            "-- dag_run.set_note\nUPDATE dag_run SET note = $3 WHERE dag_id = $1 AND run_id = $2",
            dag_id,
            run_id,
            note
        )
        .execute(&mut *transaction)
        .await?;
        let event = Event::new("patch_dag_run").dag(dag_id).run(Some(run_id));
        let event = event.before(json!({"note": before})).after(json!({"note": note}));
        event.commit(transaction, by).await?;
        Ok(true)
    }
}

/// A run whose row this transaction has locked: nobody else changes it, or task instances of it, until it ends.
pub(crate) struct Locked {
    pub(crate) key: DagRunKey,
    state: DagRunState,
}

pub(crate) async fn lock(transaction: &mut sqlx::PgTransaction<'_>, dag_id: &str, run_id: &str) -> Result<Locked> {
    let run = sqlx::query!(
        r#"-- dag_run.lock
        SELECT id, state::text AS "state!" FROM dag_run WHERE dag_id = $1 AND run_id = $2 FOR UPDATE"#,
        dag_id,
        run_id
    )
    .fetch_optional(&mut **transaction)
    .await?;
    let run = run.ok_or_else(|| Error::NotFound { what: format!("run `{run_id}` of DAG `{dag_id}`") })?;
    let state = run.state.parse().map_err(|error: model::state::UnknownName| Error::Unreadable {
        what: format!("the state of run `{run_id}` of DAG `{dag_id}`"),
        reason: error.to_string(),
    })?;
    Ok(Locked { key: DagRunKey(run.id), state })
}
