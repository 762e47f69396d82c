use jiff::Timestamp;
use model::dag_file::{Defaults, parse};
use uuid::Uuid;

use super::{DagDeletion, FavoriteChange, SavedDag};
use crate::account::Account;
use crate::event_log::By;
use crate::journal::LeaderJournal;
use crate::testing::TestDatabase;
use crate::{Error, Store};

const FILE: &str = "
dag_id: etl
schedule: '@daily'
start_date: 2026-01-01
assets: [{uri: 's3://made', owner: ada}]
tasks: [{id: a, bash: x, outlets: ['s3://made']}]";

fn ada() -> By {
    By::local("ada", Timestamp::UNIX_EPOCH)
}

async fn save(store: &Store) {
    let parsed = parse(FILE, "etl", &Defaults { timezone: "UTC".to_owned() }).unwrap();
    let saved = SavedDag {
        parsed: &parsed,
        relative_fileloc: "team/etl.yaml",
        fileloc: "/dags/team/etl.yaml",
        source: FILE,
        parse_duration_ms: 0.1,
        is_paused_at_creation: false,
    };
    store.save_dag(&saved, Timestamp::UNIX_EPOCH).await.unwrap();
}

/// A run of the DAG with one of everything.
async fn run(database: &TestDatabase, run_id: &str, state: &str, task_state: &str) {
    let sql = format!(
        "INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, run_after, queued_at, triggered_by)
         SELECT 'etl', '{run_id}', current_version_id, '{state}', 'manual', now(), now(), 'cli' FROM dag;
         INSERT INTO task_instance (dag_run_id, task_index, state, max_tries)
         SELECT id, 0, '{task_state}', 0 FROM dag_run WHERE run_id = '{run_id}';
         INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, state, ended_at)
         SELECT id, 0, -1, 1, 'failed', now() FROM dag_run WHERE run_id = '{run_id}';
         INSERT INTO xcom (dag_run_id, task_id, key, value) SELECT id, 'a', 'k', '1' FROM dag_run WHERE run_id = '{run_id}';
         INSERT INTO mark (dag_run_id, task_index, map_index, state, marked_by, marked_at)
         SELECT id, 0, -1, 'failed', 'ada', now() FROM dag_run WHERE run_id = '{run_id}';
         INSERT INTO missed_deadline (dag_run_id, task_id, due_at, missed_at)
         SELECT id, 'a', now(), now() FROM dag_run WHERE run_id = '{run_id}'"
    );
    database.execute(&sql).await;
}

/// Rows of tables that belong to runs.
const LEAVINGS: &str = "SELECT (SELECT count(*) FROM task_instance) + (SELECT count(*) FROM attempt)
    + (SELECT count(*) FROM xcom) + (SELECT count(*) FROM mark) + (SELECT count(*) FROM missed_deadline)";

