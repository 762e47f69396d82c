//! Values beside task instances and assets.

use serde_json::{Value, json};

use crate::world::World;

const DAG: &str = "{dag_id: d, schedule: {assets: ['s3://a']}, tasks: [{id: t, bash: 'true'}, {id: u, bash: 'true'}]}";
const STORE: &str = "/dags/d/dagRuns/r/taskInstances/t/state-store";

/// A run whose task instances are there.
async fn with_run() -> World {
    let world = World::create().await;
    world.dag(DAG).await;
    world.trigger("d", "r").await;
    let sql = "INSERT INTO task_instance (dag_run_id, task_index, max_tries) SELECT id, 0, 0 FROM dag_run";
    world.database.execute(sql).await;
    world
}

#[tokio::test]
async fn a_value_beside_a_task_instance_is_set_changed_and_deleted() {
    let world = with_run().await;
    assert_eq!(world.get(STORE).await.expect(200), json!({"task_state_store": [], "total_entries": 0}));
    let body = json!({"value": {"page": 3}, "expires_at": "2100-01-01T00:00:00Z"});
    assert_eq!(world.put(&format!("{STORE}/cursor"), body).await.status.as_u16(), 204);
    let found = world.get(&format!("{STORE}/cursor")).await.expect(200);
    assert_eq!((&found["value"], &found["expires_at"]), (&json!({"page": 3}), &json!("2100-01-01T00:00:00Z")));
    let patched = world.patch(&format!("{STORE}/cursor"), json!({"value": 4})).await;
    assert_eq!((patched.status.as_u16(), patched.json()), (200, Value::Null));
    let found = world.get(&format!("{STORE}/cursor")).await.expect(200);
    assert_eq!((&found["value"], &found["expires_at"]), (&json!(4), &json!("2100-01-01T00:00:00Z")));
    world.put(&format!("{STORE}/a%2Fb"), json!({"value": 1, "expires_at": null})).await;
    world.put(&format!("{STORE}/c"), json!({"value": 1, "expires_at": "default"})).await;
    let page = world.get(&format!("{STORE}?limit=2")).await.expect(200);
    assert_eq!((&page["task_state_store"][0]["key"], &page["total_entries"]), (&json!("a/b"), &json!(3)));
    assert_eq!(page["task_state_store"][0]["expires_at"], Value::Null);
    assert!(world.get(&format!("{STORE}/c")).await.expect(200)["expires_at"].is_string());
    assert_eq!(world.delete(&format!("{STORE}/cursor")).await.status.as_u16(), 204);
    assert_eq!(world.delete(&format!("{STORE}/cursor")).await.status.as_u16(), 204);
    world.get(&format!("{STORE}/cursor")).await.refused(404);
    world.patch(&format!("{STORE}/cursor"), json!({"value": 4})).await.refused(404);
    assert_eq!(world.delete(STORE).await.status.as_u16(), 204);
    assert_eq!(world.get(STORE).await.expect(200)["total_entries"], 0);
}

#[tokio::test]
async fn values_that_cannot_be_kept_are_refused() {
    let world = with_run().await;
    let key = format!("{STORE}/k");
    for body in [
        json!({}),
        json!({"value": null}),
        json!({"value": "x".repeat(70_000)}),
        json!({"value": 1, "expires_at": "soon"}),
        json!({"value": 1, "owner": "x"}),
    ] {
        world.put(&key, body).await.refused(422);
    }
    world.put(&format!("{STORE}/{}", "k".repeat(513)), json!({"value": 1})).await.refused(422);
    world.put(&format!("{key}?map_index=-2"), json!({"value": 1})).await.refused(422);
    let said = world.put(&format!("{key}?map_index=7"), json!({"value": 1})).await.refused(404);
    assert_eq!(said, "Task instance not found for dag_id='d', run_id='r', task_id='t', map_index=7");
    world.delete(&format!("{STORE}?map_index=7")).await.refused(404);
    assert_eq!(world.delete(&format!("{STORE}?map_index=7&all_map_indices=true")).await.status.as_u16(), 204);
    world.put("/dags/d/dagRuns/no/taskInstances/t/state-store/k", json!({"value": 1})).await.refused(404);
}

#[tokio::test]
async fn a_value_beside_an_asset_is_set_and_deleted() {
    let world = with_run().await;
    let id = world.get("/assets").await.expect(200)["assets"][0]["id"].clone();
    let store = format!("/assets/{id}/state-store");
    assert_eq!(world.get(&store).await.expect(200), json!({"asset_state_store": [], "total_entries": 0}));
    assert_eq!(world.put(&format!("{store}/mark"), json!({"value": [1]})).await.status.as_u16(), 204);
    let found = world.get(&format!("{store}/mark")).await.expect(200);
    assert_eq!((&found["value"], &found["last_updated_by"]["kind"]), (&json!([1]), &json!("api")));
    assert_eq!(world.get(&store).await.expect(200)["total_entries"], 1);
    world.get(&format!("{store}/no")).await.refused(404);
    world.put(&format!("{store}/mark"), json!({"value": null})).await.refused(422);
    assert_eq!(world.delete(&format!("{store}/mark")).await.status.as_u16(), 204);
    assert_eq!(world.delete(&store).await.status.as_u16(), 204);
    world.get("/assets/999/state-store").await.refused(404);
    world.get("/assets/999/state-store/k").await.refused(404);
    world.put("/assets/999/state-store/k", json!({"value": 1})).await.refused(404);
    world.delete("/assets/999/state-store").await.refused(404);
}

#[tokio::test]
async fn a_task_instance_has_no_links_and_no_log_elsewhere() {
    let world = with_run().await;
    let task = "/dags/d/dagRuns/r/taskInstances/t";
    assert_eq!(world.get(&format!("{task}/links")).await.expect(200), json!({"extra_links": {}, "total_entries": 0}));
    assert_eq!(world.get(&format!("{task}/links?map_index=3")).await.refused(404), "TaskInstance not found");
    let said = world.get(&format!("{task}/externalLogUrl/1")).await.refused(400);
    assert_eq!(said, "Task log handler does not support external logs.");
    world.get(&format!("{task}/externalLogUrl/x")).await.refused(422);
}
