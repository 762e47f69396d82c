//! What people do to runs: trigger, cancel, mark, clear. Each is one transaction that locks the run, changes it, adds one to
//! its version (so that the leader's plan of it is refused) and leaves a `change` for the leader.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::dag::Dag;
use model::dag_run::NewDagRun;
use model::ids::{DagRunKey, TaskIndex};
use model::state::DagRunState;

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
            SELECT id AS "id!" FROM created, pg_notify('flowctl_change', '')"#,
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
        let run = lock(&mut transaction, dag_id, run_id).await?;
        if run.state.is_finished() {
            return Ok(false);
        }
        end(&mut transaction, run.key, DagRunState::Failed, &format!("cancelled by {by}"), now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a run the end that a person says it has. Failed: as by [`Self::cancel_dag_run`]. Success: every task
    /// instance becomes success, and what holds a slot is stopped by the leader. A run that has ended so stays as it is.
    pub async fn mark_dag_run(
        &self,
        dag_id: &str,
        run_id: &str,
        end_state: DagRunEnd,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let run = lock(&mut transaction, dag_id, run_id).await?;
        let state = match end_state {
            DagRunEnd::Success => DagRunState::Success,
            DagRunEnd::Failed => DagRunState::Failed,
        };
        if run.state != state {
            end(&mut transaction, run.key, state, &format!("marked {state} by {by}"), now).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Sets a run's remark; none takes it away. False when there is no such run.
    pub async fn set_dag_run_note(&self, dag_id: &str, run_id: &str, note: Option<&str>) -> Result<bool> {
        let done = sqlx::query!(
            "-- dag_run.set_note\nUPDATE dag_run SET note = $3 WHERE dag_id = $1 AND run_id = $2",
            dag_id,
            run_id,
            note
        )
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets task instances of a run start over, and a run that has ended run again. What holds a slot becomes
    /// restarting: the leader stops it first. Attempts that ended well go to the history. Nothing is changed when no
    /// task instance is as the selection says, or when it is a dry run.
    pub async fn clear_task_instances(
        &self,
        dag_id: &str,
        run_id: &str,
        selection: &ClearSelection,
        now: Timestamp,
    ) -> Result<Cleared, ClearError> {
        let mut transaction = self.pool().begin().await.map_err(Error::from)?;
        let run = lock(&mut transaction, dag_id, run_id).await?;
        let dag = pinned_dag(&mut transaction, run.key, dag_id).await?;
        let positions = selection.positions(&dag, dag_id, run_id)?;
        let chosen = choose(&mut transaction, run.key, selection, &positions).await?;
        if let Some(running) = chosen.iter().find(|chosen| selection.refuses_running && chosen.holds_slot) {
            return Err(ClearError::Running(dag.task(running.task).task_id.clone()));
        }
        if !chosen.is_empty() && !selection.is_dry_run {
            clear(&mut transaction, run.key, &chosen, selection.note.as_deref(), now).await?;
            transaction.commit().await.map_err(Error::from)?;
        }
        let mut task_ids: Vec<_> = chosen.iter().map(|chosen| dag.task(chosen.task).task_id.clone()).collect();
        task_ids.dedup();
        let positions = chosen.iter().map(|chosen| (chosen.task, chosen.map_index)).collect();
        Ok(Cleared { task_ids, positions })
    }
}

/// What a person may say that a run's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DagRunEnd {
    /// It did what it was to do.
    Success,
    /// It did not.
    Failed,
}

/// Which task instances of a run start over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClearSelection {
    /// These tasks, each as a whole or one element of it; none: all.
    pub tasks: Option<Vec<(String, Option<i32>)>>,
    /// And what they depend on.
    pub with_upstream: bool,
    /// And what depends on them.
    pub with_downstream: bool,
    /// Of those, only what failed or was kept from running by a failure.
    pub only_failed: bool,
    /// Of those, only what runs.
    pub only_running: bool,
    /// Clears nothing when one of them holds a slot.
    pub refuses_running: bool,
    /// Says what would start over and changes nothing.
    pub is_dry_run: bool,
    /// A remark on the run; none: the one it has stays.
    pub note: Option<String>,
}

/// What starts over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The tasks, in the DAG's order.
    pub task_ids: Vec<String>,
    /// Each task instance by its task and element, in that order.
    pub positions: Vec<(TaskIndex, i32)>,
}

/// Why nothing was cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// The selection refuses it while one of its task instances holds a slot.
    #[error("task `{0}` is running")]
    Running(String),
    /// There is no such run or task, or the database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A selection as positions in a DAG version.
struct Positions {
    whole: Vec<i32>,
    element_tasks: Vec<i32>,
    elements: Vec<i32>,
}

impl ClearSelection {
    fn positions(&self, dag: &Dag, dag_id: &str, run_id: &str) -> Result<Positions> {
        let (mut whole, mut elements) = (Vec::new(), Vec::new());
        match &self.tasks {
            None => whole.extend((0..).map(TaskIndex).take(dag.tasks.len())),
            Some(tasks) => {
                for (task_id, map_index) in tasks {
                    let index = dag.index_of(task_id).ok_or_else(|| Error::NotFound {
                        what: format!("task `{task_id}` in run `{run_id}` of DAG `{dag_id}`"),
                    })?;
                    match map_index {
                        Some(map_index) => elements.push((index, *map_index)),
                        None => whole.push(index),
                    }
                }
            }
        }
        let roots: Vec<_> = whole.iter().copied().chain(elements.iter().map(|(index, _)| *index)).collect();
        let mut found: BTreeSet<_> = whole.into_iter().collect();
        let mut add = |next: &[Vec<TaskIndex>]| {
            let neighbours: Vec<_> = roots.iter().flat_map(|root| &next[root.at()]).copied().collect();
            found.extend(reachable(&neighbours, next));
        };
        if self.with_downstream {
            add(&dag.downstream());
        }
        if self.with_upstream {
            add(&dag.tasks.iter().map(|task| task.upstream.clone()).collect::<Vec<_>>());
        }
        Ok(Positions {
            whole: found.into_iter().map(|index| index.0.cast_signed()).collect(),
            element_tasks: elements.iter().map(|(index, _)| index.0.cast_signed()).collect(),
            elements: elements.into_iter().map(|(_, map_index)| map_index).collect(),
        })
    }
}

