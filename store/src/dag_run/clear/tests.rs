use std::sync::Arc;

use model::dag::Task;
use model::dag_file::Parsed;
use model::dag_run::NewDagRun;
use model::ids::{AttemptToken, Epoch, TaskInstanceKey};
use model::journal::{Batch, CommitError, DagRunChange, DagRunWrite, TaskInstanceRow};
use model::operator::{Bash, Operator};
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::*;
use crate::dag::SavedDag;
use crate::dag_run::TaskInstanceEnd;
use crate::event_log::By;
use crate::journal::LeaderJournal;
use crate::testing::{TestDatabase, tester};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

/// A DAG whose tasks follow each other in this order.
fn chain(tasks: &[&str]) -> Dag {
    let task = |(position, task_id): (usize, &&str)| {
        let upstream = position.checked_sub(1).map(|before| TaskIndex(u32::try_from(before).unwrap()));
        Arc::new(Task {
            upstream: upstream.into_iter().collect(),
            retries: 2,
            ..Task::new(*task_id, Operator::Bash(Bash::new("true")))
        })
    };
    Dag::new("etl", tasks.iter().enumerate().map(task).collect())
}

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) journal: LeaderJournal,
    pub(crate) epoch: Epoch,
}

impl World {
    pub(crate) async fn create(tasks: &[&str]) -> Self {
        let database = TestDatabase::create().await;
        let journal = LeaderJournal::new(database.store(), Uuid::from_u128(1), "test:1".to_owned());
        let epoch = journal.take_over().await.unwrap().unwrap();
        let world = Self { database, journal, epoch };
        world.save(tasks).await;
        world
    }

    pub(crate) fn store(&self) -> &Store {
        self.database.store()
    }

    pub(crate) async fn save(&self, tasks: &[&str]) {
        let mut content_hash = [0; 32];
        tasks.concat().bytes().zip(&mut content_hash).for_each(|(byte, slot)| *slot = byte);
        let parsed = Parsed { dag: chain(tasks), content_hash, pools: Vec::new(), warnings: Vec::new() };
        let saved = SavedDag {
            parsed: &parsed,
            relative_fileloc: "etl.yaml",
            fileloc: "/dags/etl.yaml",
            source: "",
            parse_duration_ms: 0.1,
            is_paused_at_creation: false,
        };
        self.store().save_dag(&saved, at(0)).await.unwrap();
    }

    /// A run for a day with its task instances in these states, ended when all of them have.
    pub(crate) async fn run(&self, day: i64, states: &[TaskInstanceState]) -> DagRunKey {
        let run = NewDagRun {
            dag_id: "etl".to_owned(),
            run_id: format!("day_{day}"),
            run_type: DagRunType::Manual,
            logical_date: Some(at(day * 86_400)),
            data_interval: None,
            run_after: at(0),
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Cli,
            triggering_user: None,
            note: None,
        };
        let key = self.store().trigger(&run, &serde_json::Map::new(), &By::local("tester", at(0))).await.unwrap();
        let is_finished = states.iter().all(|state| state.is_finished());
        let row = |(index, state): (u32, &TaskInstanceState)| TaskInstanceRow {
            key: TaskInstanceKey::unmapped(key, TaskIndex(index)),
            state: *state,
            try_number: u32::from(*state != TaskInstanceState::None),
            max_tries: 3,
            attempt_token: Some(AttemptToken(i64::from(index) + 1)),
            pid: None,
            scheduled_at: Some(at(1)),
            queued_at: Some(at(1)),
            started_at: Some(at(1)),
            ended_at: state.is_finished().then(|| at(2)),
            retry_at: None,
        };
        let change = DagRunChange {
            state: if is_finished { DagRunState::Failed } else { DagRunState::Running },
            started_at: Some(at(1)),
            ended_at: is_finished.then(|| at(2)),
            reason: None,
        };
        let batch = Batch {
            runs: vec![DagRunWrite { key, version: 0, change: Some(change) }],
            inserted: (0..).zip(states).map(row).collect(),
            ..Batch::default()
        };
        self.journal.commit(self.epoch, &batch).await.unwrap();
        key
    }

