//! The DAGs that are measured, and runs of them.

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use model::dag::{Dag, Task};
use model::dag_run::NewDagRun;
use model::ids::TaskIndex;
use model::operator::{Bash, Operator};
use model::state::{DagRunType, TriggeredBy};
use store::Store;
use store::event_log::By;

/// Now.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Timestamp {
    model::dag_run::to_microsecond(Timestamp::now())
}

/// Finished by the leader itself.
pub(crate) const fn empty() -> Operator {
    Operator::Empty
}

/// A process.
pub(crate) fn bash(command: &str) -> Operator {
    Operator::Bash(Bash::new(command))
}

fn task(index: u32, upstream: Vec<u32>, operator: Operator) -> Arc<Task> {
    Arc::new(Task {
        upstream: upstream.into_iter().map(TaskIndex).collect(),
        ..Task::new(format!("t{index}"), operator)
    })
}

/// 1 → `width` → 1.
pub(crate) fn fan_out(dag_id: &str, width: u32, operator: &Operator) -> Dag {
    let mut tasks = vec![task(0, Vec::new(), operator.clone())];
    tasks.extend((1..=width).map(|index| task(index, vec![0], operator.clone())));
    tasks.push(task(width + 1, (1..=width).collect(), operator.clone()));
    dag(dag_id, tasks)
}

/// One after the other.
pub(crate) fn chain(dag_id: &str, length: u32, operator: &Operator) -> Dag {
    dag(
        dag_id,
        (0..length).map(|index| task(index, index.checked_sub(1).into_iter().collect(), operator.clone())).collect(),
    )
}

/// `lanes` chains beside each other.
pub(crate) fn lanes(dag_id: &str, lanes: u32, length: u32, operator: &Operator) -> Dag {
    let upstream = |index: u32| if index < lanes { Vec::new() } else { vec![index - lanes] };
    dag(dag_id, (0..lanes * length).map(|index| task(index, upstream(index), operator.clone())).collect())
}

/// 1 → 4 → 4 → 1.
pub(crate) fn diamond(dag_id: &str, operator: &Operator) -> Dag {
    let upstream = |index| match index {
        0 => Vec::new(),
        1..=4 => vec![0],
        5..=8 => vec![index - 4],
        _ => vec![5, 6, 7, 8],
    };
    dag(dag_id, (0..10).map(|index| task(index, upstream(index), operator.clone())).collect())
}

fn dag(dag_id: &str, tasks: Vec<Arc<Task>>) -> Dag {
    Dag { max_active_runs: Some(10_000), max_active_tasks: Some(100_000), ..Dag::new(dag_id, tasks) }
}

/// Saves a DAG as the DAG processor would.
pub(crate) async fn save(store: &Store, dag: &Dag, fileloc: &str) -> Result<()> {
    let pool = store.pool();
    sqlx::query(
        "INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
         VALUES ($1, false, $2, $2, 'bench', now())",
    )
    .bind(&dag.dag_id)
    .bind(fileloc)
    .execute(pool)
    .await?;
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
         VALUES ($1, 1, '', $2::text::json, '', $3) RETURNING id",
    )
    .bind(&dag.dag_id)
    .bind(serde_json::to_string(dag)?)
    .bind(fileloc)
    .fetch_one(pool)
    .await?;
    sqlx::query(
        "WITH changed AS (INSERT INTO change (dag_id) VALUES ($1))
         UPDATE dag SET current_version_id = $2 WHERE dag_id = $1",
    )
    .bind(&dag.dag_id)
    .bind(version)
    .execute(pool)
    .await?;
    Ok(())
}

/// Triggers many runs in one statement, so that triggering is not what is measured.
pub(crate) async fn trigger_many(store: &Store, dag_id: &str, count: i32) -> Result<()> {
    sqlx::query(
        "WITH run AS (
             INSERT INTO dag_run (dag_id, run_id, dag_version_id, run_type, run_after, queued_at, triggered_by)
             SELECT $1, 'manual__' || gen_random_uuid(), current_version_id, 'manual', now(), now(), 'test'
             FROM dag, generate_series(1, $2) WHERE dag_id = $1 RETURNING id)
         INSERT INTO change (dag_run_id) SELECT id FROM run",
    )
    .bind(dag_id)
    .bind(count)
    .execute(store.pool())
    .await?;
    Ok(())
}

/// Triggers one run as a person would; its row.
pub(crate) async fn trigger(store: &Store, dag_id: &str, run_id: &str) -> Result<i64> {
    let now = now();
    let run = NewDagRun {
        dag_id: dag_id.to_owned(),
        run_id: run_id.to_owned(),
        run_type: DagRunType::Manual,
        logical_date: Some(now),
        data_interval: None,
        run_after: now,
        conf: serde_json::Map::new(),
        triggered_by: TriggeredBy::Test,
        triggering_user: None,
        note: None,
    };
    Ok(store.trigger(&run, &serde_json::Map::new(), &By::local("tester", now)).await?.0)
}
