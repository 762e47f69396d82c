//! The leader's writes against people's, on a real PostgreSQL.

use std::sync::Arc;

use jiff::Timestamp;
use model::dag::{Dag, Task};
use model::dag_file::Parsed;
use model::dag_run::{DataInterval, NewDagRun};
use model::ids::{AttemptToken, DagRunKey, Epoch, TaskIndex, TaskInstanceKey};
use model::journal::{
    Batch, CommitError, DagRunChange, DagRunWrite, EndedAttempt, ScheduledRun, SkipReason, SkippedRun, TaskInstanceRow,
    XComRow,
};
use model::mapping::Elements;
use model::operator::{Bash, Operator};
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::LeaderJournal;
use crate::Store;
use crate::dag::{SaveOutcome, SavedDag};
use crate::dag_run::{ClearError, ClearRuns, ClearSelection, DagRunEnd, TriggerError};
use crate::event_log::By;
use crate::testing::{TestDatabase, tester};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn parsed(command: &str) -> Parsed {
    let task = Task::new("a", Operator::Bash(Bash::new(command)));
    let dag = Dag { tags: vec!["t".to_owned()], ..Dag::new("etl", vec![Arc::new(task)]) };
    let mut content_hash = [0; 32];
    content_hash[..command.len()].copy_from_slice(command.as_bytes());
    Parsed { dag, content_hash, warnings: Vec::new(), pools: Vec::new() }
}

pub(crate) async fn save(store: &Store, command: &str) -> SaveOutcome {
    let parsed = parsed(command);
    let saved = SavedDag {
        parsed: &parsed,
        relative_fileloc: "etl.yaml",
        fileloc: "/dags/etl.yaml",
        source: "tasks: []",
        parse_duration_ms: 0.1,
        is_paused_at_creation: false,
    };
    store.save_dag(&saved, at(0)).await.unwrap()
}

fn new_run(run_id: &str, logical_date: Option<Timestamp>) -> NewDagRun {
    NewDagRun {
        dag_id: "etl".to_owned(),
        run_id: run_id.to_owned(),
        run_type: DagRunType::Manual,
        logical_date,
        data_interval: None,
        run_after: at(0),
        conf: serde_json::Map::new(),
        triggered_by: TriggeredBy::RestApi,
        triggering_user: Some("ada".to_owned()),
        note: None,
    }
}

fn one(run_id: &str) -> ClearRuns {
    ClearRuns::One(run_id.to_owned())
}

pub(crate) async fn trigger(
    store: &Store,
    run_id: &str,
    logical_date: Option<Timestamp>,
) -> Result<DagRunKey, TriggerError> {
    store.trigger(&new_run(run_id, logical_date), &serde_json::Map::new(), &By::local("tester", at(0))).await
}

pub(crate) fn leader(store: &Store, number: u128) -> LeaderJournal {
    LeaderJournal::new(store, Uuid::from_u128(number), format!("test:{number}"))
}

pub(crate) fn queued(dag_run: DagRunKey) -> TaskInstanceRow {
    TaskInstanceRow {
        key: TaskInstanceKey::unmapped(dag_run, TaskIndex(0)),
        state: TaskInstanceState::Queued,
        try_number: 1,
        max_tries: 1,
        attempt_token: Some(AttemptToken(7)),
        pid: None,
        scheduled_at: Some(at(1)),
        queued_at: Some(at(1)),
        started_at: None,
        ended_at: None,
        retry_at: None,
    }
}

pub(crate) fn starting(dag_run: DagRunKey, version: i64) -> Batch {
    let change = DagRunChange { state: DagRunState::Running, started_at: Some(at(1)), ended_at: None, reason: None };
    Batch {
        runs: vec![DagRunWrite { key: dag_run, version, change: Some(change) }],
        inserted: vec![queued(dag_run)],
        ..Batch::default()
    }
}

