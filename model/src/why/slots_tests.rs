use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::slots::{Holder, PoolFacts, ReadyFacts};
use super::{RunFacts, TaskFacts, why_task_instance};
use crate::dag::{Dag, Task};
use crate::ids::TaskIndex;
use crate::limits::Limits;
use crate::operator::{Bash, Operator};
use crate::pool::Pool;
use crate::state::{DagRunState, TaskInstanceState};

fn holder(task_id: &str, map_index: i32, slots: u32) -> Holder {
    Holder { dag_id: "etl".to_owned(), run_id: "manual__1".to_owned(), task_id: task_id.to_owned(), map_index, slots }
}

fn warehouse() -> PoolFacts {
    PoolFacts {
        name: "warehouse".to_owned(),
        pool: Some(Pool { name: "warehouse".to_owned(), slots: Some(4), include_deferred: false, rate: None }),
        occupied: 4,
        holders: vec![holder("extract", -1, 1), holder("load", 3, 3)],
        holder_count: 2,
        ready: vec![ReadyFacts { weight: 1, slots: 1, count: 5 }],
        opens_at: None,
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// What a ready task of weight 1 in the pool `warehouse` is told.
fn told(pool: PoolFacts, slots_taken: u32, change: impl FnOnce(&mut Task, &mut TaskFacts)) -> String {
    let mut task = Task { pool: "warehouse".to_owned(), ..Task::new("a", Operator::Bash(Bash::new("true"))) };
    let mut facts = TaskFacts {
        task: TaskIndex(0),
        map_index: -1,
        state: TaskInstanceState::Scheduled,
        retry_at: None,
        weight: 1,
        active_in_run: 0,
        active_in_dag: 0,
        past: None,
    };
    change(&mut task, &mut facts);
    let dag = Dag::new("d", vec![Arc::new(task)]);
    let pools = [pool];
    let run = RunFacts {
        dag: &dag,
        state: DagRunState::Running,
        is_paused: false,
        run_after: NOW,
        running_runs: 1,
        active_tasks: 0,
        slots_taken,
        max_active_runs: 16,
        max_active_tasks: 16,
        limits: Limits::default(),
        pools: &pools,
    };
    why_task_instance(&run, &facts, |_| TaskInstanceState::None, NOW).expect("a reason").to_string()
}

fn nothing(_: &mut Task, _: &mut TaskFacts) {}

#[test]
fn a_full_pool_names_who_holds_its_slots() {
    insta::assert_snapshot!(
        told(warehouse(), 0, nothing),
        @"pool `warehouse` is full: 4 of 4 slots used by `etl.extract` of manual__1, `etl.load[3]` of manual__1 (3 slots)"
    );
    let mut crowded = warehouse();
    crowded.holder_count = 9;
    crowded.ready.push(ReadyFacts { weight: 7, slots: 1, count: 2 });
    insta::assert_snapshot!(
        told(crowded, 0, nothing),
        @"pool `warehouse` is full: 4 of 4 slots used by `etl.extract` of manual__1, `etl.load[3]` of manual__1 (3 slots) and 7 more; 2 heavier tasks are before it"
    );
}

#[test]
fn a_task_that_needs_several_slots_is_told_how_many_are_open() {
    let mut pool = warehouse();
    pool.occupied = 1;
    pool.holders.truncate(1);
    pool.holder_count = 1;
    insta::assert_snapshot!(
        told(pool.clone(), 0, |task, _| task.pool_slots = 4),
        @"it needs 4 slots of pool `warehouse`, which has 3 of 4 open; the others are used by `etl.extract` of manual__1"
    );
    insta::assert_snapshot!(
        told(pool.clone(), 0, |task, _| task.pool_slots = 5),
        @"it needs 5 slots and pool `warehouse` has 4: it cannot start before the pool is larger"
    );
    pool.ready.push(ReadyFacts { weight: 1, slots: 4, count: 1 });
    insta::assert_snapshot!(
        told(pool, 0, nothing),
        @"the 3 open slots of pool `warehouse` are saved up for a task before it that needs 4"
    );
}

#[test]
fn a_rate_tells_when_the_next_one_starts() {
    let mut pool = warehouse();
    pool.occupied = 0;
    pool.pool.as_mut().unwrap().rate = Some("10/1m".parse().unwrap());
    pool.opens_at = Some(NOW + SignedDuration::from_secs(20));
    insta::assert_snapshot!(
        told(pool, 0, nothing),
        @"pool `warehouse` lets 10/1m start; the next one at 1970-01-01T00:00:20Z"
    );
}

#[test]
fn a_rate_is_to_blame_when_nothing_else_is() {
    let mut pool = warehouse();
    pool.occupied = 0;
    pool.pool.as_mut().unwrap().rate = Some("10/1m".parse().unwrap());
    insta::assert_snapshot!(told(pool, 0, nothing), @"pool `warehouse` lets 10/1m start, and as many have started");
}

#[test]
fn a_pool_that_is_gone_is_named() {
    let gone = PoolFacts { pool: None, ..warehouse() };
    insta::assert_snapshot!(told(gone, 0, nothing), @"there is no pool `warehouse` any more; create it, or give the task another one and clear it");
}

#[test]
fn limits_of_the_task_itself_come_before_those_of_its_pool() {
    let per_run = |task: &mut Task, facts: &mut TaskFacts| {
        task.max_active_tis_per_dagrun = Some(2);
        facts.active_in_run = 2;
    };
    insta::assert_snapshot!(told(warehouse(), 0, per_run), @"2 of its task instances are active in this run already (max_active_tis_per_dagrun)");
    let per_dag = |task: &mut Task, facts: &mut TaskFacts| {
        task.max_active_tis_per_dag = Some(1);
        facts.active_in_dag = 1;
    };
    insta::assert_snapshot!(told(warehouse(), 0, per_dag), @"1 of its task instances is active in all runs of the DAG already (max_active_tis_per_dag)");
}

#[test]
fn the_deployment_is_to_blame_when_the_pool_is_not() {
    let mut pool = warehouse();
    pool.occupied = 0;
    insta::assert_snapshot!(told(pool.clone(), 32, nothing), @"all 32 slots of the deployment are taken (core.parallelism)");
    pool.ready.push(ReadyFacts { weight: 2, slots: 1, count: 1 });
    insta::assert_snapshot!(told(pool, 32, nothing), @"all 32 slots of the deployment are taken (core.parallelism); 1 heavier task is before it");
}
