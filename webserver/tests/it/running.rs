//! Runs that run: task instances, tries, values, waiting for the end, clearing, marking.

use serde_json::{Value, json};

use crate::world::{MANUAL_ETL, World};

/// The first task fails in its first run and succeeds once the file is there.
fn flaky(marker: &std::path::Path) -> String {
    format!(
        "{{dag_id: flaky, tasks: [{{id: first, bash: 'test -e {}'}}, {{id: last, bash: 'true', depends_on: first}}]}}",
        marker.display()
    )
}

/// A task that runs until somebody stops it.
const ENDLESS: &str = "{dag_id: endless, tasks: [{id: sleep, bash: 'echo started; sleep 600'}, {id: after, bash: 'true', depends_on: sleep}]}";

fn states(page: &Value) -> Vec<(&str, Option<&str>)> {
    let rows = page["task_instances"].as_array().expect("a list").iter();
    rows.map(|row| (row["task_id"].as_str().expect("an id"), row["state"].as_str())).collect()
}

async fn ended(world: &World, dag_id: &str, run_id: &str, state: &str) {
    world.until(&format!("/dags/{dag_id}/dagRuns/{run_id}"), |run| run["state"] == state).await;
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_then_told_whole() {
    let mut world = World::create().await;
    world.dag(MANUAL_ETL).await;
    world.schedule();
    world.trigger("etl", "r1").await;
    let waited = world.get_as("/dags/etl/dagRuns/r1/wait?result=extract&result=load", "application/x-ndjson").await;
    assert_eq!(waited.headers["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = waited.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, before) = lines.split_last().expect("lines");
    assert_eq!(last, &json!({"state": "success", "results": {"extract": {"rows": 3}, "load": "loaded"}}));
    assert!(before.iter().all(|line| line["state"] == "queued" || line["state"] == "running"));

    let page = world.get("/dags/etl/dagRuns/r1/taskInstances").await.expect(200);
    assert_eq!(states(&page), [("extract", Some("success")), ("load", Some("success"))]);
    let ti = world.get("/dags/etl/dagRuns/r1/taskInstances/load").await.expect(200);
    // What templates became is told of one only: the worker keeps it in a file for each attempt.
    let mut listed = page["task_instances"][1].clone();
    assert_eq!(listed["rendered_fields"], json!({}));
    listed["rendered_fields"] = json!({"bash": "echo loaded"});
    assert_eq!(ti, listed);
    let expected = json!({"try_number": 1, "max_tries": 0, "map_index": -1, "operator": "bash", "pool": "default_pool",
        "executor_config": "{}", "dag_run_id": "r1", "state": "success"});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&ti[field], value, "{field}");
    }
    assert_eq!(world.get("/dags/etl/dagRuns/r1/taskInstances/load/-1").await.expect(200), ti);
    world.get("/dags/etl/dagRuns/r1/taskInstances/load/7").await.refused(404);
    world.get("/dags/etl/dagRuns/r1/taskInstances/no").await.refused(404);
    let tries = world.get("/dags/etl/dagRuns/r1/taskInstances/load/tries").await.expect(200);
    assert_eq!((&tries["total_entries"], &tries["task_instances"][0]["state"]), (&json!(1), &json!("success")));
    assert_eq!(world.get("/dags/etl/dagRuns/r1/waiting").await.expect(200)["task_instances"], json!([]));
    assert_eq!(world.get("/monitor/health").await.expect(200)["scheduler"]["status"], "healthy");
    world.stop().await;
}

#[tokio::test]
async fn task_instances_and_values_are_listed_over_runs_and_dags() {
    let mut world = World::create().await;
    world.dag(MANUAL_ETL).await;
    world.schedule();
    for run_id in ["r1", "r2"] {
        world.trigger("etl", run_id).await;
        ended(&world, "etl", run_id, "success").await;
    }
    let cases: [(&str, usize); 10] = [
        ("/dags/etl/dagRuns/r1/taskInstances?state=success", 2),
        ("/dags/etl/dagRuns/~/taskInstances?task_id=load", 2),
        ("/dags/~/dagRuns/~/taskInstances?task_display_name_pattern=LOA&state=success&state=failed", 2),
        ("/dags/~/dagRuns/~/taskInstances?run_id_pattern=r2&limit=1", 1),
        ("/dags/etl/dagRuns/r1/taskInstances?state=none", 0),
        ("/dags/etl/dagRuns/r1/taskInstances?state=no_status&try_number=1", 0),
        ("/dags/etl/dagRuns/r1/taskInstances?operator=empty", 0),
        ("/dags/etl/dagRuns/r1/taskInstances?map_index=-1&operator=bash&duration_gte=0", 1),
        ("/dags/etl/dagRuns/r1/taskInstances?start_date_gte=2020-01-01&end_date_lte=2100-01-01", 2),
        ("/dags/etl/dagRuns/r1/taskInstances?updated_at_gte=2100-01-01", 0),
    ];
    for (path, expected) in cases {
        assert_eq!(states(&world.get(path).await.expect(200)).len(), expected, "{path}");
    }
    let backwards = world.get("/dags/etl/dagRuns/r1/taskInstances?order_by=-task_id").await.expect(200);
    assert_eq!(states(&backwards)[0].0, "load");
    let xcoms = |page: Value| page["xcom_entries"].as_array().expect("a list").len();
    assert_eq!(xcoms(world.get("/dags/etl/dagRuns/r1/taskInstances/~/xcomEntries").await.expect(200)), 2);
    assert_eq!(xcoms(world.get("/dags/~/dagRuns/~/taskInstances/extract/xcomEntries").await.expect(200)), 2);
    assert_eq!(
        xcoms(world.get("/dags/~/dagRuns/~/taskInstances/~/xcomEntries?xcom_key_pattern=no").await.expect(200)),
        0
    );
    let path = "/dags/etl/dagRuns/r1/taskInstances/extract/xcomEntries";
    assert_eq!(world.get(&format!("{path}/return_value")).await.expect(200)["value"], json!({"rows": 3}));
    let text = world.get(&format!("{path}/return_value?stringify=true&deserialize=false")).await.expect(200);
    assert_eq!(text["value"], "{'rows': 3}");
    assert_eq!(world.get(&format!("{path}/no")).await.refused(404), "XCom entry with key: `no` not found");
    world.get(&format!("{path}/return_value?map_index=0")).await.refused(404);
    world.stop().await;
}

#[tokio::test]
async fn a_failed_run_is_cleared_from_what_failed_on() {
    let mut world = World::create().await;
    let marker = world.path("marker");
    world.dag(&flaky(&marker)).await;
    world.schedule();
    world.trigger("flaky", "r1").await;
    ended(&world, "flaky", "r1", "failed").await;
    let page = world.get("/dags/flaky/dagRuns/r1/taskInstances").await.expect(200);
    assert_eq!(states(&page), [("first", Some("failed")), ("last", Some("upstream_failed"))]);
    let waiting = world.get("/dags/flaky/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(
        (&waiting["task_instances"][0]["task_id"], &waiting["task_instances"][0]["waiting"]),
        (&json!("first"), &Value::Null)
    );
    assert_eq!(
        (&waiting["task_instances"][1]["task_id"], &waiting["task_instances"][1]["reason"]),
        (&json!("last"), &json!("upstream `first` failed (trigger rule all_success)"))
    );

    let dry = world.post("/dags/flaky/clearTaskInstances", json!({"dag_run_id": "r1"})).await.expect(200);
    assert_eq!((states(&dry).len(), &dry["total_entries"]), (2, &json!(2)));
    let one = json!({"dag_run_id": "r1", "task_ids": [["last", -1]], "include_upstream": true});
    assert_eq!(states(&world.post("/dags/flaky/clearTaskInstances", one).await.expect(200)).len(), 2);
    let alone = json!({"dag_run_id": "r1", "task_ids": ["last"]});
    assert_eq!(states(&world.post("/dags/flaky/clearTaskInstances", alone).await.expect(200)).len(), 1);
    let running = json!({"dag_run_id": "r1", "only_failed": false, "only_running": true});
    assert!(states(&world.post("/dags/flaky/clearTaskInstances", running).await.expect(200)).is_empty());
    let dry = world.post("/dags/flaky/dagRuns/r1/clear", json!({"only_failed": true})).await.expect(200);
    assert_eq!(states(&dry).len(), 2);
    assert_eq!(world.get("/dags/flaky/dagRuns/r1").await.expect(200)["state"], "failed");

    std::fs::write(&marker, "").expect("the marker");
    let clear = json!({"dag_run_id": "r1", "dry_run": false, "task_ids": ["first"], "include_downstream": true});
    world.post("/dags/flaky/clearTaskInstances", clear).await.expect(200);
    ended(&world, "flaky", "r1", "success").await;
    let tries = world.get("/dags/flaky/dagRuns/r1/taskInstances/first/tries").await.expect(200);
    let told: Vec<_> = tries["task_instances"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["try_number"].as_u64(), one["state"].as_str(), one["exit_code"].as_i64()))
        .collect();
    assert_eq!(told, [(Some(1), Some("failed"), Some(1)), (Some(2), Some("success"), None)]);

    let again = json!({"dry_run": false, "note": "once more"});
    assert_eq!(world.post("/dags/flaky/dagRuns/r1/clear", again).await.expect(200)["note"], "once more");
    ended(&world, "flaky", "r1", "success").await;
    let run = world.patch("/dags/flaky/dagRuns/r1", json!({"state": "queued"})).await.expect(200);
    assert!(run["end_date"].is_null());
    ended(&world, "flaky", "r1", "success").await;
    world.until("/dags/flaky/dagRuns/r1/taskInstances/last/tries", |tries| tries["total_entries"] == 3).await;
    world.stop().await;
}

