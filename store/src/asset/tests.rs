//! Assets on a real PostgreSQL: each update once, each taken once, whoever does what at the same time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::asset::due::AssetSchedule;
use model::asset::freshness::turns;
use model::asset::records::{AssetRun, AssetUpdate};
use model::dag_file::{Defaults, Parsed, parse};
use model::dag_run::{DataInterval, NewDagRun};
use model::ids::{AttemptToken, DagRunKey, Epoch, TaskIndex, TaskInstanceKey};
use model::journal::{Batch, CommitError, DagRow, DagRunWrite, TaskInstanceRow};
use model::state::{DagRunType, TaskInstanceState, TriggeredBy};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::PostedEvent;
use crate::dag::SavedDag;
use crate::event_log::By;
use crate::journal::LeaderJournal;
use crate::read::api::{AssetEventFilter, AssetFilter, Listing};
use crate::testing::{TestDatabase, tester};
use crate::{Error, Result, Store};

const MAKER: &str = "dag_id: maker
assets: [{uri: s3://a, name: a, owner: data, layer: raw, fresh_within: 1h, schema: {x: int}}]
tasks: [{id: make, empty: {}, outlets: [a, s3://b]}]";
const TAKER: &str = "dag_id: taker
schedule: {assets: [s3://a, s3://b]}
tasks: [{id: take, empty: {}}]";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn parsed(text: &str) -> Parsed {
    parse(text, "file", &Defaults { timezone: "UTC".to_owned() }).unwrap_or_else(|problems| panic!("{problems:?}"))
}

async fn try_save(store: &Store, text: &str, now: Timestamp) -> Result<()> {
    let parsed = parsed(text);
    let name = format!("{}.yaml", parsed.dag.dag_id);
    let saved = SavedDag {
        parsed: &parsed,
        relative_fileloc: &name,
        fileloc: &name,
        source: text,
        parse_duration_ms: 0.1,
        is_paused_at_creation: false,
    };
    store.save_dag(&saved, now).await.map(drop)
}

async fn save(store: &Store, text: &str) {
    try_save(store, text, at(0)).await.unwrap();
}

/// A database with a DAG that updates two assets, one that waits for them, and a leader.
struct World {
    database: TestDatabase,
    journal: LeaderJournal,
    epoch: Epoch,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        save(database.store(), MAKER).await;
        save(database.store(), TAKER).await;
        let journal = LeaderJournal::new(database.store(), Uuid::from_u128(1), "test:1".to_owned());
        let epoch = journal.take_over().await.unwrap().unwrap();
        Self { database, journal, epoch }
    }

    fn store(&self) -> &Store {
        self.database.store()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.database.number(sql).await
    }

    /// A run of the maker whose task is running.
    async fn run(&self, run_id: &str, data_interval: Option<DataInterval>) -> DagRunKey {
        let run = NewDagRun {
            dag_id: "maker".to_owned(),
            run_id: run_id.to_owned(),
            run_type: DagRunType::Manual,
            logical_date: None,
            data_interval,
            run_after: at(0),
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Test,
            triggering_user: None,
            note: None,
        };
        let key = self.store().trigger(&run, &serde_json::Map::new(), &By::local("tester", at(0))).await.unwrap();
        let runs = vec![DagRunWrite { key, version: 0, change: None }];
        let inserted = vec![row(key, TaskInstanceState::Running)];
        self.journal.commit(self.epoch, &Batch { runs, inserted, ..Batch::default() }).await.unwrap();
        key
    }

    /// The batch in which that task succeeds.
    fn success(key: DagRunKey, version: i64, second: i64) -> Batch {
        let update = |uri: &str| AssetUpdate {
            dag_run: key,
            task_id: "make".to_owned(),
            map_index: -1,
            uri: uri.to_owned(),
            at: at(second),
            extra: serde_json::json!({"rows": second, "nul": "\u{0}"}).as_object().unwrap().clone(),
        };
        Batch {
            runs: vec![DagRunWrite { key, version, change: None }],
            updated: vec![row(key, TaskInstanceState::Success)],
            asset_updates: vec![update("s3://a"), update("s3://b")],
            ..Batch::default()
        }
    }

    async fn make(&self, run_id: &str, second: i64) -> DagRunKey {
        let key = self.run(run_id, None).await;
        self.journal.commit(self.epoch, &Self::success(key, 0, second)).await.unwrap();
        key
    }

    async fn dag(&self, dag_id: &str) -> DagRow {
        self.journal.dags(Some(&[dag_id.to_owned()])).await.unwrap().remove(0)
    }

    /// The run that is due for a DAG, as the planner would want it.
    async fn due(&self, dag_id: &str) -> Option<AssetRun> {
        let row = self.dag(dag_id).await;
        let version = row.current_version.unwrap();
        let dag = self.journal.dag_versions(&[version]).await.unwrap().remove(0).dag;
        let schedule: &AssetSchedule = dag.schedule.assets()?;
        schedule.due(&row.queued_events).map(|due| AssetRun::new(dag_id, version, due))
    }

    async fn create(&self, runs: &[AssetRun]) -> Vec<DagRunKey> {
        self.journal.create_asset_runs(self.epoch, runs, at(100)).await.unwrap()
    }
}

fn row(dag_run: DagRunKey, state: TaskInstanceState) -> TaskInstanceRow {
    TaskInstanceRow {
        key: TaskInstanceKey::unmapped(dag_run, TaskIndex(0)),
        state,
        try_number: 1,
        max_tries: 1,
        attempt_token: Some(AttemptToken(7)),
        pid: None,
        scheduled_at: Some(at(1)),
        queued_at: Some(at(1)),
        started_at: Some(at(1)),
        ended_at: None,
        retry_at: None,
    }
}

#[tokio::test]
async fn a_success_and_its_updates_are_one_commit_and_wait_for_who_is_scheduled_by_them() {
    let world = World::new().await;
    let interval = DataInterval { start: at(0), end: at(60) };
    let key = world.run("r1", Some(interval)).await;
    let stale = World::success(key, 7, 5);
    assert_eq!(world.journal.commit(world.epoch, &stale).await, Err(CommitError::Conflict));
    assert_eq!(world.number("SELECT count(*) FROM asset_event").await, 0, "all of it or nothing");
    let fenced = world.journal.commit(Epoch(world.epoch.0 + 1), &World::success(key, 0, 5)).await;
    assert!(matches!(fenced, Err(CommitError::Fenced(_))));
    assert_eq!(world.number("SELECT count(*) FROM asset_event").await, 0);
    world.journal.commit(world.epoch, &World::success(key, 0, 5)).await.unwrap();
    let queued = world.dag("taker").await.queued_events;
    let seen: Vec<_> = queued.iter().map(|event| (event.uri.as_str(), event.data_interval, event.at)).collect();
    assert_eq!(seen, [("s3://a", Some(interval), at(5)), ("s3://b", Some(interval), at(5))]);
    assert_eq!(world.dag("maker").await.queued_events, []);
    let (changes, _) = world.journal.inbox().await.unwrap();
    assert!(changes.iter().any(|change| change.dag_id.as_deref() == Some("taker")));
    let events = world.journal.asset_events("s3://a").await.unwrap();
    let source = events[0].source.clone().unwrap();
    assert_eq!((source.run_id.as_str(), source.task_id.as_str(), source.map_index), ("r1", "make", -1));
    assert_eq!(source.dag_run.unwrap().data_interval, Some(interval));
    assert_eq!(events[0].extra["rows"], 5);
}

#[tokio::test]
async fn a_run_takes_what_waits_once_however_often_it_is_created() {
    let world = World::new().await;
    world.make("r1", 5).await;
    world.make("r2", 6).await;
    let due = world.due("taker").await.unwrap();
    assert_eq!(due.events.len(), 2, "the newest of each asset stands for those before it");
    let created = world.create(std::slice::from_ref(&due)).await;
    assert_eq!(created.len(), 1);
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 0);
    let taken = world.journal.triggering_asset_events(created[0]).await.unwrap();
    assert_eq!(
        taken.iter().map(|event| event.asset.uri.as_str()).collect::<Vec<_>>(),
        ["s3://a", "s3://b", "s3://a", "s3://b"]
    );
    // The answer was lost: the leader wants the same run again.
    assert_eq!(world.create(&[due]).await, []);
    assert_eq!(world.number("SELECT count(*) FROM dag_run WHERE dag_id = 'taker'").await, 1);
    let run = world.journal.dag_runs(Some(&created)).await.unwrap().remove(0);
    assert_eq!((run.facts.run_type, run.facts.triggered_by), (DagRunType::AssetTriggered, TriggeredBy::Asset));
}

#[tokio::test]
async fn two_leaders_that_want_the_same_run_create_it_once() {
    let world = World::new().await;
    for round in 0..10 {
        world.make(&format!("r{round}"), 5 + round).await;
        let due = world.due("taker").await.unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let create = || {
            let (journal, epoch, due, barrier) = (world.journal.clone(), world.epoch, due.clone(), barrier.clone());
            async move {
                barrier.wait().await;
                journal.create_asset_runs(epoch, &[due], at(100)).await.unwrap().len()
            }
        };
        let (first, second) = tokio::join!(tokio::spawn(create()), tokio::spawn(create()));
        assert_eq!(first.unwrap() + second.unwrap(), 1, "round {round}");
    }
    assert_eq!(world.number("SELECT count(*) FROM dag_run WHERE dag_id = 'taker'").await, 10);
    assert_eq!(world.number("SELECT count(*) FROM dag_run_asset_event").await, 20);
    let twice =
        "SELECT count(*) FROM (SELECT FROM dag_run_asset_event GROUP BY asset_event_id HAVING count(*) > 1) AS t";
    assert_eq!(world.number(twice).await, 0);
}

#[tokio::test]
async fn what_comes_while_a_run_is_created_waits_for_the_next_one() {
    let world = World::new().await;
    world.make("r1", 5).await;
    let due = world.due("taker").await.unwrap();
    world.make("r2", 6).await;
    world.create(&[due]).await;
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 2);
    assert_eq!(world.create(&[world.due("taker").await.unwrap()]).await.len(), 1);
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 0);
}

#[tokio::test]
async fn a_run_of_which_somebody_took_an_update_back_is_not_created_and_nothing_else_is_taken() {
    let world = World::new().await;
    world.make("r1", 5).await;
    let due = world.due("taker").await.unwrap();
    let a = world.number("SELECT id FROM asset WHERE uri = 's3://a'").await;
    assert_eq!(world.store().delete_queued_events(Some("taker"), Some(a), None, &tester()).await.unwrap(), 1);
    assert_eq!(world.create(&[due]).await, []);
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM dag_run WHERE dag_id = 'taker'").await, 0);
}

#[tokio::test]
async fn a_deposed_leader_creates_no_run() {
    let world = World::new().await;
    world.make("r1", 5).await;
    let due = world.due("taker").await.unwrap();
    let refused = world.journal.create_asset_runs(Epoch(world.epoch.0 + 1), &[due], at(100)).await;
    assert!(matches!(refused, Err(CommitError::Fenced(_))));
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 2);
}

#[tokio::test]
async fn updates_wait_for_a_paused_dag_too() {
    let world = World::new().await;
    world.store().set_paused("taker", true, &tester()).await.unwrap();
    world.make("r1", 5).await;
    assert_eq!(world.dag("taker").await.queued_events.len(), 2);
}

#[tokio::test]
async fn by_interval_an_update_without_one_waits_for_nobody_and_each_interval_has_a_run() {
    let world = World::new().await;
    let by_interval =
        "dag_id: daily\nschedule: {assets: [s3://a, s3://b], partition: interval}\ntasks: [{id: t, empty: {}}]";
    save(world.store(), by_interval).await;
    world.make("r0", 4).await;
    assert_eq!(world.dag("daily").await.queued_events, []);
    for day in 0..2 {
        let interval = DataInterval { start: at(day * 86_400), end: at((day + 1) * 86_400) };
        let key = world.run(&format!("d{day}"), Some(interval)).await;
        world.journal.commit(world.epoch, &World::success(key, 0, 5 + day)).await.unwrap();
    }
    let mut starts = Vec::new();
    while let Some(due) = world.due("daily").await {
        starts.push(due.run.data_interval.unwrap().start);
        assert_eq!(world.create(&[due]).await.len(), 1);
    }
    assert_eq!(starts, [at(0), at(86_400)]);
}

#[tokio::test]
async fn a_new_schedule_gets_no_old_updates_and_an_old_one_leaves_none_behind() {
    let world = World::new().await;
    world.make("r1", 5).await;
    save(world.store(), "dag_id: late\nschedule: {assets: [s3://a]}\ntasks: [{id: t, empty: {}}]").await;
    assert_eq!(world.dag("late").await.queued_events, []);
    save(world.store(), "dag_id: taker\nschedule: {assets: [s3://a, s3://c]}\ntasks: [{id: take, empty: {}}]").await;
    let queued: Vec<String> = world.dag("taker").await.queued_events.into_iter().map(|event| event.uri).collect();
    assert_eq!(queued, ["s3://a"], "what still counts stays");
    save(world.store(), "dag_id: taker\ntasks: [{id: take, empty: {}}]").await;
    assert_eq!(world.number("SELECT count(*) FROM asset_queue").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM dag_asset WHERE dag_id = 'taker'").await, 0);
}

#[tokio::test]
async fn a_dag_whose_file_is_gone_for_a_while_misses_nothing() {
    let world = World::new().await;
    world.store().mark_files_gone(&["taker.yaml".to_owned()]).await.unwrap();
    world.make("r1", 5).await;
    save(world.store(), TAKER).await;
    assert_eq!(world.dag("taker").await.queued_events.len(), 2);
}

#[tokio::test]
async fn a_description_is_read_back_and_goes_with_its_file() {
    let world = World::new().await;
    let filter = AssetFilter::default();
    let listing = Listing { limit: 10, offset: 0, order_by: vec!["uri".to_owned()] };
    let assets = world.store().api_assets(&filter, &listing).await.unwrap();
    assert_eq!(assets.total, 2);
    let a = &assets.rows[0];
    assert_eq!((a.name.as_str(), a.owner.as_deref(), a.layer.as_deref()), ("a", Some("data"), Some("raw")));
    assert_eq!((a.fresh_within_ms, a.described_by.as_deref()), (Some(3_600_000), Some("maker")));
    assert_eq!(a.schema["x"]["type"], "int");
    let users: Vec<_> = a
        .users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| (user["dag_id"].as_str().unwrap(), user["role"].as_str().unwrap()))
        .collect();
    assert_eq!(users, [("maker", "outlet"), ("taker", "schedule")]);
    save(world.store(), "dag_id: maker\ntasks: [{id: make, empty: {}, outlets: [s3://a]}]").await;
    let a = world.store().api_asset(a.id).await.unwrap().unwrap();
    assert_eq!((a.name.as_str(), a.owner, a.fresh_within_ms, a.described_by), ("s3://a", None, None, None));
}

#[tokio::test]
async fn what_contradicts_another_file_is_refused_and_saves_nothing() {
    let world = World::new().await;
    let refused = async |text: &str| match try_save(world.store(), text, at(0)).await {
        Err(Error::AssetConflict { reason }) => reason,
        other => panic!("{text}\n{other:?}"),
    };
    let tasks = "tasks: [{id: t, empty: {}}]";
    let again = refused(&format!("dag_id: x\nassets: [{{uri: s3://a}}]\n{tasks}")).await;
    assert_eq!(again, "the asset `s3://a` is already described by DAG `maker`; name it by its URI here");
    let name = refused(&format!("dag_id: x\nassets: [{{uri: s3://z, name: a}}]\n{tasks}")).await;
    assert_eq!(name, "the asset name `a` already stands for `s3://a` in DAG `maker`; give one of the two another name");
    let used = refused(&format!("dag_id: x\nassets: [{{uri: s3://z, name: 's3://b'}}]\n{tasks}")).await;
    assert!(used.contains("already stands for `s3://b`"), "{used}");
    let foreign = refused(&format!("dag_id: x\nschedule: {{assets: [a]}}\n{tasks}")).await;
    assert_eq!(foreign, "`a` is the name of the asset `s3://a`, which DAG `maker` describes; write its URI here");
    assert_eq!(world.number("SELECT count(*) FROM dag WHERE dag_id = 'x'").await, 0);
    world.store().mark_files_gone(&["maker.yaml".to_owned()]).await.unwrap();
    save(world.store(), &format!("dag_id: x\nassets: [{{uri: s3://a}}]\n{tasks}")).await;
}

#[tokio::test]
async fn an_event_from_outside_waits_like_any_other() {
    let world = World::new().await;
    let a = world.number("SELECT id FROM asset WHERE uri = 's3://a'").await;
    let extra = serde_json::json!({"by": "hand"}).as_object().unwrap().clone();
    let event = PostedEvent { asset_id: a, extra, data_interval: None };
    let id = world.store().post_asset_event(&event, &By::local("ada", at(9))).await.unwrap().unwrap();
    assert_eq!(
        world
            .store()
            .post_asset_event(&PostedEvent { asset_id: 999, ..event }, &By::local("tester", at(9)))
            .await
            .unwrap(),
        None
    );
    assert_eq!(world.dag("taker").await.queued_events[0].id, id);
    let row = world.store().api_asset_event(id).await.unwrap().unwrap();
    assert_eq!((row.posted_by.as_deref(), row.source_dag_id), (Some("ada"), None));
    assert_eq!(world.store().api_queued_events(Some("taker"), None, None).await.unwrap()[0].events, 1);
}

#[tokio::test]
async fn the_runs_that_took_an_event_are_listed_with_it() {
    let world = World::new().await;
    world.make("r1", 5).await;
    world.create(&[world.due("taker").await.unwrap()]).await;
    let listing = Listing { limit: 10, ..Listing::default() };
    let filter = AssetEventFilter { source_dag_id: Some("maker".to_owned()), ..AssetEventFilter::default() };
    let events = world.store().api_asset_events(&filter, &listing).await.unwrap();
    assert_eq!((events.total, events.rows[0].created_dagruns[0]["dag_id"].as_str()), (2, Some("taker")));
    let run_id = events.rows[0].created_dagruns[0]["run_id"].as_str().unwrap().to_owned();
    let taken = AssetEventFilter { taken_by: Some(("taker".to_owned(), run_id)), ..AssetEventFilter::default() };
    assert_eq!(world.store().api_asset_events(&taken, &listing).await.unwrap().total, 2);
}

#[tokio::test]
async fn an_asset_that_is_late_is_noted_once_and_once_when_it_is_fresh_again() {
    let world = World::new().await;
    let look = async |now: Timestamp| {
        let turns = turns(&world.store().watched_assets().await.unwrap(), now);
        let told = world.store().turn_assets(world.epoch, &turns, now).await.unwrap();
        turns.into_iter().filter(|turn| told.contains(&turn.id)).map(|turn| turn.is_overdue).collect::<Vec<_>>()
    };
    assert_eq!(look(at(3600)).await, [false; 0]);
    assert_eq!(look(at(3601)).await, [true]);
    assert_eq!(look(at(9000)).await, [false; 0]);
    world.make("r1", 9001).await;
    assert_eq!(look(at(9002)).await, [false]);
    assert_eq!(look(at(9003)).await, [false; 0]);
    let watched = world.store().watched_assets().await.unwrap();
    let late = turns(&watched, at(9001).checked_add(SignedDuration::from_secs(3601)).unwrap());
    assert_eq!(world.store().turn_assets(Epoch(world.epoch.0 + 1), &late, at(20_000)).await.unwrap(), [0; 0]);
}

#[tokio::test]
async fn old_updates_are_cleaned_unless_somebody_waits_to_take_them() {
    let world = World::new().await;
    world.make("r1", 5).await;
    world.create(&[world.due("taker").await.unwrap()]).await;
    world.make("r2", 6).await;
    assert_eq!(world.store().count_asset_events_to_clean(at(100)).await.unwrap(), 2);
    assert_eq!(world.store().clean_asset_events(at(100), 1).await.unwrap(), 1);
    assert_eq!(world.store().clean_asset_events(at(100), 10).await.unwrap(), 1);
    assert_eq!(world.store().clean_asset_events(at(100), 10).await.unwrap(), 0);
    assert_eq!(world.number("SELECT count(*) FROM asset_event").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM dag_run_asset_event").await, 0);
}
