//! Pools: as Airflow's clients ask for them, and what they keep from running.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

/// A task that holds two slots of a pool, and one that needs three, which waits.
const TIGHT: &str = r#"
dag_id: tight
tasks:
  - {id: first, bash: "until [ -e \"$FLOWCTL_HOME_OF_TEST\" ]; do sleep 0.05; done", pool: warehouse, pool_slots: 2, priority_weight: 9}
  - {id: second, bash: "true", pool: warehouse, pool_slots: 3}
"#;

async fn delete(world: &World, name: &str) -> (u16, String) {
    let token = world.log_in("admin").await;
    let path = format!("/api/v2/pools/{name}");
    let bearer = format!("Bearer {token}");
    let answer = world.ask(Method::DELETE, &path, None, &[("authorization", &bearer)]).await;
    (answer.status.as_u16(), answer.text)
}

fn names(page: &Value) -> Vec<&str> {
    page["pools"].as_array().expect("a list").iter().filter_map(|pool| pool["name"].as_str()).collect()
}

#[tokio::test]
async fn a_pool_is_created_changed_and_deleted_in_airflows_words() {
    let world = World::create().await;
    let all = world.get("/pools").await.expect(200);
    assert_eq!((names(&all), &all["total_entries"]), (vec!["default_pool"], &json!(1)));
    let body = json!({"name": "warehouse", "slots": 4, "description": "one database", "include_deferred": false});
    let created = world.post("/pools", body.clone()).await.expect(201);
    let expected = json!({
        "name": "warehouse", "slots": 4, "description": "one database", "include_deferred": false, "occupied_slots": 0,
        "running_slots": 0, "queued_slots": 0, "scheduled_slots": 0, "open_slots": 4, "deferred_slots": 0,
        "team_name": null, "rate": null,
    });
    assert_eq!(created, expected);
    assert_eq!(world.post("/pools", body).await.refused(409)["reason"], "Unique constraint violation");
    // The Python client sends every field it knows, null where nothing was said.
    let patch =
        json!({"pool": "warehouse", "slots": -1, "description": null, "include_deferred": null, "team_name": null});
    let patched = world.patch("/pools/warehouse?update_mask=slots", patch).await.expect(200);
    assert_eq!((&patched["slots"], &patched["open_slots"]), (&json!(-1), &json!(-1)));
    assert_eq!(patched["description"], "one database", "what the mask does not name stays");
    let patched = world.patch("/pools/warehouse", json!({"rate": "10/m", "description": null})).await.expect(200);
    assert_eq!((&patched["rate"], &patched["description"]), (&json!("10/1m"), &Value::Null));
    assert_eq!(delete(&world, "warehouse").await, (204, String::new()));
    assert_eq!(delete(&world, "warehouse").await.0, 404);
    assert_eq!(world.get("/pools/warehouse").await.refused(404), "The Pool with name: `warehouse` was not found");
}

#[tokio::test]
async fn pools_are_found_by_name_and_ordered() {
    let world = World::create().await;
    for (name, slots) in [("gpu", 2), ("warehouse_eu", 8), ("warehouse_us", 4)] {
        world.post("/pools", json!({"name": name, "slots": slots})).await.expect(201);
    }
    let cases: [(&str, &[&str]); 6] = [
        ("?pool_name_pattern=WARE", &["warehouse_eu", "warehouse_us"]),
        ("?pool_name_prefix_pattern=warehouse_u", &["warehouse_us"]),
        ("?order_by=-slots&limit=2", &["default_pool", "warehouse_eu"]),
        ("?order_by=pool&offset=2", &["warehouse_eu", "warehouse_us"]),
        ("", &["default_pool", "gpu", "warehouse_eu", "warehouse_us"]),
        ("?pool_name_pattern=gpu|use_us", &["gpu", "warehouse_us"]),
    ];
    for (query, expected) in cases {
        assert_eq!(names(&world.get(&format!("/pools{query}")).await.expect(200)), expected, "{query}");
    }
    world.get("/pools?order_by=colour").await.refused(400);
}

#[tokio::test]
async fn what_a_pool_cannot_be_is_refused() {
    let world = World::create().await;
    for body in [
        json!({"slots": 1}),
        json!({"name": "a"}),
        json!({"name": "", "slots": 1}),
        json!({"name": "a", "slots": -2}),
        json!({"name": "a", "slots": 1, "rate": "often"}),
        json!({"name": "a", "slots": 1, "colour": "red"}),
    ] {
        world.post("/pools", body.clone()).await.refused(422);
    }
    assert_eq!(delete(&world, "default_pool").await.0, 400);
    world.patch("/pools/default_pool", json!({"description": "mine"})).await.refused(400);
    assert_eq!(world.patch("/pools/default_pool", json!({"slots": 7})).await.expect(200)["slots"], 7);
    world.patch("/pools/nope", json!({"slots": 7})).await.refused(404);
    world.patch("/pools/default_pool", json!({"pool": "other", "slots": 7})).await.refused(400);
    world.patch("/pools/default_pool?update_mask=colour", json!({"slots": 7})).await.refused(400);
}

#[tokio::test]
async fn pools_are_for_ops_and_admins() {
    let world = World::create().await;
    for (username, role, status) in [("vi", "viewer", 403), ("us", "user", 403), ("op", "op", 201)] {
        let bearer = format!("Bearer {}", world.account(username, role).await);
        let body = json!({"name": username, "slots": 1});
        let answer = world.ask(Method::POST, "/api/v2/pools", Some(body), &[("authorization", &bearer)]).await;
        assert_eq!(answer.status.as_u16(), status, "{role}");
    }
}

