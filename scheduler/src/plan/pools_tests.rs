//! Who gets slots, and who does not, in which order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::{Dag, Task};
use model::dag_run::DagRunFacts;
use model::ids::{DagRunKey, DagVersionKey, Epoch, TaskIndex, TaskInstanceKey};
use model::journal::{DagRow, DagRunRow, DagVersion, TaskInstanceRow};
use model::limits::Limits;
use model::operator::{Bash, Operator};
use model::pool::Pool;
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use model::wait::{Awaited, WaitRow};
use proptest::prelude::*;

use super::{Fate, Planner};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn task(id: &str, pool: &str) -> Task {
    Task { pool: pool.to_owned(), ..Task::new(id, Operator::Bash(Bash::new("true"))) }
}

fn wide(id: &str, pool: &str, slots: u32) -> Task {
    Task { pool_slots: slots, ..task(id, pool) }
}

fn heavy(task: Task, priority_weight: i32) -> Task {
    Task { priority_weight, ..task }
}

fn pool(name: &str, slots: u32) -> Pool {
    Pool { name: name.to_owned(), slots: Some(slots), include_deferred: false, rate: None }
}

fn rated(name: &str, rate: &str) -> Pool {
    Pool { name: name.to_owned(), slots: None, include_deferred: false, rate: Some(rate.parse().unwrap()) }
}

fn run_row(dag_id: &str, version: i64, key: i64) -> DagRunRow {
    DagRunRow {
        facts: DagRunFacts {
            key: DagRunKey(key),
            dag_id: dag_id.to_owned(),
            run_id: format!("run{key}"),
            run_type: DagRunType::Manual,
            logical_date: None,
            data_interval: None,
            run_after: at(0),
            conf: serde_json::Map::new(),
            params: serde_json::Map::new(),
            started_at: None,
            triggered_by: TriggeredBy::Test,
        },
        dag_version: DagVersionKey(version),
        version: 0,
        state: DagRunState::Queued,
        queued_at: at(0),
        task_instances: Vec::new(),
        choices: Vec::new(),
        waits: Vec::new(),
    }
}

/// What a deferred task instance waits for.
fn wait(ti: &TaskInstanceRow) -> Option<WaitRow> {
    let awaited = Awaited::Time { at: at(1_000_000) };
    let (key, token, max_tries) = (ti.key, ti.attempt_token?, ti.max_tries);
    Some(WaitRow { key, token, max_tries, awaited, since: at(0), deadline: None, look: None })
}

/// A deployment with its planner; what is handed out runs until it is finished.
struct Site {
    planner: Planner,
    versions: BTreeMap<String, i64>,
    /// By `run.task`, such as `1.a`.
    running: BTreeMap<String, Attempt>,
    /// As the database has them.
    rows: BTreeMap<TaskInstanceKey, TaskInstanceRow>,
    pools: Vec<Pool>,
}

impl Site {
    fn new(parallelism: u32, pools: &[Pool]) -> Self {
        let limits =
            Limits { parallelism, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 1000, ..Limits::default() };
        let mut site = Self {
            planner: Planner::new(limits, Epoch(1)),
            versions: BTreeMap::new(),
            running: BTreeMap::new(),
            rows: BTreeMap::new(),
            pools: pools.to_vec(),
        };
        site.planner.fold_pools(pools.to_vec());
        site
    }

    fn set_pools(&mut self, pools: &[Pool]) {
        self.pools = pools.to_vec();
        self.planner.fold_pools(pools.to_vec());
    }

    fn dag(&mut self, dag_id: &str, tasks: Vec<Task>) {
        let dag = Dag::new(dag_id, tasks.into_iter().map(Arc::new).collect());
        self.dag_as(dag);
    }

