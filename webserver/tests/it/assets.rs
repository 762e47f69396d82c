//! Assets: as Airflow's clients ask for them, events from outside, and the pages.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

const MAKER: &str = "
dag_id: maker
assets: [{uri: s3://a, name: a, owner: data, layer: raw, schema: {x: int}}]
tasks: [{id: make, empty: {}, outlets: [a]}]
";
const TAKER: &str = "
dag_id: taker
schedule: {assets: {any: [s3://a, s3://b]}}
tasks: [{id: take, empty: {}, inlets: [s3://a]}]
";

async fn world() -> World {
    let world = World::create().await;
    world.dag(MAKER).await;
    world.dag(TAKER).await;
    world
}

async fn delete(world: &World, path: &str) -> u16 {
    let token = world.log_in("admin").await;
    let bearer = format!("Bearer {token}");
    let answer = world.ask(Method::DELETE, &format!("/api/v2{path}"), None, &[("authorization", &bearer)]).await;
    answer.status.as_u16()
}

/// A page, as a browser with a session sees it.
async fn page(world: &World, path: &str) -> String {
    let cookie = format!("flowctl_session={}", world.log_in("admin").await);
    let shown = world.ask(Method::GET, path, None, &[("cookie", &cookie)]).await;
    assert_eq!(shown.status.as_u16(), 200, "{path}\n{}", shown.text);
    shown.text
}

async fn asset(world: &World, uri: &str) -> Value {
    let found = world.get(&format!("/assets?uri_pattern={uri}")).await.expect(200);
    assert_eq!(found["total_entries"], 1);
    found["assets"][0].clone()
}

#[tokio::test]
async fn an_asset_has_airflows_fields_and_who_names_it() {
    let world = world().await;
    let found = asset(&world, "s3://a").await;
    let one = world.get(&format!("/assets/{}", found["id"])).await.expect(200);
    assert_eq!(one, found);
    assert_eq!(
        (&one["name"], &one["uri"], &one["group"], &one["extra"]),
        (&json!("a"), &json!("s3://a"), &json!("asset"), &json!({}))
    );
    assert_eq!(one["producing_tasks"][0]["task_id"], "make");
    assert_eq!(one["consuming_tasks"][0]["dag_id"], "taker");
    assert_eq!(one["scheduled_dags"][0]["dag_id"], "taker");
    assert_eq!((&one["aliases"], &one["watchers"], &one["last_asset_event"]), (&json!([]), &json!([]), &Value::Null));
    assert_eq!(
        (&one["owner"], &one["layer"], &one["schema"]["x"]["type"]),
        (&json!("data"), &json!("raw"), &json!("int"))
    );
    assert_eq!(world.get("/assets/999").await.refused(404), "The Asset with ID: `999` was not found");
    for (filter, total) in [
        ("dag_ids=maker", 1),
        ("uri_prefix_pattern=s3://b|s3://a", 2),
        ("uri_prefix_pattern=S3", 0),
        ("name_prefix_pattern=a", 1),
        ("name_prefix_pattern=a&uri_prefix_pattern=s3://b", 0),
    ] {
        assert_eq!(world.get(&format!("/assets?{filter}")).await.expect(200)["total_entries"], total, "{filter}");
    }
    world.get("/assets/aliases").await.refused(501);
}

#[tokio::test]
async fn an_event_from_outside_is_kept_and_queued_for_who_waits() {
    let world = world().await;
    let id = asset(&world, "s3://a").await["id"].clone();
    let event = world.post("/assets/events", json!({"asset_id": id, "extra": {"rows": 3}})).await.expect(200);
    assert_eq!(
        (&event["uri"], &event["source_dag_id"], &event["source_map_index"]),
        (&json!("s3://a"), &Value::Null, &json!(-1))
    );
    assert_eq!(event["extra"], json!({"rows": 3, "from_rest_api": true}));
    assert_eq!((&event["created_dagruns"], &event["posted_by"]), (&json!([]), &json!("admin")));
    let events = world.get(&format!("/assets/events?asset_id={id}&order_by=-timestamp")).await.expect(200);
    assert_eq!((&events["total_entries"], &events["asset_events"][0]), (&json!(1), &event));
    let queued = world.get("/dags/taker/assets/queuedEvents").await.expect(200);
    assert_eq!((&queued["total_entries"], &queued["queued_events"][0]["asset_id"]), (&json!(1), &id));
    assert_eq!(
        world.get(&format!("/assets/{id}/queuedEvents")).await.expect(200)["queued_events"][0]["dag_id"],
        "taker"
    );
    world.get(&format!("/dags/taker/assets/{id}/queuedEvents")).await.expect(200);
    let details = world.get("/dags/taker/details").await.expect(200);
    assert_eq!(details["asset_expression"]["any"][0]["asset"]["id"], id);
    assert_eq!(details["waits_for"], "due: 1 of 2 assets updated");
    assert_eq!(delete(&world, "/dags/taker/assets/queuedEvents").await, 204);
    assert_eq!(delete(&world, "/dags/taker/assets/queuedEvents").await, 404);
    let missing = world.get("/dags/taker/assets/queuedEvents").await.refused(404);
    assert_eq!(missing, "Queue event with dag_id: `taker` was not found");
}

#[tokio::test]
async fn what_an_event_cannot_be_is_refused() {
    let world = world().await;
    let id = asset(&world, "s3://a").await["id"].clone();
    world.post("/assets/events", json!({"asset_id": 999})).await.refused(404);
    world.post("/assets/events", json!({"extra": {}})).await.refused(422);
    world.post("/assets/events", json!({"asset_id": id, "extra": 3})).await.refused(422);
    world
        .post("/assets/events", json!({"asset_id": id, "data_interval_start": "2026-01-01T00:00:00Z"}))
        .await
        .refused(422);
    world.post("/assets/events", json!({"asset_id": id, "partition_key": "x"})).await.refused(501);
    let large = json!({"asset_id": id, "extra": {"x": "y".repeat(70_000)}});
    world.post("/assets/events", large).await.refused(400);
}

#[tokio::test]
async fn materializing_runs_the_one_dag_that_updates_the_asset() {
    let world = world().await;
    let (a, b) = (asset(&world, "s3://a").await["id"].clone(), asset(&world, "s3://b").await["id"].clone());
    let run = world.post(&format!("/assets/{a}/materialize"), json!({})).await.expect(200);
    assert_eq!((&run["dag_id"], &run["state"]), (&json!("maker"), &json!("queued")));
    let path = format!("/dags/maker/dagRuns/{}/upstreamAssetEvents", run["dag_run_id"].as_str().expect("a name"));
    assert_eq!(world.get(&path).await.expect(200), json!({"asset_events": [], "total_entries": 0}));
    world.get("/dags/maker/dagRuns/none/upstreamAssetEvents").await.refused(404);
    let none = world.post(&format!("/assets/{b}/materialize"), json!({})).await.refused(404);
    assert_eq!(none, format!("No DAG materializes asset with ID: {b}"));
    world.dag("dag_id: second\ntasks: [{id: t, empty: {}, outlets: [s3://a]}]").await;
    world.post(&format!("/assets/{a}/materialize"), json!({})).await.refused(409);
}

#[tokio::test]
async fn the_pages_show_assets_their_updates_and_what_a_dag_waits_for() {
    let world = world().await;
    let id = asset(&world, "s3://a").await["id"].clone();
    world.post("/assets/events", json!({"asset_id": id, "extra": {"rows": 3}})).await.expect(200);
    let list = page(&world, "/assets").await;
    assert!(list.contains(&format!("href=\"/asset/{id}\">a</a>")) && list.contains("s3://b"), "{list}");
    assert!(!page(&world, "/assets?search=s3%3A%2F%2Fb").await.contains(&format!("/asset/{id}")));
    let one = page(&world, &format!("/asset/{id}")).await;
    for part in ["maker.make", "taker.take", "admin, from outside", "rows", "<span class=\"name\">x</span>", "raw"] {
        assert!(one.contains(part), "{part}\n{one}");
    }
    assert!(page(&world, "/dags/taker").await.contains("due: 1 of 2 assets updated"));
}