/// A run whose row this transaction has locked: nobody else changes it, or task instances of it, until it ends.
struct Locked {
    key: DagRunKey,
    state: DagRunState,
}

async fn lock(transaction: &mut sqlx::PgTransaction<'_>, dag_id: &str, run_id: &str) -> Result<Locked> {
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
             FROM task_instance WHERE dag_run_id = $1 AND state IN ('queued', 'running', 'restarting')
             ON CONFLICT DO NOTHING
         ), ended AS (
             UPDATE task_instance SET ended_at = COALESCE(ended_at, $3), retry_at = NULL,
                 state = CASE WHEN $4::text = 'success' THEN 'success'::task_instance_state
                              WHEN state IN ('queued', 'running', 'restarting') THEN 'failed' ELSE 'skipped' END
             WHERE dag_run_id = $1 AND state NOT IN ('success', 'removed')
               AND ($4::text = 'success' OR state NOT IN ('failed', 'skipped', 'upstream_failed'))
         ), noted AS (
             INSERT INTO change (dag_run_id) VALUES ($1)
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', '')
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

/// The version a run is pinned to.
async fn pinned_dag(transaction: &mut sqlx::PgTransaction<'_>, run: DagRunKey, dag_id: &str) -> Result<Dag> {
    let spec = sqlx::query_scalar!(
        r#"-- dag_run.spec
        SELECT v.spec::text AS "spec!" FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id WHERE r.id = $1"#,
        run.0
    )
    .fetch_one(&mut **transaction)
    .await?;
    serde_json::from_str(&spec)
        .map_err(|error| Error::Unreadable { what: format!("the spec of DAG `{dag_id}`"), reason: error.to_string() })
}

/// A task instance that is to start over.
struct Chosen {
    task: TaskIndex,
    map_index: i32,
    holds_slot: bool,
}

async fn choose(
    transaction: &mut sqlx::PgTransaction<'_>,
    run: DagRunKey,
    selection: &ClearSelection,
    positions: &Positions,
) -> Result<Vec<Chosen>> {
    let rows = sqlx::query!(
        r#"-- task_instance.choose
        SELECT task_index, map_index, state IN ('queued', 'running') AS "holds_slot!" FROM task_instance
        WHERE dag_run_id = $1
          AND (task_index = ANY($2) OR (task_index, map_index) IN (SELECT * FROM unnest($3::int[], $4::int[])))
          AND (NOT $5 OR state IN ('failed', 'upstream_failed')) AND (NOT $6 OR state = 'running')
          AND state NOT IN ('none', 'restarting', 'removed')
        ORDER BY task_index, map_index"#,
        run.0,
        &positions.whole,
        &positions.element_tasks,
        &positions.elements,
        selection.only_failed,
        selection.only_running
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Chosen {
            task: TaskIndex(row.task_index.cast_unsigned()),
            map_index: row.map_index,
            holds_slot: row.holds_slot,
        })
        .collect())
}

async fn clear(
    transaction: &mut sqlx::PgTransaction<'_>,
    run: DagRunKey,
    chosen: &[Chosen],
    note: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let tasks: Vec<i32> = chosen.iter().map(|chosen| chosen.task.0.cast_signed()).collect();
    let elements: Vec<i32> = chosen.iter().map(|chosen| chosen.map_index).collect();
    sqlx::query!(
        "-- task_instance.clear
         WITH chosen AS MATERIALIZED (
             SELECT t.*, k.retries FROM unnest($2::int[], $3::int[]) AS u (task_index, map_index)
             JOIN task_instance t ON t.dag_run_id = $1 AND t.task_index = u.task_index AND t.map_index = u.map_index
             JOIN dag_run r ON r.id = t.dag_run_id
             JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
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
         WHERE t.dag_run_id = c.dag_run_id AND t.task_index = c.task_index AND t.map_index = c.map_index",
        run.0,
        &tasks,
        &elements,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "-- dag_run.clear
         WITH noted AS (
             INSERT INTO change (dag_run_id) VALUES ($1)
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', '')
         )
         UPDATE dag_run SET version = version + 1, note = COALESCE($3, note),
             queued_at = CASE WHEN state IN ('success', 'failed') THEN $2 ELSE queued_at END,
             started_at = CASE WHEN state IN ('success', 'failed') THEN NULL ELSE started_at END,
             ended_at = NULL, reason = NULL,
             state = CASE WHEN state IN ('success', 'failed') THEN 'queued'::dag_run_state ELSE state END
         FROM notified WHERE id = $1",
        run.0,
        to_sql(now),
        note
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Some tasks and all that can be reached from them.
fn reachable(roots: &[TaskIndex], next: &[Vec<TaskIndex>]) -> BTreeSet<TaskIndex> {
    let mut found = BTreeSet::new();
    let mut stack = roots.to_vec();
    while let Some(index) = stack.pop() {
        if found.insert(index) {
            stack.extend(&next[index.at()]);
        }
    }
    found
}