    fn dag_as(&mut self, dag: Dag) {
        let key = 1 + i64::try_from(self.versions.len()).unwrap() + self.versions.values().max().copied().unwrap_or(0);
        let dag_id = dag.dag_id.clone();
        self.versions.insert(dag_id.clone(), key);
        let fileloc = Arc::new(PathBuf::from("/dags/d.yaml"));
        self.planner.fold_version(DagVersion { key: DagVersionKey(key), dag: Arc::new(dag), fileloc });
        self.planner.fold_dag(DagRow {
            dag_id,
            is_paused: false,
            is_stale: false,
            current_version: Some(DagVersionKey(key)),
            last_interval: None,
            known_since: None,
            skip_next: 0,
            disabled_tasks: Vec::new(),
            backfill: None,
            queued_events: Vec::new(),
        });
    }

    fn run(&mut self, dag_id: &str, key: i64) {
        let row = run_row(dag_id, self.versions[dag_id], key);
        self.planner.fold_run(row, |_| Fate::Gone, at(0));
    }

    /// What starts, in order.
    fn plan(&mut self, second: i64) -> Vec<String> {
        let mut started = Vec::new();
        loop {
            let decisions = self.planner.plan(at(second), true);
            for row in decisions.batch.inserted.iter().chain(&decisions.batch.updated) {
                self.rows.insert(row.key, row.clone());
            }
            for attempt in decisions.dispatch {
                let name = format!("{}.{}", attempt.key.dag_run.0, attempt.task().task_id);
                started.push(name.clone());
                self.running.insert(name, attempt);
            }
            if !decisions.more {
                return started;
            }
        }
    }

    fn finish(&mut self, name: &str, second: i64) {
        let attempt = self.running.remove(name).unwrap_or_else(|| panic!("{name} is not running"));
        let outcome = Outcome::Success;
        let event = AttemptEvent::Finished(Finished {
            started_at: at(second),
            ended_at: at(second),
            outcome,
            xcoms: Vec::new(),
            outlet_events: Vec::new(),
        });
        assert!(self.planner.fold_report(&Report { token: attempt.token, key: attempt.key, event }, None));
    }

    fn why(&self, run: i64, task: u32, second: i64) -> String {
        let key = TaskInstanceKey::unmapped(DagRunKey(run), TaskIndex(task));
        self.planner.why(key, at(second)).map(|waiting| waiting.to_string()).unwrap_or_default()
    }

    /// Another scheduler takes over: it knows what the database knows, and the attempts live on.
    fn take_over(&mut self, runs: &[(&str, i64)], tasks: impl Fn(&str) -> Vec<Task>) {
        let old = std::mem::replace(self, Self::new(1000, &self.pools.clone()));
        self.rows = old.rows;
        self.running = old.running;
        for dag_id in old.versions.keys() {
            self.dag(dag_id, tasks(dag_id));
        }
        for (dag_id, key) in runs {
            let mut row = run_row(dag_id, self.versions[*dag_id], *key);
            row.state = DagRunState::Running;
            row.task_instances = self.rows.values().filter(|ti| ti.key.dag_run.0 == *key).cloned().collect();
            row.waits = row.task_instances.iter().filter(|ti| ti.state.is_waiting()).filter_map(wait).collect();
            self.planner.fold_run(row, |_| Fate::Alive, at(0));
        }
    }
}

fn many(prefix: &str, pool: &str, count: usize) -> Vec<Task> {
    (0..count).map(|n| task(&format!("{prefix}{n}"), pool)).collect()
}

#[test]
fn a_full_pool_keeps_nothing_waiting_in_another() {
    let mut site = Site::new(1000, &[pool("narrow", 2), pool("wide", 100)]);
    // A thousand heavy tasks wait in the narrow pool.
    site.dag("crowd", many("t", "narrow", 1000).into_iter().map(|task| heavy(task, 100)).collect());
    site.dag("small", vec![task("a", "wide"), task("b", "wide")]);
    site.run("crowd", 1);
    assert_eq!(site.plan(1).len(), 2);
    site.run("small", 2);
    assert_eq!(site.plan(2), ["2.a", "2.b"]);
}