#[tokio::test]
async fn a_batch_is_read_back_as_it_was_written() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", Some(at(0))).await.unwrap();
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    journal.commit(epoch, &starting(key, 0)).await.unwrap();
    let run = journal.dag_runs(None).await.unwrap().remove(0);
    assert_eq!(
        (run.state, run.facts.started_at, run.facts.logical_date),
        (DagRunState::Running, Some(at(1)), Some(at(0)))
    );
    assert_eq!(run.task_instances, [queued(key)]);

    let mut ended = queued(key);
    ended.state = TaskInstanceState::Failed;
    ended.ended_at = Some(at(2));
    let value = serde_json::json!({"b": 1.0, "a": "김철수 \u{0}"});
    let batch = Batch {
        runs: vec![DagRunWrite {
            key,
            version: 0,
            change: Some(DagRunChange {
                state: DagRunState::Failed,
                started_at: Some(at(1)),
                ended_at: Some(at(2)),
                reason: Some("failed: `a`".to_owned()),
            }),
        }],
        updated: vec![ended.clone()],
        attempts: vec![EndedAttempt {
            key: ended.key,
            try_number: 1,
            token: ended.attempt_token,
            state: "failed",
            reason: "exit code 1 \0".to_owned(),
            exit_code: Some(1),
            pid: Some(42),
            scheduled_at: Some(at(1)),
            queued_at: Some(at(1)),
            started_at: Some(at(1)),
            ended_at: at(2),
        }],
        xcoms: vec![XComRow {
            dag_run: key,
            task_id: "a".to_owned(),
            map_index: -1,
            key: "return_value".to_owned(),
            value: value.clone(),
        }],
        ..Batch::default()
    };
    journal.commit(epoch, &batch).await.unwrap();
    assert!(journal.dag_runs(None).await.unwrap().is_empty());
    let run = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
    assert_eq!(run.task_instances, [ended]);
    let read = journal.xcom(key, "a", "return_value", Elements::One(-1)).await.unwrap().unwrap();
    assert_eq!(read.to_string(), value.to_string(), "key order and number text stay");
}

#[tokio::test]
async fn a_mapped_task_becomes_many_rows_with_names_and_values_of_their_own() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", None).await.unwrap();
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    journal.commit(epoch, &starting(key, 0)).await.unwrap();
    let element = |map_index| TaskInstanceRow { key: TaskInstanceKey { map_index, ..queued(key).key }, ..queued(key) };
    let pushed = |map_index: i32| XComRow {
        dag_run: key,
        task_id: "a".to_owned(),
        map_index,
        key: "return_value".to_owned(),
        value: map_index.into(),
    };
    let batch = Batch {
        runs: vec![DagRunWrite { key, version: 0, change: None }],
        removed: vec![queued(key).key],
        inserted: vec![element(0), element(1), element(2)],
        map_names: vec![(element(1).key, "busan".to_owned())],
        xcoms: vec![pushed(2), pushed(0), pushed(1)],
        ..Batch::default()
    };
    let stale = Batch { runs: vec![DagRunWrite { key, version: 7, change: None }], ..batch.clone() };
    assert_eq!(journal.commit(epoch, &stale).await, Err(CommitError::Conflict));
    assert_eq!(journal.dag_runs(None).await.unwrap()[0].task_instances, [queued(key)], "all of it or nothing");
    journal.commit(epoch, &batch).await.unwrap();
    assert_eq!(journal.dag_runs(None).await.unwrap()[0].task_instances, [element(0), element(1), element(2)]);
    let read =
        async |elements| journal.xcom(key, "a", "return_value", elements).await.unwrap().map(|value| value.to_string());
    assert_eq!(read(Elements::Range(0, i32::MAX)).await.as_deref(), Some("[0,1,2]"));
    assert_eq!(read(Elements::Range(1, 2)).await.as_deref(), Some("[1]"));
    assert_eq!(read(Elements::One(2)).await.as_deref(), Some("2"));
    assert_eq!(read(Elements::One(-1)).await, None);
    assert_eq!(read(Elements::Range(5, 9)).await.as_deref(), Some("[]"));
    let filter = crate::read::api::TaskInstanceFilter { is_mapped: true, ..Default::default() };
    let names = store.api_all_task_instances(&filter).await.unwrap().into_iter().map(|row| row.rendered_map_index);
    assert_eq!(names.collect::<Vec<_>>(), [None, Some("busan".to_owned()), None]);
    let element = ClearSelection { tasks: Some(vec![("a".to_owned(), Some(1))]), ..ClearSelection::default() };
    let cleared =
        store.clear_task_instances("etl", &one("manual__1"), &element, &By::local("tester", at(9))).await.unwrap();
    assert_eq!(cleared.keys, [(key, TaskIndex(0), 1)]);
    let states: Vec<_> = journal.dag_runs(None).await.unwrap()[0].task_instances.iter().map(|ti| ti.state).collect();
    assert_eq!(states, [TaskInstanceState::Queued, TaskInstanceState::Restarting, TaskInstanceState::Queued]);
    assert!(store.violations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_leader_of_an_old_epoch_writes_nothing() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", None).await.unwrap();
    let journal = leader(store, 1);
    let old = journal.take_over().await.unwrap().unwrap();
    assert_eq!(leader(store, 2).take_over().await.unwrap(), None, "the lease holds");
    let new = journal.take_over().await.unwrap().unwrap();
    assert_eq!(new, Epoch(old.0 + 1));
    assert_eq!(journal.commit(old, &starting(key, 0)).await, Err(CommitError::Fenced(old)));
    assert!(!journal.renew(old).await.unwrap());
    assert!(journal.dag_runs(None).await.unwrap()[0].task_instances.is_empty());
}

