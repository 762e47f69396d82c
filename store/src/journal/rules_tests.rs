//! Choices, the past, pauses and setups, on a real PostgreSQL.

use std::sync::Arc;

use jiff::Timestamp;
use model::dag::{Dag, Task, Teardown};
use model::dag_file::Parsed;
use model::dag_run::NewDagRun;
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::journal::{Batch, ChoiceRow, DagPause, DagRunChange, DagRunWrite, TaskInstanceRow, XComRow};
use model::operator::Operator;
use model::past::PastQuery;
use model::state::{DagRunState, DagRunType, TaskInstanceState as S, TriggeredBy};
use uuid::Uuid;

use super::LeaderJournal;
use crate::Store;
use crate::dag::SavedDag;
use crate::dag_run::{ClearRuns, ClearSelection};
use crate::event_log::By;
use crate::testing::{TestDatabase, tester};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

/// `make` > `use` > `drop`, `use` depending on the past with what follows it.
async fn save(store: &Store) {
    let after = |id: &str, upstream: &[u32]| Task {
        upstream: upstream.iter().map(|index| TaskIndex(*index)).collect(),
        ..Task::new(id, Operator::Empty)
    };
    let tasks = vec![
        Arc::new(Task { setup: true, ..after("make", &[]) }),
        Arc::new(Task { depends_on_past: true, wait_for_downstream: true, ..after("use", &[0]) }),
        Arc::new(Task { teardown: Some(Teardown::default()), ..after("drop", &[0, 1]) }),
    ];
    let parsed = Parsed { dag: Dag::new("etl", tasks), content_hash: [1; 32], warnings: Vec::new(), pools: Vec::new() };
    let saved = SavedDag {
        parsed: &parsed,
        relative_fileloc: "etl.yaml",
        fileloc: "/dags/etl.yaml",
        source: "tasks: []",
        parse_duration_ms: 0.1,
        is_paused_at_creation: false,
    };
    store.save_dag(&saved, at(0)).await.unwrap();
}

async fn run(store: &Store, number: i64, run_type: DagRunType) -> DagRunKey {
    let new = NewDagRun {
        dag_id: "etl".to_owned(),
        run_id: format!("run_{number}"),
        run_type,
        logical_date: Some(at(number)),
        data_interval: None,
        run_after: at(0),
        conf: serde_json::Map::new(),
        triggered_by: TriggeredBy::Test,
        triggering_user: None,
        note: None,
    };
    store.trigger(&new, &serde_json::Map::new(), &By::local("tester", at(0))).await.unwrap()
}

fn row(dag_run: DagRunKey, task: u32, state: S) -> TaskInstanceRow {
    TaskInstanceRow {
        key: TaskInstanceKey::unmapped(dag_run, TaskIndex(task)),
        state,
        try_number: 1,
        max_tries: 1,
        attempt_token: None,
        pid: None,
        scheduled_at: None,
        queued_at: None,
        started_at: None,
        ended_at: None,
        retry_at: None,
    }
}

fn ended(dag_run: DagRunKey, state: DagRunState, tasks: [S; 3]) -> Batch {
    let change = DagRunChange { state, started_at: Some(at(1)), ended_at: Some(at(2)), reason: None };
    Batch {
        runs: vec![DagRunWrite { key: dag_run, version: 0, change: Some(change) }],
        inserted: (0..3).zip(tasks).map(|(task, state)| row(dag_run, task, state)).collect(),
        ..Batch::default()
    }
}

fn journal(store: &Store) -> LeaderJournal {
    LeaderJournal::new(store, Uuid::from_u128(1), "test:1".to_owned())
}

fn query(dag_run: DagRunKey, skips_manual: bool) -> [PastQuery; 1] {
    let (tasks, followers) = (vec!["use".to_owned()], vec!["drop".to_owned()]);
    [PastQuery { dag_run, skips_manual, tasks, followers }]
}

#[tokio::test]
async fn the_run_before_is_found_by_logical_date_with_what_matters_of_it() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    let journal = journal(store);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let third = run(store, 3, DagRunType::Scheduled).await;
    let first = run(store, 1, DagRunType::Scheduled).await;
    assert_eq!(journal.past(&query(first, false)).await.unwrap()[0].1.previous, None);
    let second = run(store, 2, DagRunType::Manual).await;
    journal.commit(epoch, &ended(first, DagRunState::Failed, [S::Success, S::Failed, S::Success])).await.unwrap();
    let previous = |skips_manual| {
        let journal = journal.clone();
        async move { journal.past(&query(third, skips_manual)).await.unwrap().remove(0).1.previous.unwrap() }
    };
    // The manual run between has not started: its task has not ended well.
    let before = previous(false).await;
    assert_eq!((before.key, before.run_id.as_str()), (second, "run_2"));
    assert_eq!(before.tasks, [("use".to_owned(), S::None)].into());
    let before = previous(true).await;
    assert_eq!(before.key, first);
    assert_eq!(before.tasks, [("use".to_owned(), S::Failed), ("drop".to_owned(), S::Success)].into());
    assert!(before.earlier.is_empty());
}

