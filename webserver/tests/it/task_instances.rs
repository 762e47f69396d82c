//! Task instances: lists by what they are, pages by cursor, remarks, groups, tries, and what keeps them from running.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

/// A group of two tasks between two others, and a mapped task.
const WIDE: &str = "
dag_id: wide
tasks:
  - {id: first, empty: {}, retries: 2, retry_delay: 90s}
  - group: middle
    depends_on: first
    tasks:
      - {id: a, empty: {}}
      - {id: b, empty: {}, pool: default_pool}
  - {id: each, empty: {}, expand: {n: [1, 2, 3]}, depends_on: middle}
";

fn names(page: &Value) -> Vec<String> {
    let all = page["task_instances"].as_array().expect("a list").iter();
    all.map(|ti| {
        let element = ti["map_index"].as_i64().filter(|index| *index >= 0);
        let task_id = ti["task_id"].as_str().expect("an id");
        element.map_or(task_id.to_owned(), |index| format!("{task_id}[{index}]"))
    })
    .collect()
}

async fn finished() -> World {
    let mut world = World::create().await;
    world.dag(WIDE).await;
    world.schedule();
    for run_id in ["r1", "r2"] {
        world.trigger("wide", run_id).await;
        world.until(&format!("/dags/wide/dagRuns/{run_id}"), |run| run["state"] == "success").await;
    }
    world
}

#[tokio::test]
async fn task_instances_are_listed_by_what_they_are() {
    let world = finished().await;
    let all = ["first", "middle.a", "middle.b", "each[0]", "each[1]", "each[2]"];
    let cases: [(&str, &[&str]); 22] = [
        ("", &all),
        ("?task_id=first", &["first"]),
        ("?task_display_name_pattern=MIDDLE", &["middle.a", "middle.b"]),
        ("?task_display_name_pattern=first|middle.b", &["first", "middle.b"]),
        ("?task_display_name_prefix_pattern=MIDDLE", &[]),
        ("?task_display_name_prefix_pattern=mid|fir", &["first", "middle.a", "middle.b"]),
        ("?task_group_id=middle", &["middle.a", "middle.b"]),
        ("?state=success&map_index=1&map_index=2", &["each[1]", "each[2]"]),
        ("?state=no_status", &[]),
        ("?state=none", &[]),
        ("?pool=default_pool&pool=other", &all),
        ("?pool_name_pattern=DEFAULT&pool_name_prefix_pattern=def", &all),
        ("?queue=default&queue_name_pattern=fau", &all),
        ("?queue=other", &[]),
        ("?executor=LocalExecutor", &[]),
        ("?version_number=1", &all),
        ("?version_number=2", &[]),
        ("?operator=empty&operator_name_prefix_pattern=em", &all),
        ("?operator_name_pattern=bash", &[]),
        ("?rendered_map_index_pattern=2", &["each[2]"]),
        ("?order_by=-map_index&limit=2", &["each[2]", "each[1]"]),
        ("?dag_id_pattern=WID&run_id_prefix_pattern=r1&run_after_gte=2020-01-01&task_id=first", &["first"]),
    ];
    for (query, expected) in cases {
        let page = world.get(&format!("/dags/wide/dagRuns/r1/taskInstances{query}")).await.expect(200);
        assert_eq!(names(&page), expected, "{query}");
    }
    let both = world.get("/dags/~/dagRuns/~/taskInstances?task_id=first").await.expect(200);
    assert_eq!((names(&both).len(), &both["total_entries"]), (2, &json!(2)));
    world.get("/dags/wide/dagRuns/r1/taskInstances?task_group_id=nothing").await.refused(404);
    world.get("/dags/~/dagRuns/r1/taskInstances").await.refused(400);
    let nul = world.get("/dags/wide/dagRuns/r1/taskInstances?task_id=%00").await;
    assert_eq!(nul.status, 400, "{}", nul.text);
    world.stop().await;
}

