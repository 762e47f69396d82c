use std::sync::Arc;

use jiff::Timestamp;
use model::dag_file::{Defaults, Parsed, parse};
use model::dag_run::NewDagRun;
use model::pool::Pool;
use model::state::{DagRunType, TriggeredBy};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::{NewPool, PoolDeletion};
use crate::dag::SavedDag;
use crate::event_log::By;
use crate::journal::LeaderJournal;
use crate::testing::{TestDatabase, tester};
use crate::{Error, Store};

fn pool(name: &str, slots: Option<u32>) -> NewPool {
    let rate = Some("10/1m".parse().unwrap());
    NewPool { pool: Pool { name: name.to_owned(), slots, include_deferred: true, rate }, description: None }
}

fn parsed(pool: &str) -> Parsed {
    let text = format!("dag_id: etl\ntasks: [{{id: a, bash: x, pool: {pool}}}]");
    parse(&text, "etl", &Defaults { timezone: "UTC".to_owned() }).unwrap()
}

async fn save(store: &Store, pool: &str) -> Result<(), Error> {
    let parsed = parsed(pool);
    let saved = SavedDag {
        parsed: &parsed,
        relative_fileloc: "etl.yaml",
        fileloc: "/dags/etl.yaml",
        source: "tasks: []",
        parse_duration_ms: 0.1,
        is_paused_at_creation: false,
    };
    store.save_dag(&saved, Timestamp::UNIX_EPOCH).await.map(drop)
}

async fn trigger(store: &Store) {
    let run = NewDagRun {
        dag_id: "etl".to_owned(),
        run_id: "manual__1".to_owned(),
        run_type: DagRunType::Manual,
        logical_date: None,
        data_interval: None,
        run_after: Timestamp::UNIX_EPOCH,
        conf: serde_json::Map::new(),
        triggered_by: TriggeredBy::RestApi,
        triggering_user: None,
        note: None,
    };
    store.trigger(&run, &serde_json::Map::new(), &tester()).await.unwrap();
}

#[tokio::test]
async fn every_change_of_a_pool_is_noted_for_the_leader_who_reads_what_it_is_now() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let journal = LeaderJournal::new(store, Uuid::from_u128(1), "test".to_owned());
    let epoch = journal.take_over().await.unwrap().unwrap();
    assert!(store.create_pool(&pool("warehouse", Some(4)), &tester()).await.unwrap());
    assert!(!store.create_pool(&pool("warehouse", Some(5)), &tester()).await.unwrap());
    assert!(store.update_pool(&pool("warehouse", None), &tester()).await.unwrap());
    assert!(!store.update_pool(&pool("nope", None), &tester()).await.unwrap());
    let pools = journal.pools().await.unwrap();
    assert_eq!(
        pools.iter().map(|pool| (pool.name.as_str(), pool.slots)).collect::<Vec<_>>(),
        [("default_pool", Some(128)), ("warehouse", None)]
    );
    assert_eq!(pools[1], pool("warehouse", None).pool);
    assert_eq!(store.delete_pool("warehouse", &tester()).await.unwrap(), PoolDeletion::Deleted);
    assert_eq!(store.delete_pool("warehouse", &tester()).await.unwrap(), PoolDeletion::NotFound);
    let (changes, _) = journal.inbox().await.unwrap();
    let noted: Vec<_> = changes.iter().map(|change| change.pool.as_deref()).collect();
    assert_eq!(noted, [Some("warehouse"); 3]);
    journal.forget_changes(epoch, &changes.iter().map(|change| change.id).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(journal.inbox().await.unwrap().0, []);
}

#[tokio::test]
async fn a_dag_is_saved_only_with_pools_that_exist() {
    let database = TestDatabase::create().await;
    let store = database.store();
    let error = save(store, "warehouse").await.unwrap_err();
    assert_eq!(error.to_string(), "no pool `warehouse`");
    assert!(store.dag_files().await.unwrap().is_empty(), "nothing of it is saved");
    store.create_pool(&pool("warehouse", Some(1)), &tester()).await.unwrap();
    save(store, "warehouse").await.unwrap();
    save(store, "default_pool").await.unwrap();
}

#[tokio::test]
async fn a_pool_stays_while_a_dag_or_an_unfinished_run_uses_it() {
    let database = TestDatabase::create().await;
    let store = database.store();
    store.create_pool(&pool("warehouse", Some(1)), &tester()).await.unwrap();
    save(store, "warehouse").await.unwrap();
    let in_use = PoolDeletion::InUse(vec!["etl".to_owned()]);
    assert_eq!(store.delete_pool("warehouse", &tester()).await.unwrap(), in_use);
    trigger(store).await;
    save(store, "default_pool").await.unwrap();
    assert_eq!(
        store.delete_pool("warehouse", &tester()).await.unwrap(),
        in_use,
        "a run is pinned to the version before"
    );
    assert!(store.cancel_dag_run("etl", "manual__1", &By::local("ada", Timestamp::UNIX_EPOCH)).await.unwrap());
    assert_eq!(store.delete_pool("warehouse", &tester()).await.unwrap(), PoolDeletion::Deleted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_dag_that_is_saved_while_its_pool_is_deleted_only_one_wins() {
    let database = TestDatabase::create().await;
    for _ in 0..20 {
        let store = database.store();
        store.create_pool(&pool("warehouse", Some(1)), &tester()).await.unwrap();
        save(store, "default_pool").await.unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let (other, meeting) = (store.clone(), Arc::clone(&barrier));
        let deleting = tokio::spawn(async move {
            meeting.wait().await;
            other.delete_pool("warehouse", &tester()).await.unwrap()
        });
        barrier.wait().await;
        let saved = save(store, "warehouse").await;
        match (deleting.await.unwrap(), saved) {
            (PoolDeletion::Deleted, Err(Error::UnknownPools { names })) => assert_eq!(names, ["warehouse"]),
            (PoolDeletion::InUse(dags), Ok(())) => {
                assert_eq!(dags, ["etl"]);
                save(store, "default_pool").await.unwrap();
                assert_eq!(store.delete_pool("warehouse", &tester()).await.unwrap(), PoolDeletion::Deleted);
            }
            (deletion, saved) => panic!("{deletion:?} and {saved:?}"),
        }
    }
}
