//! Deleting a DAG with its history.
//!
//! A history can be long, and no transaction may hold locks for long. So the DAG is retired first (no file describes it
//! any more, its unfinished runs are gone), then its finished runs go batch after batch, and last the DAG itself, unless
//! a run was created meanwhile: then it begins again. What is interrupted on the way is completed by deleting it again.

use super::file_request::request;
use crate::dag_run::delete_runs;
use crate::event_log::{By, Event};
use crate::{Error, Result, Store};

/// Finished runs in one transaction.
const BATCH: i64 = 500;
/// So often a run may have been created meanwhile.
const ROUNDS: u32 = 5;

/// What deleting a DAG came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DagDeletion {
    /// It is gone.
    Deleted,
    /// Nothing was deleted, because some of its task instances run.
    Running,
    /// Runs of it were created faster than they could be deleted.
    Busy,
}

impl Store {
    /// Deletes a DAG with its versions, runs, backfills and what people said of it. Its file is read again: if it is
    /// still there, the DAG comes back, without a history.
    pub async fn delete_dag(&self, dag_id: &str, by: &By) -> Result<DagDeletion> {
        for _ in 0..ROUNDS {
            if !self.retire_dag(dag_id).await? {
                return Ok(DagDeletion::Running);
            }
            while self.delete_finished_runs(dag_id).await? {}
            if self.delete_retired_dag(dag_id, by).await? {
                return Ok(DagDeletion::Deleted);
            }
        }
        Ok(DagDeletion::Busy)
    }

    /// False, and nothing is changed: some of its task instances run.
    async fn retire_dag(&self, dag_id: &str) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        // Runs before the DAG, as the leader locks them.
        let unfinished = sqlx::query_scalar!(
            "-- dag_run.lock_unfinished
             SELECT id FROM dag_run WHERE dag_id = $1 AND state IN ('queued', 'running') ORDER BY id FOR UPDATE",
            dag_id
        )
        .fetch_all(&mut *transaction)
        .await?;
        let retired = sqlx::query!(
            "-- dag.retire
             WITH retired AS (
                 UPDATE dag SET is_stale = true, has_import_errors = false WHERE dag_id = $1 RETURNING dag_id
             ), noted AS (
                 INSERT INTO change (dag_id) SELECT dag_id FROM retired
             )
             SELECT pg_notify('flowctl_change', 'dag:' || dag_id) FROM retired",
            dag_id
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if retired.is_none() {
            return Err(Error::NotFound { what: format!("DAG `{dag_id}`") });
        }
        let runs = sqlx::query_scalar!(
            r#"-- task_instance.any_runs
            SELECT EXISTS (SELECT FROM task_instance WHERE dag_run_id = ANY ($1) AND state = 'running') AS "runs!""#,
            &unfinished
        )
        .fetch_one(&mut *transaction)
        .await?;
        if runs {
            return Ok(false);
        }
        delete_runs(&mut transaction, &unfinished).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A batch; false when there was none left.
    async fn delete_finished_runs(&self, dag_id: &str) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let doomed = sqlx::query_scalar!(
            "-- dag_run.lock_finished
             SELECT id FROM dag_run WHERE dag_id = $1 AND state IN ('success', 'failed')
             ORDER BY id LIMIT $2 FOR UPDATE",
            dag_id,
            BATCH
        )
        .fetch_all(&mut *transaction)
        .await?;
        delete_runs(&mut transaction, &doomed).await?;
        transaction.commit().await?;
        Ok(!doomed.is_empty())
    }

    /// False: it has runs.
    async fn delete_retired_dag(&self, dag_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let file =
            sqlx::query_scalar!("-- dag.lock\nSELECT relative_fileloc FROM dag WHERE dag_id = $1 FOR UPDATE", dag_id)
                .fetch_optional(&mut *transaction)
                .await?;
        // Somebody else deleted it in the same moment.
        let Some(file) = file else { return Ok(true) };
        let has_runs = sqlx::query_scalar!(
            r#"-- dag.has_runs
            SELECT EXISTS (SELECT FROM dag_run WHERE dag_id = $1) AS "has_runs!""#,
            dag_id
        )
        .fetch_one(&mut *transaction)
        .await?;
        if has_runs {
            return Ok(false);
        }
        sqlx::query!(
            "-- asset.undescribe_all
             UPDATE asset SET name = uri, group_name = 'asset', owner = NULL, description = NULL, layer = NULL,
                    schema = '{}', fresh_within_ms = NULL, watched_since = NULL, described_by = NULL,
                    is_overdue = false, turned_at = NULL
             WHERE described_by = $1",
            dag_id
        )
        .execute(&mut *transaction)
        .await?;
        let deleted = sqlx::query!(
            "-- dag.delete
             WITH backfills AS (
                 DELETE FROM backfill WHERE dag_id = $1
             ), disabled AS (
                 DELETE FROM disabled_task WHERE dag_id = $1
             ), errors AS (
                 DELETE FROM import_error WHERE filename = $2
             ), noted AS (
                 INSERT INTO change (dag_id) VALUES ($1)
             ), told AS MATERIALIZED (
                 SELECT pg_notify('flowctl_change', 'dag:' || $1)
             )
             DELETE FROM dag USING told WHERE dag_id = $1",
            dag_id,
            file
        )
        .execute(&mut *transaction)
        .await;
        match deleted {
            Ok(_) => {}
            // A run of one of its versions was created since the look.
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        request(&mut transaction, &file, by.at).await?;
        let event = Event::new("delete_dag").dag(dag_id).before(serde_json::json!({ "relative_fileloc": file }));
        event.commit(transaction, by).await?;
        Ok(true)
    }
}
