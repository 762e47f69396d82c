//! Letting task instances start over.

use jiff::Timestamp;
use model::dag::Dag;
use model::ids::{DagRunKey, TaskIndex};
use model::mapping::{Reached, reach};
use model::scope::Scopes;

use super::lock;
use crate::{Error, Result, Store, to_sql};

/// Which task instances of a run start over.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own, as in Airflow's body")]
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
#[derive(Default)]
struct Positions {
    whole: Vec<i32>,
    element_tasks: Vec<i32>,
    elements: Vec<i32>,
}

impl Positions {
    fn add(&mut self, task: TaskIndex, map_index: Option<i32>) {
        match map_index {
            Some(map_index) => {
                self.element_tasks.push(task.0.cast_signed());
                self.elements.push(map_index);
            }
            None => self.whole.push(task.0.cast_signed()),
        }
    }
}

impl ClearSelection {
    fn positions(&self, dag: &Dag, counts: &[u32], dag_id: &str, run_id: &str) -> Result<Positions> {
        let mut roots: Vec<(TaskIndex, Option<i32>)> = Vec::new();
        match &self.tasks {
            None => roots.extend((0..).map(|index| (TaskIndex(index), None)).take(dag.tasks.len())),
            Some(tasks) => {
                for (task_id, map_index) in tasks {
                    let index = dag.index_of(task_id).ok_or_else(|| Error::NotFound {
                        what: format!("task `{task_id}` in run `{run_id}` of DAG `{dag_id}`"),
                    })?;
                    roots.push((index, *map_index));
                }
            }
        }
        let mut positions = Positions::default();
        for (task, map_index) in &roots {
            positions.add(*task, *map_index);
        }
        let mut add = |next: &[Vec<TaskIndex>]| {
            for (task, reached) in reach(dag, counts, &roots, next) {
                match reached {
                    Reached::All => positions.add(task, None),
                    Reached::Elements(found) => found.into_iter().for_each(|index| positions.add(task, Some(index))),
                }
            }
        };
        if self.with_downstream {
            add(&dag.downstream());
        }
        if self.with_upstream {
            add(&dag.tasks.iter().map(|task| task.upstream.clone()).collect::<Vec<_>>());
        }
        // What a setup made is gone once its teardown ran: a task that starts over in its scope needs both again.
        let scopes = Scopes::new(dag, &dag.downstream());
        let chosen: Vec<i32> = positions.whole.iter().chain(&positions.element_tasks).copied().collect();
        for task in chosen {
            for with in scopes.cleared_with(TaskIndex(task.cast_unsigned())) {
                positions.add(with, None);
            }
        }
        Ok(positions)
    }
}

impl Store {
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
        let counts = if dag.is_mapped() {
            elements(&mut transaction, run.key, dag.tasks.len()).await?
        } else {
            vec![0; dag.tasks.len()]
        };
        let positions = selection.positions(&dag, &counts, dag_id, run_id)?;
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

/// How many elements each task has.
async fn elements(transaction: &mut sqlx::PgTransaction<'_>, run: DagRunKey, tasks: usize) -> Result<Vec<u32>> {
    let rows = sqlx::query!(
        r#"-- task_instance.elements
        SELECT task_index, count(*) AS "count!" FROM task_instance
        WHERE dag_run_id = $1 AND map_index >= 0 AND state <> 'removed' GROUP BY task_index"#,
        run.0
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut counts = vec![0; tasks];
    for row in rows {
        if let Some(count) = usize::try_from(row.task_index).ok().and_then(|at| counts.get_mut(at)) {
            *count = u32::try_from(row.count).unwrap_or(u32::MAX);
        }
    }
    Ok(counts)
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
             SELECT pg_notify('flowctl_change', 'run:' || $1::bigint || '*')
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