#[test]
fn equal_weights_take_turns_between_dags() {
    let mut site = Site::new(1000, &[pool("p", 1)]);
    for (key, dag_id) in (1..).zip(["a", "b", "c"]) {
        site.dag(dag_id, many("t", "p", 3));
        site.run(dag_id, key);
    }
    let mut order = site.plan(1);
    for second in 2..10 {
        let running = site.running.keys().next().unwrap().clone();
        site.finish(&running, second);
        order.extend(site.plan(second));
    }
    assert_eq!(order, ["1.t0", "2.t0", "3.t0", "1.t1", "2.t1", "3.t1", "1.t2", "2.t2", "3.t2"]);
}

#[test]
fn dags_take_turns_over_all_pools_when_the_deployment_is_what_is_full() {
    let mut site = Site::new(1, &[pool("p", 9), pool("q", 9)]);
    // `a` waits in two pools and gets no more than `b`, which waits in one.
    site.dag("a", [many("p", "p", 3), many("q", "q", 3)].concat());
    site.dag("b", many("t", "p", 3));
    site.run("a", 1);
    site.run("b", 2);
    let mut order = site.plan(1);
    for second in 2..7 {
        let running = site.running.keys().next().unwrap().clone();
        site.finish(&running, second);
        order.extend(site.plan(second));
    }
    let turns: Vec<_> = order.iter().map(|name| &name[..1]).collect();
    assert_eq!(turns, ["1", "2", "1", "2", "1", "2"], "{order:?}");
}

#[test]
fn the_heaviest_goes_first_whichever_dag_had_its_turn() {
    let mut site = Site::new(1000, &[pool("p", 1)]);
    site.dag("a", vec![heavy(task("x", "p"), 5), heavy(task("y", "p"), 5)]);
    site.dag("b", vec![heavy(task("z", "p"), 4)]);
    site.run("a", 1);
    site.run("b", 2);
    assert_eq!(site.plan(1), ["1.x"]);
    site.finish("1.x", 2);
    assert_eq!(site.plan(2), ["1.y"]);
    assert_eq!(site.why(2, 0, 2), "pool `p` is full: 1 of 1 slot used by `a.y` of run1");
    site.finish("1.y", 3);
    assert_eq!(site.plan(3), ["2.z"]);
}

#[test]
fn small_tasks_do_not_overtake_a_large_one_for_ever() {
    let mut site = Site::new(1000, &[pool("p", 4)]);
    site.dag("small", many("s", "p", 50));
    site.dag("large", vec![wide("l", "p", 3)]);
    site.run("small", 1);
    assert_eq!(site.plan(1).len(), 4);
    site.run("large", 2);
    assert!(site.plan(2).is_empty());
    // The other DAG has waited longer, so it goes once more.
    site.finish("1.s0", 3);
    assert_eq!(site.plan(3), ["1.s4"]);
    // Then slots that open are saved up, although small ones would fit.
    for (second, name) in (4..).zip(["1.s1", "1.s2"]) {
        site.finish(name, second);
        assert!(site.plan(second).is_empty());
    }
    assert_eq!(site.why(1, 9, 5), "the 2 open slots of pool `p` are saved up for a task before it that needs 3");
    assert_eq!(
        site.why(2, 0, 5),
        "it needs 3 slots of pool `p`, which has 2 of 4 open; the others are used by `small.s3` of run1, `small.s4` of run1"
    );
    site.finish("1.s3", 6);
    assert_eq!(site.plan(6), ["2.l"]);
    site.finish("2.l", 7);
    assert_eq!(site.plan(7).len(), 3);
}