#[tokio::test]
async fn several_pools_change_in_one_request() {
    let world = World::create().await;
    world.post("/pools", json!({"name": "old", "slots": 1})).await.expect(201);
    let body = json!({"actions": [
        {"action": "create", "entities": [{"name": "a", "slots": 1}, {"name": "old", "slots": 5}], "action_on_existence": "overwrite"},
        {"action": "create", "entities": [{"name": "b", "slots": 1}, {"name": "a", "slots": 9}]},
        {"action": "update", "entities": [{"name": "a", "slots": 3, "description": "x"}], "update_mask": ["slots"]},
        {"action": "update", "entities": [{"name": "ghost", "slots": 3}], "action_on_non_existence": "skip"},
        {"action": "delete", "entities": ["ghost"]},
        {"action": "delete", "entities": ["old", "default_pool"]},
    ]});
    let done = world.patch("/pools", body).await.expect(200);
    assert_eq!(done["create"]["success"], json!(["a", "old"]));
    assert_eq!(done["create"]["errors"][0]["status_code"], 409, "the second action did nothing: {done}");
    assert_eq!((&done["update"]["success"], &done["update"]["errors"]), (&json!(["a"]), &json!([])));
    assert_eq!(done["delete"]["success"], json!(["old"]));
    let statuses: Vec<_> =
        done["delete"]["errors"].as_array().expect("a list").iter().map(|e| &e["status_code"]).collect();
    assert_eq!(statuses, [&json!(404), &json!(422)]);
    let all = world.get("/pools?order_by=name").await.expect(200);
    assert_eq!(names(&all), ["a", "default_pool"]);
    assert_eq!((&all["pools"][0]["slots"], &all["pools"][0]["description"]), (&json!(3), &Value::Null));
}

#[tokio::test]
async fn a_pool_that_a_dag_uses_stays() {
    let world = World::create().await;
    world.post("/pools", json!({"name": "warehouse", "slots": 3})).await.expect(201);
    world.dag(TIGHT).await;
    let (status, text) = delete(&world, "warehouse").await;
    assert_eq!(status, 409);
    assert!(text.contains("pool `warehouse` is used by the DAG `tight`"), "{text}");
}

#[tokio::test]
async fn a_task_says_that_its_pool_is_full_and_starts_once_the_pool_is_larger() {
    let mut world = World::create().await;
    world.post("/pools", json!({"name": "warehouse", "slots": 3})).await.expect(201);
    let flag = world.path("flag");
    world.dag(&TIGHT.replace("$FLOWCTL_HOME_OF_TEST", &flag.display().to_string())).await;
    world.schedule();
    world.trigger("tight", "one").await;
    let path = "/dags/tight/dagRuns/one/waiting";
    let is_told = |waiting: &Value| {
        waiting["task_instances"]
            .as_array()
            .is_some_and(|all| all.iter().any(|ti| ti["task_id"] == "second" && ti["waiting"]["kind"] == "pool_full"))
    };
    let waiting = world.until(path, is_told).await;
    let all = waiting["task_instances"].as_array().expect("a list");
    let second = all.iter().find(|ti| ti["task_id"] == "second").expect("it");
    assert_eq!(
        second["reason"],
        "it needs 3 slots of pool `warehouse`, which has 1 of 3 open; the others are used by `tight.first` of one (2 slots)"
    );
    let pool = world.get("/pools/warehouse").await.expect(200);
    let counts = ["occupied_slots", "scheduled_slots", "open_slots"].map(|name| &pool[name]);
    assert_eq!(counts, [&json!(2), &json!(3), &json!(1)]);
    let instances = world.get("/dags/tight/dagRuns/one/taskInstances?pool=warehouse").await.expect(200);
    assert_eq!((&instances["total_entries"], &instances["task_instances"][0]["pool_slots"]), (&json!(2), &json!(2)));
    // A change of the pool holds at once: nothing else has to happen.
    world.patch("/pools/warehouse", json!({"slots": 5})).await.expect(200);
    let second = "/dags/tight/dagRuns/one/taskInstances/second";
    world.until(second, |ti| ti["state"] == "success").await;
    std::fs::write(&flag, "").expect("a file");
    world.until("/dags/tight/dagRuns/one", |run| run["state"] == "success").await;
    world.stop().await;
}

#[tokio::test]
async fn a_file_whose_pool_does_not_exist_is_an_import_error_until_it_does() {
    let mut world = World::create().await;
    std::fs::write(world.path("dags/lonely.yaml"), "tasks:\n  - {id: a, bash: 'true', pool: nowhere}\n")
        .expect("a file");
    world.schedule();
    let errors = world.until("/importErrors", |page| page["import_errors"][0]["stack_trace"].is_string()).await;
    let trace = errors["import_errors"][0]["stack_trace"].as_str().expect("a text");
    assert!(trace.contains("lonely.yaml:2:33: there is no pool `nowhere`"), "{trace}");
    assert!(trace.contains("`flowctl pools set nowhere SLOTS` makes one"), "{trace}");
    world.get("/dags/lonely").await.refused(404);
    world.post("/pools", json!({"name": "nowhere", "slots": 1})).await.expect(201);
    world.until("/dags/lonely", |dag| dag["dag_id"] == "lonely").await;
    assert_eq!(world.get("/importErrors").await.expect(200)["total_entries"], 0);
    world.stop().await;
}