    async fn clear(&self, runs: ClearRuns, selection: &ClearSelection) -> Cleared {
        self.store().clear_task_instances("etl", &runs, selection, &By::local("tester", at(9))).await.unwrap()
    }

    /// `task:state` of each row, in order, and the run's state.
    pub(crate) async fn states(&self, key: DagRunKey) -> (String, DagRunState) {
        let filter = crate::read::api::TaskInstanceFilter::default();
        let rows = self.store().api_all_task_instances(&filter).await.unwrap();
        let rows = rows.iter().filter(|row| row.dag_run_id == key.0);
        let told: Vec<_> = rows.map(|row| format!("{}:{}", row.task_id, row.state)).collect();
        let run = self.journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
        (told.join(" "), run.state)
    }
}

use TaskInstanceState::{Failed, None as Nothing, Running, Success, UpstreamFailed};

fn tasks(ids: &[&str]) -> Vec<(String, Option<i32>)> {
    ids.iter().map(|id| ((*id).to_owned(), None)).collect()
}

#[tokio::test]
async fn a_run_cleared_to_the_newest_version_keeps_what_stays_drops_what_is_gone_and_gets_what_is_new() {
    let world = World::create(&["a", "b", "c", "d"]).await;
    let key = world.run(0, &[Success, Success, Failed, UpstreamFailed]).await;
    world.save(&["new", "d", "a", "c"]).await;
    let latest = ClearSelection { only_failed: true, on_latest_version: true, ..ClearSelection::default() };
    let dry = ClearSelection { is_dry_run: true, ..latest.clone() };
    let planned = world.clear(ClearRuns::One("day_0".to_owned()), &dry).await;
    assert_eq!(planned.task_ids, ["new", "d", "c"]);
    assert_eq!(planned.added, [("day_0".to_owned(), "new".to_owned())]);
    assert_eq!(
        world.states(key).await,
        ("a:success b:success c:failed d:upstream_failed".to_owned(), DagRunState::Failed)
    );

    let cleared = world.clear(ClearRuns::One("day_0".to_owned()), &latest).await;
    assert_eq!(cleared.keys, [0, 1, 3].map(|task| (key, TaskIndex(task), -1)));
    assert_eq!(world.states(key).await, ("new:none d:none a:success c:none b:removed".to_owned(), DagRunState::Queued));
    let attempts = world.store().api_attempts(key.0, 3, -1).await.unwrap();
    assert_eq!(attempts.len(), 1, "the attempts of `c` are where it is now");
    assert!(world.store().violations().await.unwrap().is_empty());

    // Once more: what was gone comes back, and the rest moves.
    world.save(&["b", "c"]).await;
    let new = ClearSelection { only_new: true, ..ClearSelection::default() };
    assert_eq!(world.clear(ClearRuns::One("day_0".to_owned()), &new).await.task_ids, ["b"]);
    assert_eq!(world.states(key).await.0, "b:none c:none new:removed d:removed a:removed");
    assert_eq!(world.store().api_attempts(key.0, 1, -1).await.unwrap().len(), 1);
    assert!(world.store().violations().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_attempt_of_a_task_that_is_gone_is_cancelled_and_one_that_stays_keeps_its_token() {
    let world = World::create(&["a", "b"]).await;
    let key = world.run(0, &[Running, Running]).await;
    world.save(&["x", "b"]).await;
    let selection = ClearSelection { only_new: true, ..ClearSelection::default() };
    world.clear(ClearRuns::One("day_0".to_owned()), &selection).await;
    let run = world.journal.dag_runs(None).await.unwrap().remove(0);
    let told: Vec<_> = run.task_instances.iter().map(|ti| (ti.key.task.0, ti.state, ti.attempt_token)).collect();
    let token = |token| Some(AttemptToken(token));
    assert_eq!(told, [(0, Nothing, None), (1, Running, token(2)), (2, TaskInstanceState::Removed, token(1))]);
    let attempts = world.store().api_attempts(key.0, 2, -1).await.unwrap();
    assert_eq!(attempts[0].reason.as_deref(), Some("its task is no longer in the DAG"));
}

#[tokio::test]
async fn clears_reach_into_earlier_and_later_runs_and_into_ranges_of_dates() {
    let world = World::create(&["a", "b"]).await;
    let mut keys = Vec::new();
    for day in 0..4 {
        keys.push(world.run(day, &[Success, Success]).await);
    }
    let around = |past, future| ClearRuns::Around { run_id: "day_1".to_owned(), past, future };
    let between = |start: Option<i64>, end: Option<i64>| ClearRuns::Between {
        start: start.map(|day| at(day * 86_400)),
        end: end.map(|day| at(day * 86_400)),
    };
    let dry = ClearSelection { tasks: Some(tasks(&["b"])), is_dry_run: true, ..ClearSelection::default() };
    for (runs, days) in [
        (ClearRuns::One("day_1".to_owned()), vec![1]),
        (around(false, false), vec![1]),
        (around(true, false), vec![0, 1]),
        (around(false, true), vec![1, 2, 3]),
        (around(true, true), vec![0, 1, 2, 3]),
        (between(Some(1), Some(2)), vec![1, 2]),
        (between(None, None), vec![0, 1, 2, 3]),
    ] {
        let cleared = world.clear(runs, &dry).await;
        let expected: Vec<_> = days.into_iter().map(|day: usize| (keys[day], TaskIndex(1), -1)).collect();
        assert_eq!(cleared.keys, expected);
    }
    world.clear(around(false, true), &ClearSelection { is_dry_run: false, with_upstream: true, ..dry }).await;
    assert_eq!(world.states(keys[0]).await, ("a:success b:success".to_owned(), DagRunState::Failed));
    assert_eq!(world.states(keys[3]).await, ("a:none b:none".to_owned(), DagRunState::Queued));
}

#[tokio::test]
async fn a_run_may_stay_ended_while_its_task_instances_are_cleared() {
    let world = World::create(&["a", "b"]).await;
    let key = world.run(0, &[Success, Failed]).await;
    let selection = ClearSelection { keeps_run_state: true, only_failed: true, ..ClearSelection::default() };
    world.clear(ClearRuns::One("day_0".to_owned()), &selection).await;
    assert_eq!(world.states(key).await, ("a:success b:none".to_owned(), DagRunState::Failed));
    assert!(world.store().violations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_clear_to_the_newest_version_and_a_batch_at_the_same_moment_leave_one_of_the_two_orders() {
    let world = World::create(&["a", "b"]).await;
    let mut keys = Vec::new();
    for day in 0..20 {
        keys.push(world.run(day, &[Success, Running]).await);
    }
    world.save(&["b", "a", "c"]).await;
    for (day, key) in keys.into_iter().enumerate() {
        let mut ended = world.journal.dag_runs(Some(&[key])).await.unwrap().remove(0).task_instances.remove(1);
        (ended.state, ended.ended_at) = (Success, Some(at(5)));
        let change =
            DagRunChange { state: DagRunState::Success, started_at: Some(at(1)), ended_at: Some(at(5)), reason: None };
        let batch = Batch {
            runs: vec![DagRunWrite { key, version: 0, change: Some(change) }],
            updated: vec![ended],
            ..Batch::default()
        };
        let barrier = Barrier::new(2);
        let selection =
            ClearSelection { on_latest_version: true, tasks: Some(tasks(&["b"])), ..ClearSelection::default() };
        let (committed, cleared) = tokio::join!(
            async {
                barrier.wait().await;
                world.journal.commit(world.epoch, &batch).await
            },
            async {
                barrier.wait().await;
                world.clear(ClearRuns::One(format!("day_{day}")), &selection).await
            }
        );
        assert_eq!(cleared.task_ids, ["b", "c"]);
        let states = world.states(key).await;
        match committed {
            Ok(()) => assert_eq!(states, ("b:none a:success c:none".to_owned(), DagRunState::Queued)),
            Err(error) => {
                assert_eq!(error, CommitError::Conflict);
                assert_eq!(states, ("b:restarting a:success c:none".to_owned(), DagRunState::Running));
            }
        }
    }
}

#[tokio::test]
async fn a_mark_stops_what_runs_tells_why_and_lets_what_failed_behind_it_be_looked_at_again() {
    let world = World::create(&["a", "b", "c"]).await;
    let key = world.run(0, &[Success, Failed, UpstreamFailed]).await;
    let b = ClearSelection { tasks: Some(tasks(&["b"])), ..ClearSelection::default() };
    let mark = async |chosen: &ClearSelection, end| {
        let one = ClearRuns::One("day_0".to_owned());
        world.store().mark_task_instances("etl", &one, chosen, end, &By::local("ada", at(9))).await.unwrap()
    };
    let dry = ClearSelection { is_dry_run: true, with_upstream: true, ..b.clone() };
    assert_eq!(mark(&dry, TaskInstanceEnd::Success).await, [(key, TaskIndex(1), -1)], "`a` is so already");
    assert_eq!(world.states(key).await.1, DagRunState::Failed);
    mark(&b, TaskInstanceEnd::Success).await;
    assert_eq!(world.states(key).await, ("a:success b:success c:none".to_owned(), DagRunState::Queued));
    let reason =
        async |position: usize| world.store().pages_task_instances(key.0).await.unwrap()[position].reason.clone();
    assert_eq!(reason(1).await.as_deref(), Some("marked success by ada"));
    assert!(mark(&b, TaskInstanceEnd::Success).await.is_empty());

    world.database.execute("UPDATE task_instance SET state = 'running' WHERE task_index = 2").await;
    mark(&ClearSelection { tasks: Some(tasks(&["c"])), ..ClearSelection::default() }, TaskInstanceEnd::Skipped).await;
    assert_eq!(world.states(key).await.0, "a:success b:success c:skipped");
    assert_eq!(world.store().api_attempts(key.0, 2, -1).await.unwrap()[0].state, "cancelled");
    world.clear(ClearRuns::One("day_0".to_owned()), &b).await;
    assert_eq!(reason(1).await, None, "a clear takes the mark away");
}

#[tokio::test]
async fn a_run_that_is_cleared_with_another_conf_has_it_and_its_params_from_then_on() {
    let world = World::create(&["a"]).await;
    let key = world.run(0, &[Success]).await;
    let map = |value: serde_json::Value| value.as_object().cloned().unwrap();
    let conf = Some((map(serde_json::json!({"n": 2})), map(serde_json::json!({"n": 2, "m": 1}))));
    world.clear(ClearRuns::One("day_0".to_owned()), &ClearSelection { conf, ..ClearSelection::default() }).await;
    let run = world.journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
    assert_eq!((run.facts.conf["n"].clone(), run.facts.params["m"].clone()), (2.into(), 1.into()));
}

#[tokio::test]
async fn a_disabled_task_reaches_the_leader_until_it_is_enabled() {
    let world = World::create(&["a", "b"]).await;
    let key = world.run(0, &[Running, Nothing]).await;
    let store = world.store();
    assert!(store.disable_task("etl", None, "b", &By::local("ada", at(9))).await.unwrap());
    assert!(!store.disable_task("etl", None, "b", &By::local("bob", at(9))).await.unwrap(), "it is already");
    assert!(store.disable_task("etl", Some("day_0"), "a", &By::local("ada", at(9))).await.unwrap());
    assert!(store.disable_task("etl", None, "no", &By::local("ada", at(9))).await.is_err());
    assert!(store.disable_task("etl", Some("no"), "a", &By::local("ada", at(9))).await.is_err());
    let told = async || {
        let row = world.journal.dags(None).await.unwrap().remove(0);
        let mut told: Vec<_> = row.disabled_tasks.into_iter().map(|one| (one.task_id, one.dag_run)).collect();
        told.sort_unstable();
        told
    };
    assert_eq!(told().await, [("a".to_owned(), Some(key)), ("b".to_owned(), None)]);
    assert_eq!(world.journal.dag_runs(None).await.unwrap()[0].version, 3, "each change makes the leader look again");
    assert_eq!(store.disabled_tasks("etl").await.unwrap().len(), 2);
    assert!(store.enable_task("etl", Some("day_0"), "a", &tester()).await.unwrap());
    assert!(!store.enable_task("etl", Some("day_0"), "b", &tester()).await.unwrap());
    assert_eq!(told().await, [("b".to_owned(), None)]);
}