#[tokio::test]
async fn cursors_lead_through_a_list_and_back_in_any_order() {
    let world = finished().await;
    for order in [
        "",
        "&order_by=-id",
        "&order_by=rendered_map_index",
        "&order_by=-start_date&order_by=map_index",
        "&order_by=-duration",
    ] {
        let path = format!("/dags/wide/dagRuns/~/taskInstances?limit=5{order}");
        let mut pages = vec![world.get(&format!("{path}&cursor=")).await.expect(200)];
        while let Some(next) = pages.last().and_then(|page| page["next_cursor"].as_str()) {
            let page = world.get(&format!("{path}&cursor={next}")).await.expect(200);
            pages.push(page);
        }
        let ids = |page: &Value| -> Vec<String> {
            let all = page["task_instances"].as_array().expect("a list").iter();
            all.map(|ti| ti["id"].as_str().expect("an id").to_owned()).collect()
        };
        let whole = world.get(&format!("/dags/wide/dagRuns/~/taskInstances?limit=100{order}")).await.expect(200);
        assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), ids(&whole), "{order}");
        assert_eq!((pages.len(), &pages[0]["previous_cursor"]), (3, &Value::Null), "{order}");
        assert!(pages.iter().all(|page| page["total_entries"] == 12 && page["total_entries_limit"] == 50_000));
        let back = pages[2]["previous_cursor"].as_str().expect("a way back");
        let middle = world.get(&format!("{path}&cursor={back}")).await.expect(200);
        assert_eq!(ids(&middle), ids(&pages[1]), "{order}");
        let back = middle["previous_cursor"].as_str().expect("a way back");
        let first = world.get(&format!("{path}&cursor={back}")).await.expect(200);
        assert_eq!((ids(&first), &first["previous_cursor"]), (ids(&pages[0]), &Value::Null), "{order}");
    }
    let runs = world.get("/dags/~/dagRuns?limit=1&order_by=-run_after&cursor=").await.expect(200);
    let next = runs["next_cursor"].as_str().expect("more");
    let rest = world.get(&format!("/dags/~/dagRuns?limit=1&order_by=-run_after&cursor={next}")).await.expect(200);
    assert_eq!((&rest["dag_runs"][0]["dag_run_id"], &rest["next_cursor"]), (&json!("r1"), &Value::Null));
    world.stop().await;
}

#[tokio::test]
async fn a_cursor_that_nobody_gave_is_refused() {
    let world = World::create().await;
    world.dag(WIDE).await;
    // Not base64, not a list, a list of another order, a value of another type.
    for cursor in ["%21", "e30", "WyIxIl0", "WyJ4IiwieSIsInoiXQ", "~WyJ4IiwieSIsInoiXQ"] {
        let answer = world.get(&format!("/dags/wide/dagRuns/~/taskInstances?cursor={cursor}")).await;
        assert_eq!(answer.status, 400, "{cursor}: {}", answer.text);
    }
    world.get("/dags/~/dagRuns?cursor=WyJ4Il0").await.refused(400);
}

#[tokio::test]
async fn lists_by_body_are_of_all_dags() {
    let world = finished().await;
    let body = json!({"dag_ids": ["wide", "other"], "dag_run_ids": ["r2"], "task_ids": ["first", "middle.a"],
        "state": ["success", null], "page_limit": 1, "page_offset": 1, "order_by": "map_index",
        "start_date_gte": "2020-01-01T00:00:00Z"});
    let page = world.post("/dags/~/dagRuns/~/taskInstances/list", body).await.expect(200);
    assert_eq!((names(&page), &page["total_entries"]), (vec!["middle.a".to_owned()], &json!(2)));
    let runs = json!({"dag_ids": ["wide"], "states": ["success"], "order_by": "-run_id"});
    let runs = world.post("/dags/~/dagRuns/list", runs).await.expect(200);
    assert_eq!((&runs["dag_runs"][0]["dag_run_id"], &runs["total_entries"]), (&json!("r2"), &json!(2)));
    world.post("/dags/wide/dagRuns/list", json!({})).await.refused(422);
    world.post("/dags/~/dagRuns/list", json!({"nonsense": 1})).await.refused(422);
    world.post("/dags/~/dagRuns/~/taskInstances/list", json!({"state": ["odd"]})).await.refused(422);
    world.get("/dags/wide/dagRuns/list").await.refused(404);
    world.get("/dags/wide/dagRuns/r1/taskInstances/list").await.refused(404);
    world.stop().await;
}