#[tokio::test]
async fn a_resigned_lease_is_free_at_once() {
    let database = TestDatabase::create().await;
    let first = leader(database.store(), 1);
    let epoch = first.take_over().await.unwrap().unwrap();
    first.resign(epoch).await.unwrap();
    assert!(leader(database.store(), 2).take_over().await.unwrap().is_some());
}

#[tokio::test]
async fn a_batch_planned_before_a_cancel_is_refused_whole() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", None).await.unwrap();
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    assert!(store.cancel_dag_run("etl", "manual__1", &By::local("ada", at(1))).await.unwrap());
    assert_eq!(journal.commit(epoch, &starting(key, 0)).await, Err(CommitError::Conflict));
    let run = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
    assert_eq!((run.state, run.version, run.task_instances.len()), (DagRunState::Failed, 1, 0));
}

#[tokio::test]
async fn a_batch_planned_before_a_mark_is_refused_whole() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    for (run_id, end, state) in
        [("manual__1", DagRunEnd::Success, DagRunState::Success), ("manual__2", DagRunEnd::Failed, DagRunState::Failed)]
    {
        let key = trigger(store, run_id, None).await.unwrap();
        store.mark_dag_run("etl", run_id, end, &By::local("ada", at(1))).await.unwrap();
        assert_eq!(journal.commit(epoch, &starting(key, 0)).await, Err(CommitError::Conflict));
        // Once more changes nothing.
        store.mark_dag_run("etl", run_id, end, &By::local("bob", at(2))).await.unwrap();
        let run = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
        assert_eq!((run.state, run.version, run.task_instances.len()), (state, 1, 0));
    }
}

#[tokio::test]
async fn a_mark_ends_what_runs_keeps_its_attempt_and_tells_the_leader() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let key = trigger(store, "manual__1", None).await.unwrap();
    journal.commit(epoch, &starting(key, 0)).await.unwrap();
    let seen = journal.inbox().await.unwrap().0.len();
    store.mark_dag_run("etl", "manual__1", DagRunEnd::Failed, &By::local("ada", at(2))).await.unwrap();
    let state = async || journal.dag_runs(Some(&[key])).await.unwrap().remove(0).task_instances[0].state;
    assert_eq!(state().await, TaskInstanceState::Failed);
    let attempts = store.api_attempts(key.0, 0, -1).await.unwrap();
    assert_eq!(attempts[0].reason.as_deref(), Some("marked failed by ada"));
    store.mark_dag_run("etl", "manual__1", DagRunEnd::Success, &By::local("ada", at(3))).await.unwrap();
    assert_eq!(state().await, TaskInstanceState::Success);
    assert_eq!(journal.inbox().await.unwrap().0.len(), seen + 2);
}

#[tokio::test]
async fn a_dry_run_or_a_refused_clear_changes_nothing_and_a_clear_restarts_what_runs() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let key = trigger(store, "manual__1", None).await.unwrap();
    journal.commit(epoch, &starting(key, 0)).await.unwrap();
    let before = journal.dag_runs(Some(&[key])).await.unwrap();
    let all = ClearSelection::default();
    let dry = ClearSelection { is_dry_run: true, ..all.clone() };
    let cleared =
        store.clear_task_instances("etl", &one("manual__1"), &dry, &By::local("tester", at(2))).await.unwrap();
    assert_eq!((cleared.task_ids, cleared.keys), (vec!["a".to_owned()], vec![(key, TaskIndex(0), -1)]));
    let careful = ClearSelection { refuses_running: true, ..all.clone() };
    let refused = store.clear_task_instances("etl", &one("manual__1"), &careful, &By::local("tester", at(2))).await;
    assert!(matches!(refused, Err(ClearError::Running(task)) if task == "a"));
    assert_eq!(journal.dag_runs(Some(&[key])).await.unwrap(), before);
    store.clear_task_instances("etl", &one("manual__1"), &all, &By::local("tester", at(2))).await.unwrap();
    let run = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
    assert_eq!((run.version, run.task_instances[0].state), (1, TaskInstanceState::Restarting));
}

