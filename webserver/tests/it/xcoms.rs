//! XComs that people write: who sees them, and for how long; secrets in what tasks push.

use serde_json::{Value, json};

use crate::world::World;

/// `wait` runs until there is a marker; `tell` then prints what `wait` pushed as `hint`.
fn waiting(marker: &std::path::Path) -> String {
    format!(
        "{{dag_id: d, tasks: [{{id: wait, bash: 'until [ -e {} ]; do sleep 0.05; done; echo done'}}, \
         {{id: choose, branch: \"{{{{ 'left' if xcom('wait', 'hint') == 'left' else 'right' }}}}\", depends_on: wait}}, \
         {{id: left, bash: \"echo {{{{ xcom('wait', 'hint') }}}}\", depends_on: choose}}, \
         {{id: right, empty: {{}}, depends_on: choose}}]}}",
        marker.display()
    )
}

const PATH: &str = "/dags/d/dagRuns/r1/taskInstances/wait/xcomEntries";

#[tokio::test]
async fn what_is_written_while_a_run_goes_on_is_what_its_templates_read() {
    let mut world = World::create().await;
    let marker = world.path("marker");
    world.dag(&waiting(&marker)).await;
    world.schedule();
    world.trigger("d", "r1").await;
    world.until("/dags/d/dagRuns/r1/taskInstances/wait", |ti| ti["state"] == "running").await;
    let made = world.post(PATH, json!({"key": "hint", "value": "right"})).await.expect(201);
    assert_eq!((&made["value"], &made["task_id"], &made["run_id"]), (&json!("right"), &json!("wait"), &json!("r1")));
    let again = world.post(PATH, json!({"key": "hint", "value": 1})).await.refused(409);
    assert_eq!(again, "The XCom with key: `hint` with mentioned task instance already exists.");
    let other = world.patch(&format!("{PATH}/hint"), json!({"value": "left"})).await.expect(200);
    assert_eq!(other["value"], "left");
    std::fs::write(&marker, "").expect("the marker");
    world.until("/dags/d/dagRuns/r1", |run| run["state"] == "success").await;
    let state = async |task: &str| {
        world.get(&format!("/dags/d/dagRuns/r1/taskInstances/{task}")).await.expect(200)["state"].clone()
    };
    assert_eq!((state("left").await, state("right").await), (json!("success"), json!("skipped")));
    let echoed = world.get("/dags/d/dagRuns/r1/taskInstances/left/xcomEntries/return_value").await.expect(200);
    assert_eq!(echoed["value"], "left");
    // The next try forgets what was pushed before, whoever pushed it.
    let clear = json!({"dry_run": false, "only_failed": false, "task_ids": ["wait"], "dag_run_id": "r1"});
    world.post("/dags/d/clearTaskInstances", clear).await.expect(200);
    world.until("/dags/d/dagRuns/r1", |run| run["state"] == "success").await;
    world.get(&format!("{PATH}/hint")).await.refused(404);
    world.stop().await;
}

#[tokio::test]
async fn any_json_is_written_changed_and_deleted() {
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: wait, empty: {}}]}").await;
    world.trigger("d", "r1").await;
    for (value, printed) in [
        (json!(null), json!(null)),
        (json!([1, {"b": null, "a": "it's"}]), json!("[1, {'b': None, 'a': \"it's\"}]")),
        (json!("x"), json!("x")),
        (json!(1e-7), json!("1e-07")),
        (json!(true), json!("True")),
    ] {
        let made = world.post(PATH, json!({"key": "a/b", "value": value})).await.expect(201);
        assert_eq!(made["value"], value);
        let text = world.get(&format!("{PATH}/a%2Fb?stringify=true")).await.expect(200)["value"].clone();
        assert_eq!(text, printed);
        assert_eq!(world.patch(&format!("{PATH}/a%2Fb"), json!({"value": "y"})).await.expect(200)["value"], "y");
        let gone = world.delete(&format!("{PATH}/a%2Fb")).await;
        assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
        world.delete(&format!("{PATH}/a%2Fb")).await.refused(404);
        world.patch(&format!("{PATH}/a%2Fb"), json!({"value": 1})).await.refused(404);
    }
}