#[tokio::test]
async fn a_running_run_that_is_marked_stops_what_runs() {
    let mut world = World::create().await;
    world.dag(ENDLESS).await;
    world.schedule();
    let is_running = |ti: &Value| ti["state"] == "running";
    let expected = [("success", ["success", "success"]), ("failed", ["failed", "skipped"])];
    for (state, tasks) in expected {
        world.trigger("endless", state).await;
        let path = format!("/dags/endless/dagRuns/{state}");
        world.until(&format!("{path}/taskInstances/sleep"), is_running).await;
        let refused =
            json!({"dag_run_id": state, "only_failed": false, "prevent_running_task": true, "dry_run": false});
        world.post("/dags/endless/clearTaskInstances", refused).await.refused(409);
        let waiting = world.get(&format!("{path}/waiting")).await.expect(200);
        assert_eq!(waiting["task_instances"][0]["waiting"]["kind"], "upstream");
        world.patch(&path, json!({"state": state})).await.expect(200);
        let page = world.get(&format!("{path}/taskInstances")).await.expect(200);
        assert_eq!(states(&page), [("sleep", Some(tasks[0])), ("after", Some(tasks[1]))]);
        let tries = world.get(&format!("{path}/taskInstances/sleep/tries")).await.expect(200);
        assert_eq!(tries["task_instances"][0]["reason"], format!("marked {state} by admin"));
        let pid = tries["task_instances"][0]["pid"].as_i64().expect("a process group");
        let process = std::path::PathBuf::from(format!("/proc/{pid}"));
        world.until("/version", |_| !process.exists()).await;
        assert_eq!(world.get(&path).await.expect(200)["state"], state);
    }
    world.stop().await;
}