#[tokio::test]
async fn people_remark_on_task_instances() {
    let world = finished().await;
    let path = "/dags/wide/dagRuns/r1/taskInstances";
    let noted = world.patch(&format!("{path}/each"), json!({"note": "look"})).await.expect(200);
    assert_eq!((names(&noted).len(), &noted["task_instances"][2]["note"]), (3, &json!("look")));
    let one = world.patch(&format!("{path}/each/1?update_mask=note"), json!({"note": "", "new_state": "failed"})).await;
    let one = one.expect(200);
    assert_eq!(
        (&one["task_instances"][0]["note"], &one["task_instances"][0]["state"]),
        (&Value::Null, &json!("success"))
    );
    assert_eq!(world.get(&format!("{path}/each/2")).await.expect(200)["note"], "look");
    let long = "x".repeat(1001);
    world.patch(&format!("{path}/first"), json!({"note": long})).await.refused(422);
    world.patch(&format!("{path}/first"), json!({"note": "a\u{0}b"})).await.refused(400);
    // A remark stays when the task starts over.
    world.patch(&format!("{path}/first"), json!({"note": "again"})).await.expect(200);
    world.post("/dags/wide/dagRuns/r1/clear", json!({"dry_run": false, "only_failed": false})).await.expect(200);
    assert_eq!(world.get(&format!("{path}/first")).await.expect(200)["note"], "again");
    world.stop().await;
}

#[tokio::test]
async fn what_is_so_already_cannot_be_marked_so() {
    let world = finished().await;
    let path = "/dags/wide/dagRuns/r1";
    let refusal =
        world.patch(&format!("{path}/taskInstances/first"), json!({"new_state": "success", "note": "n"})).await;
    assert_eq!(refusal.refused(409), "Task id first is already in success state");
    assert_eq!(world.get(&format!("{path}/taskInstances/first")).await.expect(200)["note"], Value::Null);
    let group = format!("{path}/taskGroupInstances/middle");
    world.patch(&group, json!({"new_state": "success"})).await.refused(409);
    let planned = world.patch(&format!("{group}/dry_run"), json!({"new_state": "failed"})).await.expect(200);
    assert_eq!(
        (names(&planned), &planned["task_instances"][0]["state"]),
        (vec!["middle.a".to_owned(), "middle.b".to_owned()], &json!("success"))
    );
    let failed = world.patch(&group, json!({"new_state": "failed", "note": "both"})).await.expect(200);
    assert!(
        failed["task_instances"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|ti| ti["state"] == "failed" && ti["note"] == "both")
    );
    world.patch(&format!("{path}/taskGroupInstances/nothing"), json!({"new_state": "failed"})).await.refused(404);
    world.stop().await;
}

#[tokio::test]
async fn several_task_instances_are_changed_in_one_request() {
    let world = finished().await;
    let actions = json!({"actions": [
        {"action": "update", "entities": [{"task_id": "each", "note": "all"}, {"task_id": "first", "map_index": -1, "new_state": "failed"}]},
        {"action": "update", "entities": [{"task_id": "nothing", "note": "x"}]},
        {"action": "create", "entities": [{"task_id": "first"}]},
    ]});
    let done = world.patch("/dags/wide/dagRuns/r1/taskInstances", actions).await.expect(200);
    assert_eq!(
        done["update"]["success"],
        json!(["wide.r1.each[0]", "wide.r1.each[1]", "wide.r1.each[2]", "wide.r1.first[-1]"])
    );
    assert_eq!(
        (&done["update"]["errors"][0]["status_code"], &done["create"]["errors"][0]["status_code"]),
        (&json!(404), &json!(405))
    );
    let actions = json!({"actions": [{"action": "update", "entities": [
        {"task_id": "first", "dag_id": "wide", "dag_run_id": "r2", "note": "far"}, {"task_id": "first", "note": "where?"}]}]});
    let done = world.patch("/dags/~/dagRuns/~/taskInstances", actions).await.expect(200);
    assert_eq!(
        (&done["update"]["success"], &done["update"]["errors"][0]["status_code"]),
        (&json!(["wide.r2.first[-1]"]), &json!(400))
    );
    world.stop().await;
}

#[tokio::test]
async fn a_deleted_task_instance_comes_back_when_its_run_starts_over() {
    let world = finished().await;
    let path = "/dags/wide/dagRuns/r1/taskInstances";
    let delete = async |path: String| world.delete(&path).await;
    assert!(
        delete(format!("{path}/each?map_index=1"))
            .await
            .refused(409)
            .as_str()
            .is_some_and(|text| text.contains("together"))
    );
    delete(format!("{path}/nothing")).await.refused(404);
    assert_eq!(delete(format!("{path}/first")).await.status, 200);
    world.get(&format!("{path}/first")).await.refused(404);
    let actions = json!({"actions": [{"action": "delete", "entities": ["each", {"task_id": "middle.a"}]}]});
    let done = world.patch(path, actions).await.expect(200);
    assert_eq!(done["delete"]["success"].as_array().map(Vec::len), Some(4));
    assert_eq!(names(&world.get(path).await.expect(200)), ["middle.b"]);
    world.post("/dags/wide/dagRuns/r1/clear", json!({"dry_run": false, "only_failed": false})).await.expect(200);
    world.until("/dags/wide/dagRuns/r1", |run| run["state"] == "success").await;
    assert_eq!(world.get(path).await.expect(200)["total_entries"], 6);
    world.stop().await;
}