#[test]
fn dags_that_come_later_do_not_overtake_a_large_task_however_many_they_are() {
    let mut site = Site::new(1000, &[pool("p", 2)]);
    site.dag("first", many("s", "p", 2));
    site.dag("large", vec![wide("l", "p", 2)]);
    site.run("first", 1);
    assert_eq!(site.plan(1).len(), 2);
    site.run("large", 2);
    assert!(site.plan(2).is_empty());
    for key in 3..20 {
        let dag_id = format!("a{key}");
        site.dag(&dag_id, many("s", "p", 5));
        site.run(&dag_id, key);
        assert!(site.plan(key).is_empty());
    }
    site.finish("1.s0", 21);
    assert!(site.plan(21).is_empty());
    site.finish("1.s1", 22);
    assert_eq!(site.plan(22), ["2.l"]);
}

#[test]
fn a_task_that_cannot_ever_fit_says_so_and_holds_nobody_up() {
    let mut site = Site::new(1000, &[pool("p", 2)]);
    site.dag("a", vec![heavy(wide("huge", "p", 3), 9), task("small", "p")]);
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.small"]);
    assert_eq!(site.why(1, 0, 1), "it needs 3 slots and pool `p` has 2: it cannot start before the pool is larger");
    site.set_pools(&[pool("p", 4)]);
    assert_eq!(site.plan(2), ["1.huge"], "a larger pool holds from the next pass");
}

#[test]
fn a_pool_that_shrinks_lets_what_runs_go_on() {
    let mut site = Site::new(1000, &[pool("p", 3)]);
    site.dag("a", many("t", "p", 5));
    site.run("a", 1);
    assert_eq!(site.plan(1).len(), 3);
    site.set_pools(&[pool("p", 1)]);
    for (second, name) in (2..).zip(["1.t0", "1.t1"]) {
        site.finish(name, second);
        assert!(site.plan(second).is_empty());
    }
    assert_eq!(site.why(1, 3, 3), "pool `p` is full: 1 of 1 slot used by `a.t2` of run1");
    site.finish("1.t2", 4);
    assert_eq!(site.plan(4), ["1.t3"]);
}

#[test]
fn a_pool_that_is_gone_is_told_and_starts_nothing_until_it_is_back() {
    let mut site = Site::new(1000, &[pool("q", 1)]);
    site.dag("a", vec![task("t", "p"), task("u", "q")]);
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.u"]);
    assert!(site.why(1, 0, 1).starts_with("there is no pool `p` any more"));
    site.set_pools(&[pool("p", 1), pool("q", 1)]);
    assert_eq!(site.plan(2), ["1.t"]);
}

#[test]
fn a_rate_spreads_starts_and_wakes_by_itself() {
    let mut site = Site::new(1000, &[rated("api", "2/10s")]);
    site.dag("a", many("t", "api", 5));
    site.run("a", 1);
    assert_eq!(site.plan(0), ["1.t0", "1.t1"]);
    assert_eq!(site.planner.next_timer(), Some(at(10)));
    assert_eq!(site.why(1, 2, 1), "pool `api` lets 2/10s start; the next one at 2026-01-01T00:00:10Z");
    site.finish("1.t0", 3);
    assert!(site.plan(3).is_empty(), "an end gives nothing back");
    assert!(site.plan(9).is_empty());
    assert_eq!(site.plan(10), ["1.t2", "1.t3"]);
    assert_eq!(site.plan(20), ["1.t4"]);
    assert_eq!(site.planner.next_timer(), None);
}

#[test]
fn a_rate_counts_any_window_and_not_the_clocks() {
    let mut site = Site::new(1000, &[rated("api", "2/10s")]);
    site.dag("a", many("t", "api", 4));
    site.dag("b", many("t", "api", 1));
    site.run("b", 2);
    assert_eq!(site.plan(8), ["2.t0"]);
    site.run("a", 1);
    assert_eq!(site.plan(9), ["1.t0"]);
    assert!(site.plan(11).is_empty(), "two of the last ten seconds");
    assert_eq!(site.plan(18), ["1.t1"]);
    assert_eq!(site.plan(19), ["1.t2"]);
}