#[tokio::test]
async fn a_cancel_and_a_batch_at_the_same_moment_leave_one_of_the_two_orders() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    for number in 0..20 {
        let run_id = format!("manual__{number}");
        let key = trigger(store, &run_id, None).await.unwrap();
        let barrier = Barrier::new(2);
        let (batch, cancel) = tokio::join!(
            async {
                barrier.wait().await;
                journal.commit(epoch, &starting(key, 0)).await
            },
            async {
                barrier.wait().await;
                store.cancel_dag_run("etl", &run_id, &By::local("ada", at(1))).await
            }
        );
        assert!(cancel.unwrap());
        let run = journal.dag_runs(Some(&[key])).await.unwrap().remove(0);
        assert_eq!(run.state, DagRunState::Failed);
        match batch {
            Ok(()) => assert_eq!(run.task_instances[0].state, TaskInstanceState::Failed),
            Err(error) => {
                assert_eq!(error, CommitError::Conflict);
                assert!(run.task_instances.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn of_two_triggers_of_one_logical_date_exactly_one_makes_a_run() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let barrier = Barrier::new(2);
    let attempt = async |run_id: &str| {
        barrier.wait().await;
        trigger(store, run_id, Some(at(5))).await
    };
    let (one, two) = tokio::join!(attempt("manual__a"), attempt("manual__b"));
    assert!(one.is_ok() != two.is_ok());
    let refused = one.and(two).unwrap_err();
    assert!(matches!(refused, TriggerError::LogicalDateExists { .. }), "{refused}");
}

#[tokio::test]
async fn a_run_id_that_exists_and_a_dag_that_does_not_are_told_apart() {
    let database = TestDatabase::create().await;
    let store = database.store();
    assert!(matches!(trigger(store, "manual__1", None).await, Err(TriggerError::DagNotFound(_))));
    save(store, "true").await;
    trigger(store, "manual__1", None).await.unwrap();
    assert!(matches!(trigger(store, "manual__1", None).await, Err(TriggerError::RunIdExists { .. })));
}

#[tokio::test]
async fn equal_content_makes_no_new_version_and_other_content_the_next() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let numbers = [save(store, "true").await, save(store, "true").await, save(store, "false").await]
        .map(|outcome| (outcome.version_number, outcome.is_new_version));
    assert_eq!(numbers, [(1, true), (1, false), (2, true)]);
}

#[tokio::test]
async fn a_scheduled_run_is_created_once_however_often_it_is_wanted() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let version = save(store, "true").await.version;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let data_interval = DataInterval { start: at(0), end: at(60) };
    let mut run = new_run("scheduled__1", Some(at(0)));
    run.run_type = DagRunType::Scheduled;
    run.data_interval = Some(data_interval);
    let wanted = [ScheduledRun { run, dag_version: version, data_interval }];
    assert_eq!(journal.create_runs(epoch, &wanted, at(60)).await.unwrap().len(), 1);
    assert_eq!(journal.create_runs(epoch, &wanted, at(60)).await.unwrap().len(), 0);
    assert_eq!(journal.dags(None).await.unwrap()[0].last_interval, Some(data_interval));
    assert_eq!(
        journal.create_runs(Epoch(epoch.0 - 1), &wanted, at(60)).await,
        Err(CommitError::Fenced(Epoch(epoch.0 - 1)))
    );
}

#[tokio::test]
async fn a_run_that_is_left_out_moves_the_cursor_and_says_why_unless_that_was_taken_back() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let asked = |hour: i64| SkippedRun {
        dag_id: "etl".to_owned(),
        data_interval: DataInterval { start: at(hour * 3600), end: at(hour * 3600 + 3600) },
        run_after: at(hour * 3600 + 3600),
        reason: SkipReason::Asked,
    };
    assert!(store.set_skip_next("etl", 1, &tester()).await.unwrap());
    assert!(!store.set_skip_next("nothing", 1, &tester()).await.unwrap());
    assert_eq!(journal.dags(None).await.unwrap()[0].skip_next, 1);
    let late = Epoch(epoch.0 - 1);
    assert_eq!(journal.skip_runs(late, &[asked(0)], at(3600)).await, Err(CommitError::Fenced(late)));
    journal.skip_runs(epoch, &[asked(0)], at(3600)).await.unwrap();
    let dag = &journal.dags(None).await.unwrap()[0];
    assert_eq!((dag.skip_next, dag.last_interval), (0, Some(asked(0).data_interval)));
    // Nothing is left to be skipped: the leader's view was late.
    journal.skip_runs(epoch, &[asked(1)], at(7200)).await.unwrap();
    assert_eq!(journal.dags(None).await.unwrap()[0].last_interval, Some(asked(0).data_interval));
    let overlap = SkippedRun { reason: SkipReason::Overlap { run_id: "r".to_owned() }, ..asked(2) };
    journal.skip_runs(epoch, &[overlap], at(10_800)).await.unwrap();
    let skips = store.skips("etl").await.unwrap().unwrap();
    let reasons: Vec<&str> = skips.runs.iter().map(|skip| skip.reason.as_str()).collect();
    assert_eq!(reasons, ["`r` was not finished (overlap: skip)", "somebody asked to skip it (dags skip-next)"]);
    assert_eq!(skips.runs[0].data_interval.start, at(7200));
    assert_eq!(store.skips("nothing").await.unwrap(), None);
}

