//! What the planner itself costs, without a database: one finish in a large run, and passes over many unchanged runs.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::Dag;
use model::dag_run::DagRunFacts;
use model::ids::{DagRunKey, DagVersionKey, Epoch};
use model::journal::{DagRow, DagRunRow, DagVersion};
use model::limits::Limits;
use model::pool::Pool;
use model::state::{DagRunState, DagRunType, TriggeredBy};
use scheduler::plan::{Decisions, Fate, Planner};

use crate::dags;
use crate::statistics::percentile;
use crate::{Row, row};

/// Chains in the large run, and tasks in each: 10,000 tasks.
const LANES: u32 = 100;
const LENGTH: u32 = 100;
/// Runs of which nothing changes.
const RUNS: i64 = 10_000;
/// Passes over them.
const PASSES: u32 = 10_000;

/// The rows.
pub(crate) fn run() -> Result<Vec<Row>> {
    let mut rows = vec![large_run()?];
    for tasks in [10, 100] {
        rows.extend(many_runs(tasks)?);
    }
    Ok(rows)
}

fn micros(duration: Duration) -> String {
    format!("{:.2} µs", duration.as_secs_f64() * 1e6)
}

/// Every finish of a run of 10,000 tasks, one at a time: the report is folded, and what follows is planned.
fn large_run() -> Result<Row> {
    let mut planner = planner(dags::lanes("large", LANES, LENGTH, &dags::bash("true")), LANES);
    planner.fold_run(run_row("large", 1), |_| Fate::Gone, at(0));
    let mut running: VecDeque<Attempt> = settle(&mut planner, 1).into();
    let mut samples = Vec::new();
    while let Some(attempt) = running.pop_front() {
        let report = finished(&attempt);
        let started = Instant::now();
        let is_taken = planner.fold_report(&report, None);
        let decisions = planner.plan(at(2), false);
        samples.push(started.elapsed());
        ensure!(is_taken, "a finish was not taken");
        running.extend(decisions.dispatch);
    }
    ensure!(planner.run_count() == 0, "the run did not end");
    let total: Duration = samples.iter().sum();
    samples.sort();
    Ok(row(
        format!("one finish in a run of {} tasks, folded and planned: median / p99", LANES * LENGTH),
        format!(
            "{} / {} (mean {})",
            micros(percentile(&samples, 50)),
            micros(percentile(&samples, 99)),
            micros(total / u32::try_from(samples.len())?)
        ),
        "goal 50 µs",
    ))
}

/// Passes while 10,000 runs of `tasks` tasks are under way: without news, and with one finish each.
fn many_runs(tasks: u32) -> Result<Vec<Row>> {
    let mut planner = planner(dags::lanes("many", 2, tasks / 2, &dags::bash("true")), 32);
    for key in 1..=RUNS {
        planner.fold_run(run_row("many", key), |_| Fate::Gone, at(0));
    }
    let mut running: VecDeque<Attempt> = settle(&mut planner, 1).into();
    let started = Instant::now();
    for _ in 0..PASSES {
        ensure!(planner.plan(at(2), false).is_empty(), "a pass without news decided something");
    }
    let idle = started.elapsed() / PASSES;
    let mut samples = Vec::new();
    for _ in 0..PASSES {
        let attempt = running.pop_front().context("nothing runs")?;
        let report = finished(&attempt);
        let started = Instant::now();
        planner.fold_report(&report, None);
        let decisions = planner.plan(at(2), false);
        samples.push(started.elapsed());
        running.extend(decisions.dispatch);
    }
    samples.sort();
    let what = format!("{RUNS} runs of {tasks} tasks under way");
    Ok(vec![
        row(format!("{what}: a pass without news"), micros(idle), "must not grow with tasks"),
        row(
            format!("{what}: one finish, folded and planned: median / p99"),
            format!("{} / {}", micros(percentile(&samples, 50)), micros(percentile(&samples, 99))),
            "must not grow with tasks",
        ),
    ])
}

/// Plans until nothing follows; what is to run.
fn settle(planner: &mut Planner, second: i64) -> Vec<Attempt> {
    let mut dispatched = Vec::new();
    loop {
        let Decisions { dispatch, more, .. } = planner.plan(at(second), true);
        dispatched.extend(dispatch);
        if !more {
            return dispatched;
        }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap_or_default()
}

fn planner(dag: Dag, parallelism: u32) -> Planner {
    let most = u32::MAX;
    let limits =
        Limits { parallelism, max_active_runs_per_dag: most, max_active_tasks_per_dag: most, ..Limits::default() };
    let mut planner = Planner::new(limits, Epoch(1));
    let dag_id = dag.dag_id.clone();
    let slots = Some(128);
    planner.fold_pools(vec![Pool { name: "default_pool".to_owned(), slots, include_deferred: false, rate: None }]);
    planner.fold_version(DagVersion {
        key: DagVersionKey(1),
        dag: Arc::new(dag),
        fileloc: Arc::new(PathBuf::from("/dags/d.yaml")),
    });
    planner.fold_dag(DagRow {
        dag_id,
        is_paused: false,
        is_stale: false,
        current_version: Some(DagVersionKey(1)),
        last_interval: None,
        known_since: None,
        skip_next: 0,
        disabled_tasks: Vec::new(),
        backfill: None,
        queued_events: Vec::new(),
    });
    planner
}

fn run_row(dag_id: &str, key: i64) -> DagRunRow {
    let facts = DagRunFacts {
        key: DagRunKey(key),
        dag_id: dag_id.to_owned(),
        run_id: format!("manual__{key}"),
        run_type: DagRunType::Manual,
        logical_date: None,
        data_interval: None,
        run_after: at(0),
        conf: serde_json::Map::new(),
        params: serde_json::Map::new(),
        started_at: None,
        triggered_by: TriggeredBy::Test,
    };
    DagRunRow {
        facts,
        dag_version: DagVersionKey(1),
        version: 0,
        state: DagRunState::Queued,
        queued_at: at(0),
        task_instances: Vec::new(),
        choices: Vec::new(),
        waits: Vec::new(),
    }
}

fn finished(attempt: &Attempt) -> Report {
    let finished = Finished {
        started_at: at(2),
        ended_at: at(2),
        outcome: Outcome::Success,
        xcoms: Vec::new(),
        outlet_events: Vec::new(),
    };
    Report { token: attempt.token, key: attempt.key, event: AttemptEvent::Finished(finished) }
}
