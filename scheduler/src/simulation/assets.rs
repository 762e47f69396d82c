//! A DAG that updates an asset, and one that waits for it: whatever fails, each update is there once for each success,
//! and is taken once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use model::asset::AssetCondition;
use model::asset::due::AssetSchedule;
use model::attempt::{AttemptEvent, Finished, Report};
use model::dag::{Dag, Schedule, Task};
use model::dag_run::NewDagRun;
use model::ids::DagVersionKey;
use model::journal::DagVersion;
use model::limits::Limits;
use model::operator::{Bash, Operator};
use model::state::{DagRunType, TaskInstanceState, TriggeredBy};

use super::{Faulty, Seeded, lead, lost_attempts, outcome, somebody_changes_a_run, take_one};
use crate::leader::LeaderError;
use crate::memory::{MemoryJournal, World};
use crate::ports::Clock;
use crate::simulator::{Hands, VirtualClock};

const URI: &str = "s3://made";

fn version(key: i64, dag: Dag) -> DagVersion {
    DagVersion { key: DagVersionKey(key), dag: Arc::new(dag), fileloc: Arc::new(PathBuf::from("/dags/d.yaml")) }
}

fn bash(id: &str, outlets: &[&str]) -> Arc<Task> {
    let outlets = outlets.iter().map(|uri| (*uri).to_owned()).collect();
    Arc::new(Task { outlets, retries: 2, ..Task::new(id, Operator::Bash(Bash::new("true"))) })
}

async fn simulate(seed: u64, fault_odds: u64, crash_odds: u64) -> MemoryJournal {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let clock = VirtualClock::new(start);
    let memory = MemoryJournal::default();
    let condition = AssetCondition::Asset(URI.to_owned());
    let schedule = Schedule::Assets { assets: AssetSchedule { condition, by_interval: false }, cron: None };
    memory.world().add_dag(version(1, Dag::new("maker", vec![bash("make", &[URI]), bash("more", &[URI])])));
    memory.world().add_dag(version(2, Dag { schedule, ..Dag::new("taker", vec![bash("take", &[])]) }));
    for number in 0..4 {
        let run = NewDagRun {
            dag_id: "maker".to_owned(),
            run_id: format!("manual__{number}"),
            run_type: DagRunType::Manual,
            logical_date: None,
            data_interval: None,
            run_after: start,
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Test,
            triggering_user: None,
            note: None,
        };
        memory.world().add_run(&run, serde_json::Map::new());
    }
    let faults = Arc::new(Mutex::new(Seeded(seed ^ 0xFA17)));
    let journal = Faulty::new(&memory, &faults, fault_odds);
    let limits = Limits { parallelism: 3, max_active_runs_per_dag: 2, ..Limits::default() };
    let hands = Hands::default();
    let mut leader = lead(&journal, &hands, &clock, limits).await;
    let mut quiet = 0;
    for step in 0..20_000 {
        assert!(step < 19_999, "seed {seed}: the runs do not end");
        let is_done = |world: &World| {
            world.runs.values().all(|run| run.state.is_finished())
                && world.dags.values().all(|dag| dag.queued_events.is_empty())
        };
        // A read that failed may hide a run for a pass or two.
        quiet = if is_done(&memory.world()) { quiet + 1 } else { 0 };
        if quiet > 3 {
            break;
        }
        if faults.lock().unwrap().one_in(crash_odds) {
            hands.attempts.lock().unwrap().clear();
            leader = lead(&journal, &hands, &clock, limits).await;
        }
        if faults.lock().unwrap().one_in(fault_odds) {
            somebody_changes_a_run(&memory, &faults);
        }
        match leader.pass(true).await {
            Ok(_) | Err(LeaderError::Read(_) | LeaderError::Write(_)) => {}
            Err(error @ LeaderError::Deposed) => panic!("seed {seed}: {error}"),
        }
        let now = clock.now();
        if let Some(attempt) = take_one(&hands, &faults) {
            let outcome = outcome(seed, &attempt, lost_attempts(&memory, &attempt));
            let finished =
                Finished { started_at: now, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() };
            let event = AttemptEvent::Finished(finished);
            leader.receive(Report { token: attempt.token, key: attempt.key, event });
        }
        clock.set(now.checked_add(SignedDuration::from_secs(1)).unwrap());
        leader.look_at_inbox();
    }
    memory
}

/// By run and task.
type Counts = BTreeMap<(String, String), usize>;

/// How often each task instance of the maker succeeded, and how many updates there are of it.
fn successes_and_updates(world: &World) -> (Counts, Counts) {
    let mut successes = BTreeMap::new();
    for run in world.runs.values().filter(|run| run.facts.dag_id == "maker") {
        let dag = &world.versions[&run.dag_version].dag;
        for ti in run.task_instances.iter().filter(|ti| ti.state == TaskInstanceState::Success) {
            successes.insert((run.facts.run_id.clone(), dag.task(ti.key.task).task_id.clone()), 1);
        }
    }
    let mut updates = BTreeMap::new();
    for event in &world.asset_events {
        let source = event.source.as_ref().expect("a task instance made it");
        *updates.entry((source.run_id.clone(), source.task_id.clone())).or_default() += 1;
    }
    (successes, updates)
}

#[tokio::test]
async fn each_success_updates_once_and_each_update_is_taken_once_whatever_fails() {
    for seed in 0..200 {
        for (fault_odds, crash_odds) in [(0, 0), (7, 0), (9, 11)] {
            let memory = simulate(seed, fault_odds, crash_odds).await;
            let world = memory.world();
            let (successes, updates) = successes_and_updates(&world);
            assert_eq!(successes, updates, "seed {seed}, faults {fault_odds}, crashes {crash_odds}");
            let mut taken: Vec<i64> = world.taken_events.values().flatten().copied().collect();
            taken.sort_unstable();
            let all: Vec<i64> = (1..).take(world.asset_events.len()).collect();
            assert_eq!(taken, all, "seed {seed}, faults {fault_odds}, crashes {crash_odds}");
        }
    }
}