#[tokio::test]
async fn a_deleted_run_leaves_nothing_and_the_leader_hears_of_an_unfinished_one() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    for (run_id, state, task_state) in
        [("done", "failed", "failed"), ("waiting", "queued", "none"), ("busy", "running", "running")]
    {
        run(&database, run_id, state, task_state).await;
    }
    database.execute("DELETE FROM change").await;
    assert!(!store.delete_dag_run("etl", "busy", &ada()).await.unwrap());
    assert!(store.delete_dag_run("etl", "done", &ada()).await.unwrap());
    assert_eq!(database.number("SELECT count(*) FROM change").await, 0, "the leader does not have finished runs");
    assert!(store.delete_dag_run("etl", "waiting", &ada()).await.unwrap());
    assert_eq!(database.number("SELECT count(*) FROM change WHERE dag_run_id IS NOT NULL").await, 1);
    assert_eq!(database.number(LEAVINGS).await, 5, "those of the running one");
    let events = "SELECT count(*) FROM event_log WHERE event = 'delete_dag_run' AND username = 'ada'";
    assert_eq!(database.number(events).await, 2);
    assert!(matches!(store.delete_dag_run("etl", "done", &ada()).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_deleted_dag_leaves_nothing_but_the_wish_to_read_its_file_again() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    for n in 0..3 {
        run(&database, &format!("r{n}"), "success", "success").await;
    }
    run(&database, "next", "queued", "none").await;
    database
        .execute(
            "INSERT INTO backfill (dag_id, from_date, to_date, conf, reprocess_behavior, max_active_runs, run_backwards,
                                   on_latest_version, created_at, updated_at)
             VALUES ('etl', now(), now(), '{}', 'none', 1, false, false, now(), now());
             INSERT INTO disabled_task (dag_id, task_id, disabled_by, disabled_at) VALUES ('etl', 'a', 'ada', now());
             INSERT INTO import_error (filename, stack_trace, problems, created_at)
             VALUES ('team/etl.yaml', '', '[]', now())",
        )
        .await;
    assert_eq!(store.delete_dag("etl", &ada()).await.unwrap(), DagDeletion::Deleted);
    for table in ["dag", "dag_version", "task", "dag_run", "backfill", "disabled_task", "import_error", "dag_asset"] {
        assert_eq!(database.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(database.number(LEAVINGS).await, 0);
    assert_eq!(database.number("SELECT count(*) FROM asset WHERE described_by IS NULL AND owner IS NULL").await, 1);
    assert_eq!(store.take_dag_file_requests().await.unwrap(), ["team/etl.yaml"]);
    assert_eq!(store.take_dag_file_requests().await.unwrap(), [] as [&str; 0]);
    assert!(matches!(store.delete_dag("etl", &ada()).await, Err(Error::NotFound { .. })));
    save(store).await;
    let journal = LeaderJournal::new(store, Uuid::from_u128(1), "test".to_owned());
    assert_eq!(journal.dags(None).await.unwrap().len(), 1, "the file brings it back");
}

#[tokio::test]
async fn nothing_of_a_dag_is_deleted_while_one_of_its_tasks_runs() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    run(&database, "old", "success", "success").await;
    run(&database, "busy", "running", "running").await;
    assert_eq!(store.delete_dag("etl", &ada()).await.unwrap(), DagDeletion::Running);
    assert_eq!(database.number("SELECT count(*) FROM dag_run").await, 2);
    assert_eq!(database.number("SELECT count(*) FROM dag WHERE NOT is_stale").await, 1);
}

#[tokio::test]
async fn a_file_is_read_again_only_if_it_is_known() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    assert!(!store.request_dag_file("other.yaml", &ada()).await.unwrap());
    for _ in 0..2 {
        assert!(store.request_dag_file("team/etl.yaml", &ada()).await.unwrap());
    }
    assert_eq!(store.take_dag_file_requests().await.unwrap(), ["team/etl.yaml"]);
}

#[tokio::test]
async fn a_favorite_is_one_persons_until_it_is_taken_back_or_its_account_goes() {
    let database = TestDatabase::create().await;
    let store = database.store();
    save(store).await;
    for name in ["ada", "bob"] {
        let account = Account { username: name.to_owned(), password_hash: String::new(), role: "viewer".to_owned() };
        assert!(store.create_account(&account, &ada()).await.unwrap());
    }
    assert_eq!(
        store.mark_favorite("etl", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::Changed
    );
    assert_eq!(
        store.mark_favorite("etl", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::Unchanged
    );
    assert_eq!(
        store.mark_favorite("no", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::NoDag
    );
    assert!(store.is_favorite("ada", "etl").await.unwrap() && !store.is_favorite("bob", "etl").await.unwrap());
    assert_eq!(
        store.unmark_favorite("etl", &By::local("bob", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::Unchanged
    );
    assert_eq!(
        store.unmark_favorite("no", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::NoDag
    );
    assert_eq!(
        store.unmark_favorite("etl", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap(),
        FavoriteChange::Changed
    );
    store.mark_favorite("etl", &By::local("bob", Timestamp::UNIX_EPOCH)).await.unwrap();
    database.execute("DELETE FROM account").await;
    assert_eq!(database.number("SELECT count(*) FROM dag_favorite").await, 0);
}
