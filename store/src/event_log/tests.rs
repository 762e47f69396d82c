use model::connection::Connection;
use model::pool::Pool;
use model::state::TaskInstanceState::{Failed, Success};
use serde_json::{Value, json};

use super::*;
use crate::dag_run::tests::{World, at};
use crate::dag_run::{ClearRuns, ClearSelection, DagRunEnd, TaskInstanceEnd};
use crate::pools::NewPool;
use crate::read::api::{EventLogFilter, EventLogRow, Listing};
use crate::variable::NewVariable;

fn ann() -> By {
    By { username: "ann".to_owned(), address: Some([127, 0, 0, 9].into()), at: at(50) }
}

async fn events(store: &Store) -> Vec<EventLogRow> {
    let listing = Listing { limit: 100, offset: 0, order_by: vec!["event_log_id".to_owned()] };
    let filter = EventLogFilter { username: Some("ann".to_owned()), ..EventLogFilter::default() };
    store.api_event_logs(&filter, &listing).await.unwrap().rows
}

/// What was done last: its name, what it was, what it is.
async fn last(store: &Store) -> (String, Value, Value) {
    let event = events(store).await.pop().unwrap();
    assert_eq!((event.at.0, event.address.as_deref()), (at(50), Some("127.0.0.9")));
    (event.event, event.before.unwrap_or_default(), event.after.unwrap_or_default())
}

#[tokio::test]
async fn a_change_of_an_object_is_kept_with_what_was_before_and_after() {
    let world = World::create(&["a"]).await;
    let (store, ann) = (world.store(), ann());
    let mut new = NewPool {
        pool: Pool { name: "p".to_owned(), slots: Some(1), include_deferred: false, rate: None },
        description: None,
    };
    assert!(store.create_pool(&new, &ann).await.unwrap());
    let one = json!({"slots": 1, "description": null, "include_deferred": false, "rate": null});
    assert_eq!(last(store).await, ("post_pool".to_owned(), Value::Null, one.clone()));
    new.pool.slots = Some(2);
    assert!(store.update_pool(&new, &ann).await.unwrap());
    let two = json!({"slots": 2, "description": null, "include_deferred": false, "rate": null});
    assert_eq!(last(store).await, ("patch_pool".to_owned(), one, two.clone()));
    store.delete_pool("p", &ann).await.unwrap();
    assert_eq!(last(store).await, ("delete_pool".to_owned(), two, Value::Null));

    assert!(store.set_paused("etl", true, &ann).await.unwrap());
    let expected = ("patch_dag".to_owned(), json!({"is_paused": false}), json!({"is_paused": true}));
    assert_eq!(last(store).await, expected);
    assert!(store.set_skip_next("etl", 3, &ann).await.unwrap());
    let expected = ("put_skip_next".to_owned(), json!({"skip_next": 0}), json!({"skip_next": 3}));
    assert_eq!(last(store).await, expected);

    world.run(1, &[Failed]).await;
    assert!(store.set_dag_run_note("etl", "day_1", Some("why"), &ann).await.unwrap());
    assert_eq!(last(store).await, ("patch_dag_run".to_owned(), json!({"note": null}), json!({"note": "why"})));
    store.mark_dag_run("etl", "day_1", DagRunEnd::Success, &ann).await.unwrap();
    let expected = ("patch_dag_run".to_owned(), json!({"state": "failed"}), json!({"state": "success"}));
    assert_eq!(last(store).await, expected);

    let objects: Vec<_> =
        events(store).await.into_iter().map(|event| (event.dag_id, event.run_id, event.object_name)).collect();
    let text = |text: &str| Some(text.to_owned());
    let (pool, dag, run) = ((None, None, text("p")), (text("etl"), None, None), (text("etl"), text("day_1"), None));
    assert_eq!(objects, [pool.clone(), pool.clone(), pool, dag.clone(), dag, run.clone(), run]);
}

#[tokio::test]
async fn secrets_are_not_in_the_event_log() {
    let world = World::create(&["a"]).await;
    let (store, ann) = (world.store(), ann());
    let variable = NewVariable { key: "k".to_owned(), value: "hunter2".to_owned(), description: None };
    assert!(store.create_variable(&variable, &ann).await.unwrap());
    assert!(store.update_variable("k", Some("hunter22"), Some("d"), &ann).await.unwrap());
    let expected = (
        "patch_variable".to_owned(),
        json!({"value": "***", "description": null}),
        json!({"value": "***", "description": "d", "is_value_set": true}),
    );
    assert_eq!(last(store).await, expected);
    assert!(store.delete_variable("k", &ann).await.unwrap());
    let connection = Connection::parse("postgres://me:hunter2@db/x?sslkey=hunter2").unwrap();
    assert!(store.create_connection("c", &connection, &ann).await.unwrap());
    assert!(store.update_connection("c", &connection, &ann).await.unwrap());
    assert!(store.delete_connection("c", &ann).await.unwrap());
    let (name, before, _) = last(store).await;
    assert_eq!(
        (name.as_str(), &before["password"], &before["extra"]),
        ("delete_connection", &json!("***"), &json!("***"))
    );
    assert_eq!(events(store).await.len(), 6);
    let leaks = "SELECT count(*) FROM event_log WHERE event_log::text LIKE '%hunter2%'";
    assert_eq!(world.database.number(leaks).await, 0);
}

