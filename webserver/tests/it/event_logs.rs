//! Who did what, as Airflow's clients ask for it.

use serde_json::{Value, json};

use crate::world::World;

/// Without the account of the test and its login.
const PEOPLE: &str = "excluded_events=post_user&excluded_events=login";

async fn found(world: &World, query: &str) -> Vec<String> {
    let page = world.get(&format!("/eventLogs?{query}")).await.expect(200);
    let events = page["event_logs"].as_array().expect("a list");
    assert_eq!(page["total_entries"], json!(events.len()));
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
    events.iter().map(|event| text(event, "event") + " " + &text(event, "object_name")).collect()
}

#[tokio::test]
async fn what_was_done_is_listed_with_who_and_what_it_changed() {
    let world = World::create().await;
    world.post("/pools", json!({"name": "gpu", "slots": 2})).await.expect(201);
    world.patch("/pools/gpu?update_mask=slots", json!({"pool": "gpu", "slots": 3})).await.expect(200);
    world.post("/variables", json!({"key": "k", "value": "v"})).await.expect(201);
    assert_eq!(found(&world, PEOPLE).await, ["post_pool gpu", "patch_pool gpu", "post_variable k"]);
    assert_eq!(
        found(&world, &format!("order_by=-when&{PEOPLE}")).await,
        ["post_variable k", "patch_pool gpu", "post_pool gpu"]
    );
    assert_eq!(
        found(&world, &format!("order_by=event&{PEOPLE}")).await,
        ["patch_pool gpu", "post_pool gpu", "post_variable k"]
    );
    assert_eq!(found(&world, "event=post_pool&owner=admin").await, ["post_pool gpu"]);
    assert_eq!(found(&world, "excluded_events=post_pool&event_pattern=pool").await, ["patch_pool gpu"]);
    assert_eq!(found(&world, "included_events=post_pool&included_events=post_variable").await.len(), 2);
    assert_eq!(found(&world, "object_type=variable").await, ["post_variable k"]);
    assert_eq!(found(&world, "event_prefix_pattern=post_v|patch_&owner_prefix_pattern=adm").await.len(), 2);
    assert!(found(&world, "event_prefix_pattern=POST_").await.is_empty());
    assert!(found(&world, "event_prefix_pattern=ost_").await.is_empty());
    assert!(found(&world, "owner=nobody").await.is_empty());
    assert!(found(&world, "try_number=1").await.is_empty());
    assert!(found(&world, "before=2000-01-01").await.is_empty());
    let page = world.get("/eventLogs?event=patch_pool").await.expect(200);
    let event = &page["event_logs"][0];
    assert_eq!(
        (&event["owner"], &event["before"]["slots"], &event["after"]["slots"]),
        (&json!("admin"), &json!(2), &json!(3))
    );
    let extra: Value = serde_json::from_str(event["extra"].as_str().expect("a text")).expect("JSON");
    assert_eq!(extra["after"], event["after"]);
    let one = world.get(&format!("/eventLogs/{}", event["event_log_id"])).await.expect(200);
    assert_eq!(&one, event);
    assert_eq!(world.get("/eventLogs/999999").await.refused(404), "The Event Log with id: `999999` not found");
    world.get("/eventLogs?order_by=colour").await.refused(400);
}

#[tokio::test]
async fn events_of_a_dag_are_found_by_how_the_names_of_dag_run_and_task_begin() {
    let world = World::create().await;
    for dag_id in ["team_a", "team_b", "other"] {
        world.dag(&format!("dag_id: {dag_id}\ntasks:\n  - {{id: only, empty: {{}}}}\n")).await;
        world.trigger(dag_id, &format!("{dag_id}__run")).await;
    }
    world.patch("/dags/team_a", json!({"is_paused": true})).await.expect(200);
    let count = async |query: &str| found(&world, query).await.len();
    assert_eq!(count("dag_id_prefix_pattern=team_").await, 3);
    assert_eq!(count("dag_id_prefix_pattern=team_a|oth").await, 3);
    assert_eq!(count("dag_id_prefix_pattern=team%25").await, 0, "it has no wildcards");
    assert_eq!(count("run_id_prefix_pattern=team_").await, 2);
    assert_eq!(count("run_id_pattern=A__RUN").await, 1);
    assert_eq!(count("task_id_prefix_pattern=on").await, 0, "no task was touched");
    let page = world.get("/eventLogs?limit=2&dag_id_prefix_pattern=team_").await.expect(200);
    assert_eq!((page["event_logs"].as_array().map(Vec::len), &page["total_entries"]), (Some(2), &json!(3)));
}
