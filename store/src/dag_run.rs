//! What people do to runs: trigger, cancel, clear. Each is one transaction that locks the run, changes it, adds one to
//! its version (so that the leader's plan of it is refused) and leaves a `change` for the leader.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::dag::Dag;
use model::dag_run::NewDagRun;
use model::ids::{DagRunKey, TaskIndex};

use crate::{Error, Result, Store, to_sql};

/// Why a run was not created.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// There is no such DAG, or no file describes it any more.
    #[error("no DAG `{0}`")]
    DagNotFound(String),
    /// The DAG has a run of that id.
    #[error("DAG `{dag_id}` already has a run `{run_id}`")]
    RunIdExists {
        /// The DAG.
        dag_id: String,
        /// The run.
        run_id: String,
    },
    /// The DAG has a run of that logical date.
    #[error("DAG `{dag_id}` already has a run for {logical_date}")]
    LogicalDateExists {
        /// The DAG.
        dag_id: String,
        /// The date.
        logical_date: Timestamp,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for TriggerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Name of the unique key over logical dates, as PostgreSQL named it.
const LOGICAL_DATE_KEY: &str = "dag_run_dag_id_logical_date_key";

impl Store {
    /// Creates a run of a DAG's current version, with its parameters as they were checked.
    pub async fn trigger(
        &self,
        run: &NewDagRun,
        params: &serde_json::Map<String, serde_json::Value>,
        now: Timestamp,
    ) -> Result<DagRunKey, TriggerError> {
        let json = |map: &serde_json::Map<String, serde_json::Value>| serde_json::Value::from(map.clone()).to_string();
        let created = sqlx::query_scalar!(
            r#"-- dag_run.trigger
            WITH created AS (
                INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, logical_date,
                                     data_interval_start, data_interval_end, run_after, queued_at, conf, params, note,
                                     triggered_by, triggering_user)
                SELECT dag_id, $2, current_version_id, 'queued', $3::text::dag_run_type, $4, $5, $6, $7, $8,
                       $9::text::json, $10::text::json, $11, $12, $13
                FROM dag WHERE dag_id = $1 AND NOT is_stale AND current_version_id IS NOT NULL
                RETURNING id
            ), noted AS (
                INSERT INTO change (dag_run_id) SELECT id FROM created
            )
            SELECT id AS "id!" FROM created, pg_notify('flowctl_change', 'dag:' || $1)"#,
            run.dag_id,
            run.run_id,
            run.run_type.as_str(),
            run.logical_date.map(to_sql),
            run.data_interval.map(|interval| to_sql(interval.start)),
            run.data_interval.map(|interval| to_sql(interval.end)),
            to_sql(run.run_after),
            to_sql(now),
            json(&run.conf),
            json(params),
            run.note,
            run.triggered_by.as_str(),
            run.triggering_user
        )
        .fetch_optional(self.pool())
        .await;
        match created {
            Ok(Some(id)) => Ok(DagRunKey(id)),
            Ok(None) => Err(TriggerError::DagNotFound(run.dag_id.clone())),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(match (error.constraint(), run.logical_date) {
                    (Some(LOGICAL_DATE_KEY), Some(logical_date)) => {
                        TriggerError::LogicalDateExists { dag_id: run.dag_id.clone(), logical_date }
                    }
                    _ => TriggerError::RunIdExists { dag_id: run.dag_id.clone(), run_id: run.run_id.clone() },
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a run as failed, "cancelled by …". What holds a slot becomes failed, with its attempt in the history, and
    /// its process is stopped by the leader; what has not started is skipped. False when the run has ended already.
    pub async fn cancel_dag_run(&self, dag_id: &str, run_id: &str, by: &str, now: Timestamp) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let Some(run) = sqlx::query!(
            r#"-- dag_run.lock
            SELECT id, state IN ('success', 'failed') AS "is_finished!" FROM dag_run
            WHERE dag_id = $1 AND run_id = $2 FOR UPDATE"#,
            dag_id,
            run_id
        )
        .fetch_optional(&mut *transaction)
        .await?
        else {
            return Err(Error::NotFound { what: format!("run `{run_id}` of DAG `{dag_id}`") });
        };
        if run.is_finished {
            return Ok(false);
        }
        let reason = format!("cancelled by {by}");
        sqlx::query!(
            "-- dag_run.cancel
             WITH attempts AS (
                 INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, reason, pid,
                                      scheduled_at, queued_at, started_at, ended_at)
                 SELECT dag_run_id, task_index, map_index, try_number, attempt_token, 'cancelled', $2, pid,
                        scheduled_at, queued_at, started_at, $3
                 FROM task_instance WHERE dag_run_id = $1 AND state IN ('queued', 'running', 'restarting')
                 ON CONFLICT DO NOTHING
             ), ended AS (
                 UPDATE task_instance SET ended_at = $3, retry_at = NULL,
                     state = CASE WHEN state IN ('queued', 'running', 'restarting')
                                  THEN 'failed'::task_instance_state ELSE 'skipped' END
                 WHERE dag_run_id = $1
                   AND state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
             ), noted AS (
                 INSERT INTO change (dag_run_id) VALUES ($1)
             ), notified AS MATERIALIZED (
                 SELECT pg_notify('flowctl_change', 'run:' || $1::bigint || '*')
             )
             UPDATE dag_run SET state = 'failed', reason = $2, ended_at = $3, version = version + 1
             FROM notified WHERE id = $1",
            run.id,
            reason,
            to_sql(now)
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Lets task instances of a run start over, with all that follows them, and a run that has ended run again. What
    /// holds a slot becomes restarting: the leader stops it first. Attempts that ended well go to the history. Returns
    /// the cleared tasks; nothing is changed when there are none.
    pub async fn clear_task_instances(
        &self,
        dag_id: &str,
        run_id: &str,
        selection: &ClearSelection,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let mut transaction = self.pool().begin().await?;
        let Some(run) = sqlx::query!(
            r#"-- dag_run.lock_for_clear
            SELECT r.id, v.spec::text AS "spec!" FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id
            WHERE r.dag_id = $1 AND r.run_id = $2 FOR UPDATE OF r"#,
            dag_id,
            run_id
        )
        .fetch_optional(&mut *transaction)
        .await?
        else {
            return Err(Error::NotFound { what: format!("run `{run_id}` of DAG `{dag_id}`") });
        };
        let dag: Dag = serde_json::from_str(&run.spec).map_err(|error| Error::Unreadable {
            what: format!("the spec of DAG `{dag_id}`"),
            reason: error.to_string(),
        })?;
        let roots: Vec<TaskIndex> = match &selection.task_id {
            None => (0..).map(TaskIndex).take(dag.tasks.len()).collect(),
            Some(task_id) => vec![dag.index_of(task_id).ok_or_else(|| Error::NotFound {
                what: format!("task `{task_id}` in run `{run_id}` of DAG `{dag_id}`"),
            })?],
        };
        let selected: Vec<i32> =
            with_downstream(&roots, &dag.downstream()).into_iter().map(|index| index.0.cast_signed()).collect();
        let cleared = sqlx::query_scalar!(
            "-- task_instance.clear
             WITH chosen AS MATERIALIZED (
                 SELECT t.*, k.retries FROM task_instance t
                 JOIN dag_run r ON r.id = t.dag_run_id
                 JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
                 WHERE t.dag_run_id = $1 AND t.task_index = ANY($2)
                   AND (NOT $3 OR t.state IN ('failed', 'upstream_failed'))
                   AND t.state NOT IN ('none', 'restarting', 'removed')
             ), history AS (
                 INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, pid,
                                      scheduled_at, queued_at, started_at, ended_at)
                 SELECT dag_run_id, task_index, map_index, try_number, attempt_token, state::text, pid,
                        scheduled_at, queued_at, started_at, COALESCE(ended_at, $4)
                 FROM chosen WHERE state IN ('success', 'failed', 'skipped') AND try_number > 0
                 ON CONFLICT DO NOTHING
             )
             UPDATE task_instance t SET
                 state = CASE WHEN c.state IN ('queued', 'running')
                              THEN 'restarting'::task_instance_state ELSE 'none' END,
                 max_tries = c.try_number + c.retries + 1, ended_at = NULL, retry_at = NULL
             FROM chosen c
             WHERE t.dag_run_id = c.dag_run_id AND t.task_index = c.task_index AND t.map_index = c.map_index
             RETURNING t.task_index",
            run.id,
            &selected,
            selection.only_failed,
            to_sql(now)
        )
        .fetch_all(&mut *transaction)
        .await?;
        if cleared.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query!(
            "-- dag_run.clear
             WITH noted AS (
                 INSERT INTO change (dag_run_id) VALUES ($1)
             ), notified AS MATERIALIZED (
                 SELECT pg_notify('flowctl_change', 'run:' || $1::bigint || '*')
             )
             UPDATE dag_run SET version = version + 1,
                 queued_at = CASE WHEN state IN ('success', 'failed') THEN $2 ELSE queued_at END,
                 started_at = CASE WHEN state IN ('success', 'failed') THEN NULL ELSE started_at END,
                 ended_at = NULL, reason = NULL,
                 state = CASE WHEN state IN ('success', 'failed') THEN 'queued'::dag_run_state ELSE state END
             FROM notified WHERE id = $1",
            run.id,
            to_sql(now)
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let mut indexes: Vec<u32> = cleared.into_iter().map(i32::cast_unsigned).collect();
        indexes.sort_unstable();
        Ok(indexes.into_iter().map(|index| dag.task(TaskIndex(index)).task_id.clone()).collect())
    }
}

/// Which task instances of a run start over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClearSelection {
    /// This task and what follows it; none: all.
    pub task_id: Option<String>,
    /// Of those, only what failed or was kept from running by a failure.
    pub only_failed: bool,
}

/// Some tasks and all that follow them.
fn with_downstream(roots: &[TaskIndex], downstream: &[Vec<TaskIndex>]) -> BTreeSet<TaskIndex> {
    let mut found = BTreeSet::new();
    let mut stack = roots.to_vec();
    while let Some(index) = stack.pop() {
        if found.insert(index) {
            stack.extend(&downstream[index.at()]);
        }
    }
    found
}