#[test]
fn a_rate_that_is_taken_away_holds_no_longer_and_a_new_one_counts_what_has_started() {
    let mut site = Site::new(1000, &[rated("api", "1/1h")]);
    site.dag("a", many("t", "api", 3));
    site.run("a", 1);
    assert_eq!(site.plan(0), ["1.t0"]);
    site.set_pools(&[pool("api", 2)]);
    assert_eq!(site.plan(1), ["1.t1"]);
    site.set_pools(&[rated("api", "2/1h")]);
    assert!(site.plan(2).is_empty());
    assert_eq!(site.planner.next_timer(), Some(at(3600)));
    assert_eq!(site.plan(3600), ["1.t2"]);
}

#[test]
fn a_take_over_knows_who_holds_slots_and_what_started() {
    let tasks = |_: &str| [many("t", "p", 3), many("r", "api", 3)].concat();
    let mut site = Site::new(1000, &[pool("p", 2), rated("api", "2/10s")]);
    site.dag("a", tasks("a"));
    site.run("a", 1);
    assert_eq!(site.plan(5).len(), 4);
    site.take_over(&[("a", 1)], tasks);
    assert!(site.plan(6).is_empty());
    assert!(site.why(1, 2, 6).starts_with("pool `p` is full: 2 of 2 slots used by"), "{}", site.why(1, 2, 6));
    assert_eq!(site.plan(15), ["1.r2"]);
    site.finish("1.t0", 16);
    assert_eq!(site.plan(16), ["1.t2"]);
}

#[test]
fn a_start_that_was_not_written_counts_for_no_rate() {
    let mut site = Site::new(1000, &[rated("api", "1/1h")]);
    site.dag("a", many("t", "api", 1));
    site.run("a", 1);
    let decisions = site.planner.plan(at(0), true);
    assert_eq!(decisions.dispatch.len(), 1);
    // Somebody changed the run first: it is read again, as it was.
    site.planner.abandon(&decisions.batch);
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.t0"]);
}

#[test]
fn a_task_with_a_limit_runs_so_often_in_all_runs_of_its_dag() {
    let limited = Task { max_active_tis_per_dag: Some(1), ..heavy(task("solo", "p"), 9) };
    let mut site = Site::new(1000, &[pool("p", 100)]);
    site.dag("a", vec![limited, task("free", "p")]);
    (1..=3).for_each(|key| site.run("a", key));
    assert_eq!(site.plan(1), ["1.solo", "1.free", "2.free", "3.free"]);
    assert_eq!(
        site.why(2, 0, 1),
        "1 of its task instances is active in all runs of the DAG already (max_active_tis_per_dag)"
    );
    site.finish("1.solo", 2);
    assert_eq!(site.plan(2), ["2.solo"]);
    site.finish("2.solo", 3);
    assert_eq!(site.plan(3), ["3.solo"]);
}

#[test]
fn a_task_that_its_own_limit_keeps_waiting_saves_up_no_slots() {
    let limited = Task { max_active_tis_per_dag: Some(1), ..heavy(wide("solo", "p", 3), 9) };
    let mut site = Site::new(1000, &[pool("p", 4)]);
    site.dag("a", vec![limited]);
    site.dag("b", many("t", "p", 1));
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.solo"]);
    site.run("a", 2);
    site.run("b", 3);
    assert_eq!(site.plan(2), ["3.t0"]);
}

#[test]
fn a_limit_that_a_newer_version_brings_counts_what_older_ones_run() {
    let mut site = Site::new(1000, &[pool("p", 100)]);
    site.dag("a", vec![task("solo", "p")]);
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.solo"]);
    site.dag("a", vec![Task { max_active_tis_per_dag: Some(1), ..task("solo", "p") }]);
    site.run("a", 2);
    assert!(site.plan(2).is_empty());
    site.finish("1.solo", 3);
    assert_eq!(site.plan(3), ["2.solo"]);
}

