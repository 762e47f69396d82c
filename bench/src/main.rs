//! What the scheduler's own path costs: planner, leader and PostgreSQL, without processes.
//!
//! `DATABASE_URL=… cargo run --release -p bench` on an empty, migrated database. Compare the figures of one run with
//! each other and with reference/ceilings.md; the machine is small and noisy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use jiff::Timestamp;
use model::attempt::Attempt;
use model::dag::{Dag, OnLost, Schedule, Task};
use model::ids::{AttemptToken, TaskIndex};
use model::limits::Limits;
use model::operator::Operator;
use model::trigger_rule::TriggerRule;
use scheduler::leader::Leader;
use scheduler::ports::{Clock, Dispatch};
use sqlx::PgPool;
use store::journal::LeaderJournal;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

struct Nowhere;

impl Dispatch for Nowhere {
    fn submit(&mut self, _attempts: Vec<Attempt>) {}
    fn cancel(&mut self, _token: AttemptToken) {}
}

struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    fn now(&self) -> Timestamp {
        model::dag_run::to_microsecond(Timestamp::now())
    }
}

fn empty(index: u32, upstream: Vec<u32>) -> Arc<Task> {
    Arc::new(Task {
        task_id: format!("t{index}"),
        group: None,
        upstream: upstream.into_iter().map(TaskIndex).collect(),
        operator: Operator::Empty,
        trigger_rule: TriggerRule::AllSuccess,
        retries: 0,
        retry_delay: model::duration::Duration::from_secs(300),
        execution_timeout: None,
        priority_weight: 1,
        do_xcom_push: true,
        multiple_outputs: false,
        on_lost: OnLost::Retry,
        env: IndexMap::new(),
        doc_md: None,
        line: 1,
    })
}

fn dag(dag_id: &str, tasks: Vec<Arc<Task>>) -> Dag {
    Dag {
        dag_id: dag_id.to_owned(),
        description: None,
        owner: "bench".to_owned(),
        tags: Vec::new(),
        doc_md: None,
        schedule: Schedule::None,
        timezone: "UTC".to_owned(),
        start_date: None,
        end_date: None,
        catchup: false,
        max_active_runs: Some(10_000),
        max_active_tasks: None,
        dagrun_timeout: None,
        is_paused_upon_creation: None,
        params: IndexMap::new(),
        env: IndexMap::new(),
        default_args: serde_json::Map::new(),
        tasks,
        groups: Vec::new(),
    }
}

/// Saves a DAG as the DAG processor would.
async fn save(pool: &PgPool, dag: &Dag) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
         VALUES ($1, false, '/bench.yaml', 'bench.yaml', 'bench', now())",
    )
    .bind(&dag.dag_id)
    .execute(pool)
    .await?;
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
         VALUES ($1, 1, '', $2::text::json, '', '/bench.yaml') RETURNING id",
    )
    .bind(&dag.dag_id)
    .bind(serde_json::to_string(dag)?)
    .fetch_one(pool)
    .await?;
    sqlx::query("UPDATE dag SET current_version_id = $2 WHERE dag_id = $1")
        .bind(&dag.dag_id)
        .bind(version)
        .execute(pool)
        .await?;
    Ok(())
}

async fn trigger(pool: &PgPool, dag_id: &str, count: i32) -> Result<(), Failure> {
    sqlx::query(
        "WITH run AS (
             INSERT INTO dag_run (dag_id, run_id, dag_version_id, run_type, run_after, queued_at, triggered_by)
             SELECT $1, 'manual__' || gen_random_uuid(), current_version_id, 'manual', now(), now(), 'test'
             FROM dag, generate_series(1, $2) WHERE dag_id = $1 RETURNING id)
         INSERT INTO change (dag_run_id) SELECT id FROM run",
    )
    .bind(dag_id)
    .bind(count)
    .execute(pool)
    .await?;
    Ok(())
}

/// Triggers runs and drives the leader until they have ended; the time from the trigger to the last commit.
async fn time_runs(
    leader: &mut Leader<LeaderJournal, Nowhere, WallClock>,
    pool: &PgPool,
    dag_id: &str,
    count: i32,
) -> Result<Duration, Failure> {
    let started = Instant::now();
    trigger(pool, dag_id, count).await?;
    leader.look_at_inbox();
    loop {
        let pass = leader.pass(false).await?;
        if !pass.more && leader.planner().run_count() == 0 {
            return Ok(started.elapsed());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    let suffix = std::process::id();
    let fan_id = format!("fan_{suffix}");
    let wide = 10_000;
    let mut tasks = vec![empty(0, Vec::new())];
    tasks.extend((1..=wide).map(|index| empty(index, vec![0])));
    tasks.push(empty(wide + 1, (1..=wide).collect()));
    save(&pool, &dag(&fan_id, tasks)).await?;
    let runs_id = format!("runs_{suffix}");
    let diamond = (0..10).map(|index| match index {
        0 => empty(0, Vec::new()),
        1..=4 => empty(index, vec![0]),
        5..=8 => empty(index, vec![index - 4]),
        _ => empty(index, vec![5, 6, 7, 8]),
    });
    save(&pool, &dag(&runs_id, diamond.collect())).await?;

    #[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
    let owner = Uuid::new_v4();
    let journal = LeaderJournal::new(pool.clone(), owner, "bench".to_owned());
    let limits = Limits { parallelism: 32, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16 };
    let Ok(mut leader) = Leader::take_over(journal, Nowhere, WallClock, limits).await? else {
        return Err("another scheduler leads in this database".into());
    };
    println!("| what | tasks/s (median of 5) |");
    println!("| --- | --- |");
    for (name, dag_id, runs, tasks) in [
        ("fan-out 1→10,000→1, no process", &fan_id, 1, wide + 2),
        ("1,000 runs of 10 tasks, no process", &runs_id, 1_000, 10_000),
    ] {
        let mut rates = Vec::new();
        for _ in 0..5 {
            let elapsed = time_runs(&mut leader, &pool, dag_id, runs).await?;
            leader.renew().await?;
            rates.push(f64::from(tasks) / elapsed.as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} [{:.0}..{:.0}] |", rates[2], rates[0], rates[4]);
    }
    let mut latencies: Vec<Duration> = Vec::new();
    let one_id = format!("one_{suffix}");
    save(&pool, &dag(&one_id, vec![empty(0, Vec::new())])).await?;
    for _ in 0..200 {
        latencies.push(time_runs(&mut leader, &pool, &one_id, 1).await?);
    }
    latencies.sort();
    println!("| trigger → run finished and committed, p50 / p99 | {:?} / {:?} |", latencies[100], latencies[197]);
    Ok(())
}