#[tokio::test]
async fn a_text_that_holds_json_is_read_where_that_is_asked_for() {
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: wait, empty: {}}]}").await;
    world.trigger("d", "r1").await;
    for (key, text, read, printed) in [
        ("json", r#"{"a": [1]}"#, json!({"a": [1]}), "{'a': [1]}"),
        ("null", "null", json!(null), ""),
        ("text", "{a", json!("{a"), "{a"),
    ] {
        world.post(PATH, json!({"key": key, "value": text})).await.expect(201);
        let value = async |query: &str| world.get(&format!("{PATH}/{key}?{query}")).await.expect(200)["value"].clone();
        assert_eq!(value("deserialize=false").await, text);
        assert_eq!(value("stringify=true").await, text);
        assert_eq!(value("deserialize=true").await, read);
        let both = value("deserialize=true&stringify=true").await;
        assert_eq!(both.as_str().unwrap_or_default(), printed);
    }
}

#[tokio::test]
async fn an_xcom_of_nothing_is_refused() {
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: wait, empty: {}}]}").await;
    world.trigger("d", "r1").await;
    let value = |key: &str| json!({"key": key, "value": 1});
    let runs = "/dags/d/dagRuns";
    world.post(&format!("{runs}/r1/taskInstances/nothing/xcomEntries"), value("k")).await.refused(404);
    world.post(&format!("{runs}/r9/taskInstances/wait/xcomEntries"), value("k")).await.refused(404);
    world.post(PATH, json!({"key": "k", "value": 1, "map_index": 3})).await.refused(404);
    world.post(PATH, json!({"key": "k", "value": 1, "map_index": -2})).await.refused(422);
    world.post(PATH, json!({"key": "k"})).await.refused(422);
    world.post(PATH, value("")).await.refused(400);
    world.post(PATH, value("skipmixin_key")).await.refused(400);
    world.post(PATH, value("a\u{0}")).await.refused(400);
}

#[tokio::test]
async fn xcoms_are_listed_by_what_they_are() {
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: wait, empty: {}}, {id: u, empty: {}}]}").await;
    world.trigger("d", "r1").await;
    for (task, key) in [("wait", "a"), ("wait", "b"), ("u", "a")] {
        let path = format!("/dags/d/dagRuns/r1/taskInstances/{task}/xcomEntries");
        world.post(&path, json!({"key": key, "value": 1})).await.expect(201);
    }
    let cases: [(&str, &[&str]); 9] = [
        ("", &["u.a", "wait.a", "wait.b"]),
        ("?xcom_key=a", &["u.a", "wait.a"]),
        ("?xcom_key_pattern=B", &["wait.b"]),
        ("?xcom_key_prefix_pattern=B", &[]),
        ("?task_id_pattern=WAI&map_index=-1&map_index_filter=-1", &["wait.a", "wait.b"]),
        ("?run_id_prefix_pattern=r&dag_display_name_pattern=D&limit=1&order_by=-task_id&order_by=-key", &["wait.b"]),
        ("?run_after_gte=2020-01-01T00:00:00Z", &["u.a", "wait.a", "wait.b"]),
        ("?logical_date_lt=2020-01-01T00:00:00Z", &[]),
        ("?map_index=4", &[]),
    ];
    for (query, expected) in cases {
        let page = world.get(&format!("/dags/~/dagRuns/~/taskInstances/~/xcomEntries{query}")).await.expect(200);
        let entries = page["xcom_entries"].as_array().expect("a list").iter();
        let name = |entry: &Value| {
            format!("{}.{}", entry["task_id"].as_str().unwrap_or(""), entry["key"].as_str().unwrap_or(""))
        };
        assert_eq!(entries.map(name).collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_secret_that_a_task_pushes_is_masked_on_the_way() {
    let mut world = World::create().await;
    let body = json!({"key": "api_token", "value": "s3cr3t-value"});
    world.post("/variables", body).await.expect(201);
    world
        .dag(
            "{dag_id: leaky, tasks: [{id: t, bash: \"echo token={{ var.value.api_token }}\"}, \
         {id: p, python: {code: \"return {'t': [t], 'n': 1}\", kwargs: {t: '{{ var.value.api_token }}'}}}]}",
        )
        .await;
    world.schedule();
    world.trigger("leaky", "r1").await;
    world.until("/dags/leaky/dagRuns/r1", |run| run["state"] == "success" || run["state"] == "failed").await;
    let value = async |task: &str| {
        let path = format!("/dags/leaky/dagRuns/r1/taskInstances/{task}/xcomEntries/return_value");
        world.get(&path).await.expect(200)["value"].clone()
    };
    assert_eq!(value("t").await, "token=***");
    assert_eq!(value("p").await, json!({"t": ["***"], "n": 1}));
    world.stop().await;
}
