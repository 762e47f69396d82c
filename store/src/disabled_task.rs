//! Tasks that people have disabled: of one run, or of all until further notice.

use jiff::Timestamp;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Error, Result, Store, from_sql, to_sql};

/// A disabled task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledTask {
    /// The task.
    pub task_id: String,
    /// In this run; none: in all, until further notice.
    pub run_id: Option<String>,
    /// Who disabled it.
    pub disabled_by: String,
    /// When.
    pub disabled_at: Timestamp,
}

impl Store {
    /// From now on the task is skipped when its turn comes, in one run or in all. False when it is disabled already.
    pub async fn disable_task(&self, dag_id: &str, run_id: Option<&str>, task_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let run = tell(&mut transaction, dag_id, run_id).await?;
        let is_known = sqlx::query_scalar!(
            r#"-- task.exists
            SELECT EXISTS (
                SELECT FROM task k WHERE k.task_id = $2 AND k.dag_version_id IN (
                    SELECT current_version_id FROM dag WHERE dag_id = $1 AND $3::bigint IS NULL
                    UNION ALL SELECT dag_version_id FROM dag_run WHERE id = $3)) AS "exists!""#,
            dag_id,
            task_id,
            run
        )
        .fetch_one(&mut *transaction)
        .await?;
        if !is_known {
            return Err(Error::NotFound { what: format!("task `{task_id}` in DAG `{dag_id}`") });
        }
        let done = sqlx::query!(
            "-- disabled_task.insert
             INSERT INTO disabled_task (dag_id, dag_run_id, task_id, disabled_by, disabled_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            dag_id,
            run,
            task_id,
            by.username,
            to_sql(by.at)
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 1 {
            let event = Event::new("disable_task").dag(dag_id).run(run_id).task(task_id, None);
            event.after(json!({"disabled": true})).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// From now on the task runs again when its turn comes; what was skipped stays so. False when it is not disabled.
    pub async fn enable_task(&self, dag_id: &str, run_id: Option<&str>, task_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let run = tell(&mut transaction, dag_id, run_id).await?;
        let done = sqlx::query!(
            "-- disabled_task.delete
             DELETE FROM disabled_task WHERE dag_id = $1 AND dag_run_id IS NOT DISTINCT FROM $2 AND task_id = $3",
            dag_id,
            run,
            task_id
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 1 {
            let event = Event::new("enable_task").dag(dag_id).run(run_id).task(task_id, None);
            event.before(json!({"disabled": true})).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The disabled tasks of a DAG.
    pub async fn disabled_tasks(&self, dag_id: &str) -> Result<Vec<DisabledTask>> {
        let rows = sqlx::query!(
            r#"-- disabled_task.list
            SELECT d.task_id, r.run_id AS "run_id?", d.disabled_by, d.disabled_at
            FROM disabled_task d LEFT JOIN dag_run r ON r.id = d.dag_run_id
            WHERE d.dag_id = $1 ORDER BY d.task_id, r.run_id NULLS FIRST"#,
            dag_id
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| DisabledTask {
                task_id: row.task_id,
                run_id: row.run_id,
                disabled_by: row.disabled_by,
                disabled_at: from_sql(row.disabled_at),
            })
            .collect())
    }
}

/// Has the leader look again at the DAG and at those of its runs that are concerned. The key of the run, if it is one.
async fn tell(transaction: &mut sqlx::PgTransaction<'_>, dag_id: &str, run_id: Option<&str>) -> Result<Option<i64>> {
    let runs = sqlx::query!(
        "-- disabled_task.tell
         WITH locked AS MATERIALIZED (
             SELECT id FROM dag_run WHERE dag_id = $1 AND CASE WHEN $2::text IS NULL THEN state IN ('queued', 'running')
                                                              ELSE run_id = $2 END
             ORDER BY id FOR UPDATE
         ), of_dag AS (
             INSERT INTO change (dag_id) VALUES ($1)
         ), of_runs AS (
             INSERT INTO change (dag_run_id) SELECT id FROM locked
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', 'dag:' || $1)
         )
         UPDATE dag_run r SET version = version + 1 FROM locked, (SELECT count(*) FROM notified) AS n
         WHERE r.id = locked.id RETURNING r.id",
        dag_id,
        run_id
    )
    .fetch_all(&mut **transaction)
    .await?;
    match (run_id, runs.first()) {
        (None, _) => Ok(None),
        (Some(_), Some(run)) => Ok(Some(run.id)),
        (Some(run_id), None) => Err(Error::NotFound { what: format!("run `{run_id}` of DAG `{dag_id}`") }),
    }
}