#[tokio::test]
async fn a_task_instance_of_a_run_that_has_not_ended_is_not_deleted() {
    let mut world = World::create().await;
    let marker = world.path("marker");
    world
        .dag(&format!(
            "{{dag_id: d, tasks: [{{id: t, bash: 'until [ -e {} ]; do sleep 0.05; done'}}]}}",
            marker.display()
        ))
        .await;
    world.schedule();
    world.trigger("d", "r1").await;
    world.until("/dags/d/dagRuns/r1/taskInstances", |page| page["task_instances"][0]["state"] == "running").await;
    let refusal = world.delete("/dags/d/dagRuns/r1/taskInstances/t").await.refused(409);
    assert!(refusal.as_str().is_some_and(|text| text.contains("has not ended")), "{refusal}");
    std::fs::write(&marker, "").expect("the marker");
    world.until("/dags/d/dagRuns/r1", |run| run["state"] == "success").await;
    world.stop().await;
}

#[tokio::test]
async fn each_try_can_be_asked_for() {
    let mut world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: t, bash: 'exit 3', retries: 1, retry_delay: 0s}]}").await;
    world.schedule();
    world.trigger("d", "r1").await;
    world.until("/dags/d/dagRuns/r1", |run| run["state"] == "failed").await;
    let path = "/dags/d/dagRuns/r1/taskInstances/t";
    for (number, query) in [(1, ""), (2, "?map_index=-1")] {
        let one = world.get(&format!("{path}/tries/{number}{query}")).await.expect(200);
        assert_eq!((&one["try_number"], &one["exit_code"]), (&json!(number), &json!(3)));
    }
    assert_eq!(world.get(&format!("{path}/-1/tries/2")).await.expect(200)["state"], "failed");
    for wrong in ["tries/0", "tries/3", "tries/-1", "tries/1?map_index=4", "4/tries/1"] {
        world.get(&format!("{path}/{wrong}")).await.refused(404);
    }
    world.get(&format!("{path}/tries/x")).await.refused(422);
    world.stop().await;
}

#[tokio::test]
async fn what_keeps_a_task_from_running_is_told_in_airflows_words() {
    let mut world = World::create().await;
    let marker = world.path("marker");
    let text = format!(
        "{{dag_id: d, tasks: [{{id: t, bash: 'until [ -e {} ]; do sleep 0.05; done'}}, {{id: u, empty: {{}}, depends_on: t}}]}}",
        marker.display()
    );
    world.dag(&text).await;
    world.trigger("d", "r1").await;
    let path = "/dags/d/dagRuns/r1/taskInstances";
    let queued = world.get(&format!("{path}/u/dependencies")).await.expect(200);
    assert_eq!(queued["dependencies"][0]["name"], "Dagrun Running");
    world.schedule();
    world.until(path, |page| page["task_instances"][0]["state"] == "running").await;
    let waits = world.get(&format!("{path}/u/-1/dependencies")).await.expect(200);
    assert_eq!(waits["dependencies"][0]["name"], "Trigger Rule");
    assert!(waits["dependencies"][0]["reason"].as_str().is_some_and(|reason| reason.contains('t')), "{waits}");
    assert_eq!(world.get(&format!("{path}/t/dependencies")).await.expect(200)["dependencies"], json!([]));
    world.get(&format!("{path}/x/dependencies")).await.refused(404);
    world.get(&format!("{path}/u/7/dependencies")).await.refused(404);
    std::fs::write(&marker, "").expect("the marker");
    world.until("/dags/d/dagRuns/r1", |run| run["state"] == "success").await;
    world.stop().await;
}