#[test]
fn max_active_tasks_of_a_newer_version_holds_for_running_runs() {
    let mut site = Site::new(1000, &[pool("p", 100)]);
    let dag = |limit| Dag {
        max_active_tasks: Some(limit),
        ..Dag::new("a", many("t", "p", 5).into_iter().map(Arc::new).collect())
    };
    site.dag_as(dag(1));
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.t0"]);
    site.dag_as(dag(3));
    assert_eq!(site.plan(2), ["1.t1", "1.t2"]);
}

#[test]
fn a_take_over_counts_tasks_that_have_limits() {
    let tasks = |_: &str| vec![Task { max_active_tis_per_dag: Some(1), ..task("solo", "p") }];
    let mut site = Site::new(1000, &[pool("p", 100)]);
    site.dag("a", tasks("a"));
    site.run("a", 1);
    site.run("a", 2);
    assert_eq!(site.plan(1), ["1.solo"]);
    site.take_over(&[("a", 1), ("a", 2)], tasks);
    assert!(site.plan(2).is_empty());
    site.finish("1.solo", 3);
    assert_eq!(site.plan(3), ["2.solo"]);
}

#[test]
fn deferred_tasks_hold_their_slots_where_the_pool_says_so() {
    let tasks = |_: &str| many("t", "p", 3);
    let mut site = Site::new(1000, &[Pool { include_deferred: true, ..pool("p", 2) }]);
    site.dag("a", tasks("a"));
    site.run("a", 1);
    assert_eq!(site.plan(1), ["1.t0", "1.t1"]);
    // Two are deferred, as the next scheduler reads it.
    for row in site.rows.values_mut().filter(|row| row.state == TaskInstanceState::Queued) {
        row.state = TaskInstanceState::Deferred;
    }
    site.take_over(&[("a", 1)], tasks);
    assert!(site.plan(2).is_empty());
    assert!(site.why(1, 2, 2).starts_with("pool `p` is full: 2 of 2 slots used by"), "{}", site.why(1, 2, 2));
    site.set_pools(&[pool("p", 2)]);
    assert_eq!(site.plan(3), ["1.t2"], "a change of it holds from the next pass");
}

#[test]
fn what_a_run_holds_that_is_read_later_counts_for_those_read_before() {
    let tasks = |_: &str| vec![Task { max_active_tis_per_dag: Some(1), ..task("solo", "p") }];
    let mut site = Site::new(1000, &[pool("p", 100)]);
    site.dag("a", tasks("a"));
    site.run("a", 1);
    site.run("a", 2);
    assert_eq!(site.plan(1), ["1.solo"]);
    site.take_over(&[("a", 2), ("a", 1)], tasks);
    assert!(site.plan(2).is_empty());
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Run(usize),
    Finish(usize),
    Resize(usize, u32),
    TakeOver,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (0_usize..3).prop_map(Event::Run),
        6 => any::<usize>().prop_map(Event::Finish),
        1 => ((0_usize..2), (0_u32..5)).prop_map(|(pool, slots)| Event::Resize(pool, slots)),
        1 => Just(Event::TakeOver),
    ];
    proptest::collection::vec(event, 1..60)
}