#[tokio::test]
async fn what_people_change_is_in_the_inbox_until_it_is_forgotten() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", None).await.unwrap();
    assert!(store.set_paused("etl", true, &tester()).await.unwrap());
    assert!(!store.set_paused("nothing", true, &tester()).await.unwrap());
    let journal = leader(store, 1);
    let (changes, reports) = journal.inbox().await.unwrap();
    assert!(reports.is_empty());
    let seen: Vec<_> = changes.iter().map(|change| (change.dag_id.as_deref(), change.dag_run)).collect();
    assert_eq!(seen, [(Some("etl"), None), (None, Some(key)), (Some("etl"), None)]);
    let ids: Vec<i64> = changes.iter().map(|change| change.id).collect();
    let epoch = journal.take_over().await.unwrap().unwrap();
    journal.forget_changes(Epoch(epoch.0 - 1), &ids).await.unwrap();
    assert_eq!(journal.inbox().await.unwrap().0.len(), 3, "a deposed leader leaves them to the one who leads");
    journal.forget_changes(epoch, &ids).await.unwrap();
    assert!(journal.inbox().await.unwrap().0.is_empty());
    assert!(journal.dags(None).await.unwrap()[0].is_paused);
}

#[tokio::test]
async fn a_report_stays_in_the_inbox_until_the_batch_that_folds_it() {
    use model::attempt::{AttemptEvent, Report};
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store, "true").await;
    let key = trigger(store, "manual__1", None).await.unwrap();
    let journal = leader(store, 1);
    let epoch = journal.take_over().await.unwrap().unwrap();
    let report = Report {
        token: AttemptToken(7),
        key: TaskInstanceKey::unmapped(key, TaskIndex(0)),
        event: AttemptEvent::Started { at: at(1), pid: Some(3) },
    };
    journal.append_reports(std::slice::from_ref(&report)).await.unwrap();
    let (_, reports) = journal.inbox().await.unwrap();
    assert_eq!(reports[0].report, report);
    let folded = vec![reports[0].id];
    let refused = Batch { reports: folded.clone(), ..starting(key, 9) };
    assert_eq!(journal.commit(epoch, &refused).await, Err(CommitError::Conflict));
    assert_eq!(journal.inbox().await.unwrap().1.len(), 1, "a refused batch folds nothing");
    journal.commit(epoch, &Batch { reports: folded, ..starting(key, 0) }).await.unwrap();
    assert!(journal.inbox().await.unwrap().1.is_empty());
}

#[tokio::test]
async fn no_connection_compiles_its_statements() {
    let database = TestDatabase::create().await;
    for pool in [database.store().pool(), &leader(database.store(), 1).pool] {
        let jit: String = sqlx::query_scalar("SHOW jit").fetch_one(pool).await.unwrap();
        assert_eq!(jit, "off");
    }
}
