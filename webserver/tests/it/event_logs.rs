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
async fn what_was_done_is_listed_newest_first_with_who_and_what_it_changed() {
    let world = World::create().await;
    world.post("/pools", json!({"name": "gpu", "slots": 2})).await.expect(201);
    world.patch("/pools/gpu?update_mask=slots", json!({"pool": "gpu", "slots": 3})).await.expect(200);
    world.post("/variables", json!({"key": "k", "value": "v"})).await.expect(201);
    assert_eq!(found(&world, PEOPLE).await, ["post_variable k", "patch_pool gpu", "post_pool gpu"]);
    assert_eq!(
        found(&world, &format!("order_by=event&{PEOPLE}")).await,
        ["patch_pool gpu", "post_pool gpu", "post_variable k"]
    );
    assert_eq!(found(&world, "event=post_pool&owner=admin").await, ["post_pool gpu"]);
    assert_eq!(found(&world, "excluded_events=post_pool&event_pattern=pool").await, ["patch_pool gpu"]);
    assert_eq!(found(&world, "included_events=post_pool&included_events=post_variable").await.len(), 2);
    assert_eq!(found(&world, "object_type=variable").await, ["post_variable k"]);
    assert!(found(&world, "owner=nobody").await.is_empty());
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
    assert_eq!(world.get("/eventLogs/999999").await.refused(404), "The Event Log with id: `999999` was not found");
    world.get("/eventLogs?order_by=colour").await.refused(400);
}