proptest! {
    /// Nothing starts beyond what pools, tasks, runs and the deployment allow; and whenever nothing more starts,
    /// nothing could: no task that its limits allow waits in a pool whose order it is first in.
    #[test]
    fn no_limit_is_ever_exceeded_and_no_slot_is_left_idle(
        shape in proptest::collection::vec((0_usize..2, 1_u32..4, -2_i32..3, proptest::option::of(1_u32..3)), 12),
        events in events(),
    ) {
        let names = ["p", "q"];
        let tasks = |dag: usize| -> Vec<Task> {
            let of_dag = shape.iter().enumerate().filter(|(n, _)| n % 3 == dag);
            of_dag.map(|(n, (pool, slots, weight, limit))| Task {
                max_active_tis_per_dag: *limit,
                ..heavy(wide(&format!("t{n}"), names[*pool], *slots), *weight)
            }).collect()
        };
        let by_id = |dag_id: &str| tasks(dag_id[1..].parse().unwrap());
        let mut sizes = [3_u32, 4];
        let mut site = Site::new(1000, &[pool("p", sizes[0]), pool("q", sizes[1])]);
        for dag in 0..3 {
            site.dag(&format!("d{dag}"), tasks(dag));
        }
        let mut runs: Vec<(String, i64)> = Vec::new();
        for (second, event) in (1..).zip(events) {
            match event {
                Event::Run(dag) => {
                    let key = i64::try_from(runs.len()).unwrap() + 1;
                    runs.push((format!("d{dag}"), key));
                    site.run(&format!("d{dag}"), key);
                }
                Event::Finish(which) if !site.running.is_empty() => {
                    let name = site.running.keys().nth(which % site.running.len()).unwrap().clone();
                    site.finish(&name, second);
                }
                Event::Finish(_) => {}
                Event::Resize(which, slots) => {
                    sizes[which] = slots;
                    site.set_pools(&[pool("p", sizes[0]), pool("q", sizes[1])]);
                }
                Event::TakeOver => {
                    let open: Vec<(&str, i64)> = runs.iter().map(|(dag, key)| (dag.as_str(), *key)).filter(|(_, key)| {
                        let mut of_run = site.rows.iter().filter(|(ti, _)| ti.dag_run.0 == *key).peekable();
                        of_run.peek().is_some() && of_run.any(|(_, row)| !row.state.is_finished())
                    }).collect();
                    // What was not planned yet is not in the database either.
                    let planned = open.len();
                    let all = site.planner.run_count();
                    if planned == all {
                        let open: Vec<(String, i64)> = open.into_iter().map(|(dag, key)| (dag.to_owned(), key)).collect();
                        let open: Vec<(&str, i64)> = open.iter().map(|(dag, key)| (dag.as_str(), *key)).collect();
                        site.take_over(&open, by_id);
                    }
                }
            }
            let held_before = held(&site);
            let started = site.plan(second);
            let held_after = held(&site);
            for (index, name) in names.iter().enumerate() {
                let (before, after) = (held_before.get(*name).copied().unwrap_or(0), held_after.get(*name).copied().unwrap_or(0));
                prop_assert!(after <= sizes[index].max(before), "{name}: {before} → {after} of {}", sizes[index]);
            }
            let mut active: BTreeMap<(String, String), u32> = BTreeMap::new();
            for attempt in site.running.values() {
                *active.entry((attempt.dag_run.dag_id.clone(), attempt.task().task_id.clone())).or_default() += 1;
            }
            for attempt in site.running.values() {
                let count = active[&(attempt.dag_run.dag_id.clone(), attempt.task().task_id.clone())];
                prop_assert!(attempt.task().max_active_tis_per_dag.is_none_or(|limit| count <= limit));
            }
            prop_assert!(site.planner.plan(at(second), false).is_empty(), "planning again decides nothing");
            // Whatever waits can say for what; nobody waits without a reason.
            let waiting: Vec<_> = site.rows.values().filter(|row| row.state == TaskInstanceState::Scheduled).collect();
            for row in waiting {
                let Some(waiting) = site.planner.why(row.key, at(second)) else { continue };
                prop_assert!(waiting != model::why::Waiting::Scheduler, "{:?} waits for nothing ({started:?})", row.key);
            }
        }
    }
}

/// Slots held, by pool.
fn held(site: &Site) -> BTreeMap<String, u32> {
    let mut held = BTreeMap::new();
    for attempt in site.running.values() {
        *held.entry(attempt.task().pool.clone()).or_default() += attempt.task().pool_slots;
    }
    held
}