#[tokio::test]
async fn tasks_are_those_of_the_newest_version() {
    let world = World::create().await;
    world.dag(WIDE).await;
    let page = world.get("/dags/wide/tasks").await.expect(200);
    let ids: Vec<_> = page["tasks"].as_array().expect("a list").iter().map(|task| &task["task_id"]).collect();
    assert_eq!(ids, ["each", "first", "middle.a", "middle.b"]);
    let first = world.get("/dags/wide/tasks/first").await.expect(200);
    assert_eq!(first["retry_delay"], json!({"__type": "TimeDelta", "days": 0, "seconds": 90, "microseconds": 0}));
    assert_eq!(
        (&first["retries"], &first["trigger_rule"], &first["is_mapped"]),
        (&json!(2.0), &json!("all_success"), &json!(false))
    );
    assert_eq!(first["downstream_task_ids"], json!(["middle.a", "middle.b"]));
    assert_eq!(world.get("/dags/wide/tasks/each").await.expect(200)["is_mapped"], true);
    let fields = [
        "task_display_name",
        "owner",
        "start_date",
        "end_date",
        "trigger_rule",
        "depends_on_past",
        "wait_for_downstream",
        "retries",
        "queue",
        "pool",
        "pool_slots",
        "execution_timeout",
        "retry_delay",
        "retry_exponential_backoff",
        "priority_weight",
        "weight_rule",
        "ui_color",
        "ui_fgcolor",
        "operator_name",
    ];
    for field in fields {
        world.get(&format!("/dags/wide/tasks?order_by=-{field}")).await.expect(200);
    }
    world.get("/dags/wide/tasks?order_by=doc_md").await.refused(400);
    world.get("/dags/wide/tasks/nothing").await.refused(404);
    world.get("/dags/nothing/tasks").await.refused(404);
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let world = World::create().await;
    world.dag(WIDE).await;
    world.trigger("wide", "r1").await;
    let token = world.account("vera", "viewer").await;
    let bearer = format!("Bearer {token}");
    let run = "/api/v2/dags/wide/dagRuns/r1";
    let cases = [
        (Method::POST, "taskInstances/first/xcomEntries", json!({"key": "k", "value": 1})),
        (Method::PATCH, "taskInstances/first/xcomEntries/k", json!({"value": 1})),
        (Method::DELETE, "taskInstances/first/xcomEntries/k", json!({})),
        (Method::PATCH, "taskInstances", json!({"actions": []})),
        (Method::DELETE, "taskInstances/first", json!({})),
    ];
    for (method, path, body) in cases {
        let answer = world.ask(method, &format!("{run}/{path}"), Some(body), &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[tokio::test]
async fn what_goes_on_is_found_in_runs_that_go_on_and_what_has_ended_in_all() {
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: a, empty: {}}, {id: b, empty: {}}, {id: c, empty: {}}]}").await;
    for run_id in ["goes_on", "ended"] {
        world.trigger("d", run_id).await;
    }
    let run =
        "UPDATE dag_run SET state = 'failed', started_at = queued_at, ended_at = queued_at WHERE run_id = 'ended'";
    world.database.execute(run).await;
    let states = "INSERT INTO task_instance (dag_run_id, task_index, state, max_tries)
                  SELECT r.id, s.at, s.state::task_instance_state, 1 FROM dag_run r
                  JOIN (VALUES ('goes_on', 0, 'running'), ('goes_on', 1, 'deferred'), ('goes_on', 2, 'failed'),
                               ('ended', 0, 'failed'), ('ended', 1, 'none'), ('ended', 2, 'success'))
                       AS s (run_id, at, state) USING (run_id)";
    world.database.execute(states).await;
    for (query, found) in [
        ("state=running", &["a"][..]),
        ("state=running&state=deferred", &["a", "b"]),
        ("state=deferred&state=up_for_retry&order_by=-start_date", &["b"]),
        ("state=running&state=failed", &["a", "c", "a"]),
        ("state=failed", &["c", "a"]),
        ("state=no_status", &["b"]),
        ("state=running&dag_id_pattern=other", &[]),
    ] {
        for page in ["", "&cursor=", "&limit=1"] {
            let listed = world.get(&format!("/dags/~/dagRuns/~/taskInstances?{query}{page}")).await.expect(200);
            let shown = if page == "&limit=1" { found.len().min(1) } else { found.len() };
            assert_eq!(names(&listed), found[..shown], "{query}{page}");
            assert_eq!(listed["total_entries"], found.len(), "{query}{page}");
        }
    }
    let running = world.get("/dags/d/dagRuns/ended/taskInstances?state=running").await.expect(200);
    assert_eq!(running["total_entries"], 0);
    let runs = world.get("/dags/~/dagRuns?state=queued&state=running").await.expect(200);
    assert_eq!(runs["dag_runs"][0]["dag_run_id"], "goes_on");
    assert_eq!(world.get("/dags?last_dag_run_state=failed").await.expect(200)["total_entries"], 1);
}