#[tokio::test]
async fn a_clear_is_kept_for_each_run_with_the_states_that_were() {
    let world = World::create(&["a", "b"]).await;
    let (store, ann) = (world.store(), ann());
    for day in [1, 2] {
        world.run(day, &[Success, Failed]).await;
    }
    let runs = ClearRuns::Between { start: None, end: None };
    let failed = ClearSelection { only_failed: true, ..ClearSelection::default() };
    let dry = ClearSelection { is_dry_run: true, ..failed.clone() };
    store.clear_task_instances("etl", &runs, &dry, &ann).await.unwrap();
    assert!(events(store).await.is_empty(), "nothing was done");
    store.clear_task_instances("etl", &runs, &failed, &ann).await.unwrap();
    let kept = events(store).await;
    let named: Vec<_> = kept.iter().map(|event| (event.event.as_str(), event.run_id.as_deref().unwrap())).collect();
    assert_eq!(named, [("post_clear_task_instances", "day_1"), ("post_clear_task_instances", "day_2")]);
    let listed = json!([{"task_id": "b", "map_index": -1, "state": "failed", "try_number": 1}]);
    assert_eq!(kept[0].before.as_ref().unwrap()["task_instances"], listed);
    assert_eq!((kept[0].task_id.as_deref(), kept[0].map_index), (Some("b"), None));

    let chosen = ClearSelection {
        tasks: Some(vec![("a".to_owned(), None), ("b".to_owned(), None)]),
        ..ClearSelection::default()
    };
    let one = ClearRuns::One("day_1".to_owned());
    store.mark_task_instances("etl", &one, &chosen, TaskInstanceEnd::Skipped, &ann).await.unwrap();
    let (name, before, after) = last(store).await;
    assert_eq!((name.as_str(), &before["total_entries"]), ("patch_task_instance", &json!(2)));
    assert_eq!(after, json!({"task_instances": "skipped"}));
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_is_not_kept() {
    let world = World::create(&["a"]).await;
    let (store, ann) = (world.store(), ann());
    world.run(1, &[Success]).await;
    assert!(!store.set_paused("unknown", true, &ann).await.unwrap());
    assert!(!store.cancel_dag_run("etl", "day_1", &ann).await.unwrap());
    assert!(!store.delete_variable("unknown", &ann).await.unwrap());
    assert!(!store.enable_task("etl", None, "a", &ann).await.unwrap());
    assert!(store.disable_task("etl", None, "a", &ann).await.unwrap());
    assert!(!store.disable_task("etl", None, "a", &ann).await.unwrap());
    let names: Vec<_> = events(store).await.into_iter().map(|event| event.event).collect();
    assert_eq!(names, ["disable_task"]);
}

#[tokio::test]
async fn the_event_log_is_append_only_but_for_cleaning_which_it_tells_of() {
    let world = World::create(&["a"]).await;
    let (store, ann) = (world.store(), ann());
    store.set_paused("etl", true, &ann).await.unwrap();
    store.set_paused("etl", false, &By { at: at(100), ..ann.clone() }).await.unwrap();
    for statement in ["UPDATE event_log SET username = 'eve'", "DELETE FROM event_log", "TRUNCATE event_log"] {
        let refused = sqlx::raw_sql(statement).execute(store.pool()).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    assert_eq!(store.count_events_to_clean(at(60)).await.unwrap(), 1);
    let eve = By::local("eve", at(200));
    assert_eq!(store.clean_events(&eve, at(60)).await.unwrap(), 1);
    assert_eq!(store.clean_events(&eve, at(60)).await.unwrap(), 0);
    let left = sqlx::query_scalar::<_, String>("SELECT username || ' ' || event FROM event_log ORDER BY id");
    assert_eq!(left.fetch_all(store.pool()).await.unwrap(), ["ann patch_dag", "eve clean_event_log"]);
    assert!(sqlx::raw_sql("DELETE FROM event_log").execute(store.pool()).await.is_err(), "for that once only");
}
