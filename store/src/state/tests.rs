use jiff::Timestamp;
use serde_json::json;

use super::StateOwner;
use crate::event_log::By;
use crate::testing::TestDatabase;

const RUN: &str = "
    INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, owner, last_parsed_at)
    VALUES ('d', false, '/d.yaml', 'd.yaml', 'o', now());
    INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc)
    VALUES ('d', 1, '', '{}', '', '/d.yaml');
    INSERT INTO task (dag_version_id, task_index, task_id, operator, retries, priority_weight)
    SELECT id, 0, 't', 'bash', 0, 1 FROM dag_version;
    INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, run_after, queued_at, triggered_by)
    SELECT 'd', 'r', id, 'success', 'manual', now(), now(), 'cli' FROM dag_version;
    INSERT INTO task_instance (dag_run_id, task_index, map_index, max_tries)
    SELECT id, 0, n, 0 FROM dag_run, generate_series(0, 1) AS n";

fn by(second: i64) -> By {
    By::local("ada", at(second))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn a_value_is_there_until_it_expires_and_goes_with_its_run() {
    let database = TestDatabase::create().await;
    let store = database.store();
    database.execute(RUN).await;
    assert_eq!(store.state_owner_run("d", "r", "t", Some(-1)).await.unwrap(), None);
    let dag_run = store.state_owner_run("d", "r", "t", Some(1)).await.unwrap().unwrap();
    assert_eq!(store.state_owner_run("d", "r", "t", None).await.unwrap(), Some(dag_run));
    let owner =
        StateOwner { dag_id: "d".to_owned(), run_id: "r".to_owned(), dag_run, task_id: "t".to_owned(), map_index: 1 };
    store.set_task_state(&owner, "k", &json!([1]), Some(at(100)), &by(0)).await.unwrap();
    assert!(store.change_task_state(&owner, "k", &json!([2]), &by(50)).await.unwrap());
    let found = store.task_state(("d", "r"), ("t", 1), "k", at(99)).await.unwrap().unwrap();
    assert_eq!((found.value, found.updated_at, found.expires_at), (json!([2]), at(50), Some(at(100))));
    assert_eq!(store.task_state(("d", "r"), ("t", 1), "k", at(100)).await.unwrap(), None);
    assert!(!store.change_task_state(&owner, "k", &json!(3), &by(100)).await.unwrap());
    assert_eq!(store.task_states(("d", "r"), ("t", 1), (10, 0), at(100)).await.unwrap().1, 0);
    assert!(store.delete_dag_run("d", "r", &by(0)).await.unwrap());
    assert_eq!(database.number("SELECT count(*) FROM task_state").await, 0);
    store.set_task_state(&owner, "k", &json!(1), None, &by(0)).await.unwrap();
    assert_eq!(database.number("SELECT count(*) FROM task_state").await, 0, "nothing is kept of a run that is gone");
}

#[tokio::test]
async fn values_of_one_element_or_of_all_are_deleted() {
    let database = TestDatabase::create().await;
    let store = database.store();
    database.execute(RUN).await;
    let dag_run = store.state_owner_run("d", "r", "t", None).await.unwrap().unwrap();
    let owner = |map_index| StateOwner {
        dag_id: "d".to_owned(),
        run_id: "r".to_owned(),
        dag_run,
        task_id: "t".to_owned(),
        map_index,
    };
    for map_index in [0, 1] {
        for key in ["a", "b"] {
            store.set_task_state(&owner(map_index), key, &json!(1), None, &by(0)).await.unwrap();
        }
    }
    let keys = async |map_index| {
        let (values, total) = store.task_states(("d", "r"), ("t", map_index), (1, 1), at(0)).await.unwrap();
        (values.into_iter().map(|value| value.key).collect::<Vec<_>>(), total)
    };
    assert_eq!(keys(0).await, (vec!["b".to_owned()], 2));
    store.delete_task_states(&owner(0), Some("a"), false, &by(0)).await.unwrap();
    assert_eq!((keys(0).await.1, keys(1).await.1), (1, 2));
    store.delete_task_states(&owner(0), None, true, &by(0)).await.unwrap();
    assert_eq!((keys(0).await.1, keys(1).await.1), (0, 0));
}