#[tokio::test]
async fn a_task_that_only_an_earlier_run_had_is_known_to_be_older() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    let journal = journal(store);
    let first = run(store, 1, DagRunType::Scheduled).await;
    let epoch = journal.take_over().await.unwrap().unwrap();
    journal.commit(epoch, &ended(first, DagRunState::Success, [S::Success; 3])).await.unwrap();
    let second = run(store, 2, DagRunType::Scheduled).await;
    let mut batch = ended(second, DagRunState::Success, [S::Success; 3]);
    batch.inserted.remove(1);
    journal.commit(epoch, &batch).await.unwrap();
    let third = run(store, 3, DagRunType::Scheduled).await;
    let before = journal.past(&query(third, false)).await.unwrap().remove(0).1.previous.unwrap();
    assert_eq!((before.key, before.earlier), (second, ["use".to_owned()].into()));
}

#[tokio::test]
async fn a_choice_is_loaded_with_its_run() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    let journal = journal(store);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let key = run(store, 1, DagRunType::Manual).await;
    let value = serde_json::json!({"followed": ["use"]});
    let mut batch = ended(key, DagRunState::Running, [S::Success, S::None, S::None]);
    let xcom = |key_: &str, value| XComRow {
        dag_run: key,
        task_id: "make".to_owned(),
        map_index: -1,
        key: key_.to_owned(),
        value,
    };
    batch.xcoms = vec![xcom(model::xcom::CHOICE, value.clone()), xcom("other", serde_json::json!(1))];
    journal.commit(epoch, &batch).await.unwrap();
    let loaded = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
    assert_eq!(loaded.choices, [ChoiceRow { task_id: "make".to_owned(), map_index: -1, value }]);
}

#[tokio::test]
async fn a_pause_is_written_with_its_reason_in_the_batch_and_gone_when_a_person_unpauses() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    let journal = journal(store);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let first = run(store, 1, DagRunType::Manual).await;
    let second = run(store, 2, DagRunType::Manual).await;
    journal.commit(epoch, &ended(first, DagRunState::Success, [S::Success; 3])).await.unwrap();
    let mut batch = ended(second, DagRunState::Failed, [S::Failed; 3]);
    batch.paused = vec![DagPause { dag_id: "etl".to_owned(), reason: "a run failed".to_owned() }];
    // A leader that is not one any more pauses nothing.
    let other = LeaderJournal::new(store, Uuid::from_u128(1), "test:2".to_owned());
    let newer = other.take_over().await.unwrap().unwrap();
    assert!(journal.commit(epoch, &batch).await.is_err());
    let is_paused = || async { store.pages_dag("etl", None).await.unwrap().unwrap() };
    assert!(!is_paused().await.is_paused);
    other.commit(newer, &batch).await.unwrap();
    let dag = is_paused().await;
    assert_eq!((dag.is_paused, dag.pause_reason.as_deref()), (true, Some("a run failed")));
    assert!(other.dags(None).await.unwrap()[0].is_paused);
    let ends = other.recent_ends(&[("etl".to_owned(), 5), ("none".to_owned(), 1)]).await.unwrap();
    assert_eq!(ends[0].1, [(second, true), (first, false)]);
    assert!(ends[1].1.is_empty());
    assert!(store.set_paused("etl", false, &tester()).await.unwrap());
    assert_eq!(is_paused().await.pause_reason, None);
}

#[tokio::test]
async fn clearing_a_task_between_clears_its_setup_and_its_teardown() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    let journal = journal(store);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let key = run(store, 1, DagRunType::Manual).await;
    journal.commit(epoch, &ended(key, DagRunState::Success, [S::Success; 3])).await.unwrap();
    let selection = ClearSelection { tasks: Some(vec![("use".to_owned(), None)]), ..ClearSelection::default() };
    let cleared = store
        .clear_task_instances("etl", &ClearRuns::One("run_1".to_owned()), &selection, &By::local("tester", at(9)))
        .await
        .unwrap();
    assert_eq!(cleared.task_ids, ["make", "use", "drop"]);
}
