//! Doing it again: marks, runs with a changed conf, disabled tasks, backfills, versions and what changed.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

fn states(page: &Value) -> Vec<(&str, Option<&str>)> {
    let rows = page["task_instances"].as_array().expect("a list").iter();
    rows.map(|row| (row["task_id"].as_str().expect("an id"), row["state"].as_str())).collect()
}

async fn ended(world: &World, dag_id: &str, run_id: &str, state: &str) {
    world.until(&format!("/dags/{dag_id}/dagRuns/{run_id}"), |run| run["state"] == state).await;
}

const BROKEN: &str =
    "{dag_id: broken, tasks: [{id: first, bash: exit 3}, {id: last, bash: 'true', depends_on: first}]}";

#[tokio::test]
async fn a_failed_task_that_is_marked_success_lets_its_run_go_on() {
    let mut world = World::create().await;
    world.dag(BROKEN).await;
    world.schedule();
    world.trigger("broken", "r1").await;
    ended(&world, "broken", "r1", "failed").await;
    let path = "/dags/broken/dagRuns/r1/taskInstances";
    let mark = |state: &str| json!({"new_state": state});
    let dry = world.patch(&format!("{path}/first/dry_run"), mark("success")).await.expect(200);
    assert_eq!(states(&dry), [("first", Some("failed"))]);
    let marked = world.patch(&format!("{path}/first"), mark("success")).await.expect(200);
    assert_eq!(states(&marked), [("first", Some("success"))]);
    ended(&world, "broken", "r1", "success").await;
    let told = world.get("/dags/broken/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(told["task_instances"][0]["reason"], "marked success by admin");
    world.patch(&format!("{path}/no"), mark("success")).await.refused(404);
    world.patch(&format!("{path}/first/4"), mark("success")).await.refused(404);
    world.patch(&format!("{path}/first"), mark("queued")).await.refused(422);
    world.stop().await;
}

#[tokio::test]
async fn a_run_runs_again_with_a_changed_conf_that_its_params_allow() {
    let mut world = World::create().await;
    let dag = "{dag_id: tuned, params: {k: {type: integer, default: 1, maximum: 5}}, \
               tasks: [{id: fit, bash: 'echo {{ params.k }}'}]}";
    world.dag(dag).await;
    world.schedule();
    let refused = world.post("/dags/tuned/dagRuns", json!({"conf": {"k": 9}})).await.refused(400);
    assert!(refused.as_str().expect("a sentence").starts_with("k: "), "{refused}");
    world.trigger("tuned", "r1").await;
    ended(&world, "tuned", "r1", "success").await;
    let rerun = async |conf: Value| world.post("/dags/tuned/dagRuns/r1/rerun", json!({ "conf": conf })).await;
    assert!(rerun(json!({"k": 9})).await.refused(400).as_str().expect("a sentence").starts_with("k: "));
    let run = rerun(json!({"k": 4})).await.expect(200);
    assert_eq!(run["conf"], json!({"k": 4}));
    ended(&world, "tuned", "r1", "success").await;
    let path = "/dags/tuned/dagRuns/r1/taskInstances/fit/xcomEntries/return_value";
    world.until(path, |xcom| xcom["value"] == "4").await;
    assert_eq!(rerun(json!({"k": null})).await.expect(200)["conf"], json!({}));
    world.until(path, |xcom| xcom["value"] == "1").await;
    world.stop().await;
}

#[tokio::test]
async fn a_disabled_task_is_skipped_with_its_reason_until_it_is_enabled() {
    let mut world = World::create().await;
    world.dag("{dag_id: parts, tasks: [{id: a, bash: 'true'}, {id: b, bash: 'true'}]}").await;
    world.schedule();
    world.post("/dags/parts/disabledTasks", json!({"task_id": "no"})).await.refused(404);
    let disabled = world.post("/dags/parts/disabledTasks", json!({"task_id": "a"})).await.expect(200);
    assert_eq!(disabled["disabled_tasks"][0]["disabled_by"], "admin");
    world.trigger("parts", "r1").await;
    ended(&world, "parts", "r1", "success").await;
    let path = "/dags/parts/dagRuns/r1/taskInstances";
    assert_eq!(states(&world.get(path).await.expect(200)), [("a", Some("skipped")), ("b", Some("success"))]);
    let told = world.get("/dags/parts/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(told["task_instances"][0]["reason"], "disabled until further notice by admin");

    let enable = async || {
        let bearer = format!("Bearer {}", world.log_in("admin").await);
        let path = "/api/v2/dags/parts/disabledTasks/a";
        world.ask(Method::DELETE, path, None, &[("authorization", &bearer)]).await.status.as_u16()
    };
    assert_eq!((enable().await, enable().await), (204, 404));
    let clear = json!({"dag_run_id": "r1", "task_ids": ["a"], "only_failed": false, "dry_run": false});
    world.post("/dags/parts/clearTaskInstances", clear).await.expect(200);
    world.until(&format!("{path}/a"), |ti| ti["state"] == "success").await;
    world.stop().await;
}

#[tokio::test]
async fn a_backfill_runs_a_range_of_dates_to_its_end() {
    let mut world = World::create().await;
    world.dag("{dag_id: daily, schedule: '@daily', is_paused_upon_creation: false, tasks: [{id: a, empty: {}}]}").await;
    world.dag("{dag_id: by_hand, tasks: [{id: a, empty: {}}]}").await;
    let body = |reprocess: &str| {
        json!({"dag_id": "daily", "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-05T00:00:00Z",
               "max_active_runs": 2, "run_backwards": true, "reprocess_behavior": reprocess})
    };
    let planned = world.post("/backfills/dry_run", body("none")).await.expect(200);
    assert_eq!(
        (&planned["total_entries"], &planned["backfills"][0]["logical_date"]),
        (&json!(5), &json!("2026-01-05T00:00:00Z"))
    );
    assert_eq!(world.get("/backfills").await.expect(200)["total_entries"], 0, "a dry run creates nothing");
    let mut by_hand = body("none");
    by_hand["dag_id"] = json!("by_hand");
    world.post("/backfills", by_hand).await.refused(400);
    world.post("/backfills", body("all")).await.refused(422);
    let created = world.post("/backfills", body("none")).await.expect(200);
    world.post("/backfills", body("none")).await.refused(409);
    let path = format!("/backfills/{}", created["id"]);
    world.get("/backfills?order_by=dag_id").await.refused(400);
    world.schedule();
    let ended = world.until(&path, |backfill| !backfill["completed_at"].is_null()).await;
    assert_eq!(ended["progress"]["success"], 5);
    let dates = world.get(&format!("{path}/dates?limit=1")).await.expect(200);
    assert_eq!(dates["dates"][0]["dag_run_id"], "backfill__2026-01-05T00:00:00+00:00");
    let runs = world.get("/dags/daily/dagRuns?run_type=backfill&order_by=id").await.expect(200);
    assert_eq!(runs["dag_runs"][0]["logical_date"], "2026-01-05T00:00:00Z");
    let bearer = format!("Bearer {}", world.log_in("admin").await);
    let put = async |verb: &str| {
        let path = format!("/api/v2{path}/{verb}");
        world.ask(Method::PUT, &path, None, &[("authorization", &bearer)]).await.status.as_u16()
    };
    assert_eq!((put("pause").await, put("unpause").await, put("cancel").await), (409, 409, 409), "it has ended");
    let again = world.post("/backfills/dry_run", body("failed")).await.expect(200);
    assert_eq!(again["backfills"][0]["exception_reason"], "it has a run already");
    world.stop().await;
}

#[tokio::test]
async fn what_changed_between_versions_is_told_of_the_text_and_of_what_was_understood() {
    let world = World::create().await;
    let text = |command: &str| format!("dag_id: etl\n# a remark\ntasks:\n  - id: a\n    bash: {command}\n");
    world.dag(&text("one")).await;
    world.dag(&text("one").replace("# a remark", "# another remark")).await;
    assert_eq!(world.get("/dags/etl/dagVersions").await.expect(200)["total_entries"], 1, "a remark makes no version");
    world.dag(&text("two")).await;
    let diff = world.get("/dags/etl/diff").await.expect(200);
    assert_eq!((&diff["base"], &diff["version_number"]), (&json!(1), &json!(2)));
    let told = diff["diff"].as_str().expect("a diff");
    assert!(told.contains("-    bash: one\n+    bash: two\n"), "{told}");
    let normalized = world.get("/dags/etl/diff?normalized=true&base=2&version_number=1").await.expect(200);
    let told = normalized["diff"].as_str().expect("a diff");
    assert!(told.contains("\"two\"") && told.contains("--- etl v2\n+++ etl v1\n"), "{told}");
    assert_eq!(world.get("/dags/etl/diff?base=2").await.expect(200)["diff"], "");
    world.get("/dags/etl/diff?base=7").await.refused(404);
    world.get("/dags/no/diff").await.refused(404);
}