#[tokio::test]
async fn the_elements_of_a_mapped_task_are_listed_named_and_cleared_each_alone() {
    let mut world = World::create().await;
    world
        .dag(
            "{dag_id: mapped, tasks: [{group: g, expand: {city: [seoul, busan]}, tasks: [\
             {id: a, bash: 'echo {{ map.city }}', map_index_template: '{{ map.city }}'}, \
             {id: b, depends_on: a, bash: \"echo {{ xcom('g.a') }}\"}]}, {id: plain, bash: 'true'}]}",
        )
        .await;
    world.schedule();
    world.trigger("mapped", "r1").await;
    ended(&world, "mapped", "r1", "success").await;
    let path = "/dags/mapped/dagRuns/r1/taskInstances";
    let page = world.get(&format!("{path}/g.a/listMapped")).await.expect(200);
    let names: Vec<_> = page["task_instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ti| (&ti["map_index"], &ti["rendered_map_index"]))
        .collect();
    assert_eq!(names, [(&json!(0), &json!("seoul")), (&json!(1), &json!("busan"))]);
    assert_eq!(world.get(&format!("{path}/g.a/listMapped?limit=1&offset=1")).await.expect(200)["total_entries"], 2);
    assert_eq!(world.get(&format!("{path}/plain/listMapped")).await.expect(200)["total_entries"], 0);
    world.get(&format!("{path}/no/listMapped")).await.refused(404);
    assert_eq!(world.get(&format!("{path}/g.b/1")).await.expect(200)["state"], "success");
    world.get(&format!("{path}/g.b")).await.refused(404);
    let xcom = world.get(&format!("{path}/g.b/xcomEntries/return_value?map_index=1")).await.expect(200);
    assert_eq!(xcom["value"], "busan");
    let body = json!({"dag_run_id": "r1", "task_ids": [["g.a", 1]], "include_downstream": true, "only_failed": false});
    let cleared = world.post("/dags/mapped/clearTaskInstances", body).await.expect(200);
    let which: Vec<_> =
        cleared["task_instances"].as_array().unwrap().iter().map(|ti| (&ti["task_id"], &ti["map_index"])).collect();
    assert_eq!(which, [(&json!("g.a"), &json!(1)), (&json!("g.b"), &json!(1))], "what follows it, for its element");
    world.stop().await;
}

#[tokio::test]
async fn a_run_that_is_cleared_to_the_newest_version_runs_its_tasks_while_another_task_goes_on() {
    let mut world = World::create().await;
    let go = world.path("go");
    let tasks = |tasks: &str| {
        let wait = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
        format!("{{dag_id: moved, tasks: [{tasks}, {{id: slow, bash: '{wait}'}}]}}")
    };
    world.dag(&tasks("{id: gone, bash: 'true'}, {id: broken, bash: 'exit 1'}")).await;
    world.schedule();
    world.trigger("moved", "r1").await;
    let path = "/dags/moved/dagRuns/r1/taskInstances";
    world.until(&format!("{path}/broken"), |ti| ti["state"] == "failed").await;
    world.until(&format!("{path}/gone"), |ti| ti["state"] == "success").await;
    world.until(&format!("{path}/slow"), |ti| ti["state"] == "running").await;

    world.dag(&tasks("{id: first, bash: 'true'}, {id: second, bash: 'true'}, {id: broken, bash: 'true'}")).await;
    let clear = |dry_run| json!({"dag_run_id": "r1", "run_on_latest_version": true, "dry_run": dry_run});
    let planned = world.post("/dags/moved/clearTaskInstances", clear(true)).await.expect(200);
    assert_eq!(states(&planned), [("broken", Some("failed")), ("first", None), ("second", None)]);
    world.post("/dags/moved/clearTaskInstances", clear(false)).await.expect(200);
    world.until(&format!("{path}/broken"), |ti| ti["state"] == "success").await;
    world.until(&format!("{path}/second"), |ti| ti["state"] == "success").await;
    assert_eq!(world.get(&format!("{path}/slow")).await.expect(200)["state"], "running");
    // The attempt that was handed out under the version before is recognised where its task is now.
    std::fs::write(&go, "").expect("the file that `slow` waits for");
    ended(&world, "moved", "r1", "success").await;
    let page = world.get(path).await.expect(200);
    let success = Some("success");
    let expected =
        [("first", success), ("second", success), ("broken", success), ("slow", success), ("gone", Some("removed"))];
    assert_eq!(states(&page), expected);
    assert_eq!(world.get("/dags/moved/dagRuns/r1").await.expect(200)["dag_versions"][0]["version_number"], 2);
    let tries = world.get(&format!("{path}/broken/tries")).await.expect(200);
    assert_eq!(tries["total_entries"], 2);
    world.stop().await;
}

#[tokio::test]
async fn what_templates_became_is_told_of_processes_of_waits_and_of_tasks_without_templates() {
    let mut world = World::create().await;
    let file = world.path("{{ run_id }}");
    world
        .dag(&format!(
            "{{dag_id: rendered, env: {{DAY: '{{{{ ds }}}}'}}, tasks: [\
             {{id: shell, bash: 'echo {{{{ run_id }}}}'}}, \
             {{id: python, python: {{code: 'return x', kwargs: {{x: '{{{{ dag_run.conf.x }}}}'}}}}}}, \
             {{id: waits, sensor: {{file: '{}', poke_interval: 100ms}}}}, \
             {{id: each, expand: {{n: [1, 2]}}, bash: 'echo {{{{ map.n }}}}'}}, \
             {{id: none, empty: {{}}, trigger_rule: all_done, depends_on: [shell]}}]}}",
            file.display()
        ))
        .await;
    world.dag("{dag_id: plain, tasks: [{id: plain, bash: 'true', env: {API_KEY: k}}, {id: later, bash: 'true', depends_on: plain}]}").await;
    world.schedule();
    let body = json!({"dag_run_id": "r1", "logical_date": "2026-01-02T00:00:00Z", "conf": {"x": [1, {"y": null}]}});
    world.post("/dags/rendered/dagRuns", body).await.expect(200);
    let path = "/dags/rendered/dagRuns/r1/taskInstances";
    world.until(&format!("{path}/waits"), |ti| ti["state"] == "deferred").await;
    let expected = json!({"path": world.path("r1")});
    assert_eq!(world.get(&format!("{path}/waits")).await.expect(200)["rendered_fields"], expected);
    std::fs::write(world.path("r1"), "").expect("the file that it waits for");
    ended(&world, "rendered", "r1", "success").await;
    let env = json!({"DAY": "2026-01-02"});
    for (task, fields) in [
        ("waits", expected),
        ("shell", json!({"bash": "echo r1", "env": env})),
        ("python", json!({"kwargs": {"x": [1, {"y": null}]}, "env": env})),
        ("each/1", json!({"bash": "echo 2", "env": env})),
        ("none", json!({})),
    ] {
        assert_eq!(world.get(&format!("{path}/{task}")).await.expect(200)["rendered_fields"], fields, "{task}");
    }
    world.trigger("plain", "r1").await;
    ended(&world, "plain", "r1", "success").await;
    let plain = world.get("/dags/plain/dagRuns/r1/taskInstances/plain").await.expect(200);
    assert_eq!(plain["rendered_fields"], json!({"bash": "true", "env": {"API_KEY": "***"}}));
    let page = world.get(path).await.expect(200);
    assert_eq!(page["task_instances"][0]["rendered_fields"], json!({}), "lists do not read files");
    world.stop().await;
}
