//! Runs that nothing schedules: triggering, marking, remarks, lists.

use serde_json::{Value, json};

use crate::world::{ETL, World};

#[tokio::test]
async fn a_run_without_a_date_is_named_after_the_time_it_may_start() {
    let world = World::create().await;
    world.dag(ETL).await;
    let run = world.post("/dags/etl/dagRuns", json!({"conf": {"top_k": 3}, "note": "by hand"})).await.expect(200);
    assert_eq!(
        (&run["logical_date"], &run["state"], &run["run_type"]),
        (&Value::Null, &json!("queued"), &json!("manual"))
    );
    assert_eq!((&run["conf"], &run["note"]), (&json!({"top_k": 3}), &json!("by hand")));
    assert_eq!((&run["triggered_by"], &run["triggering_user_name"]), (&json!("rest_api"), &json!("admin")));
    let at = run["run_after"].as_str().expect("a time").trim_end_matches('Z');
    assert!(run["dag_run_id"].as_str().expect("an id").starts_with(&format!("manual__{}", &at[..19])));
    assert_eq!(run["dag_versions"][0]["version_number"], 1);
    let path = format!("/dags/etl/dagRuns/{}", run["dag_run_id"].as_str().expect("an id").replace('+', "%2B"));
    assert_eq!(world.get(&path).await.expect(200), run);
}

#[tokio::test]
async fn dates_and_intervals_are_taken_as_given_or_from_the_timetable() {
    let world = World::create().await;
    world.dag(ETL).await;
    let dated = json!({"logical_date": "2026-02-03T12:00:00Z", "run_after": "2030-01-01T00:00:00+09:00"});
    let run = world.post("/dags/etl/dagRuns", dated).await.expect(200);
    assert_eq!(run["dag_run_id"], "manual__2026-02-03T12:00:00+00:00");
    assert_eq!(run["data_interval_start"], "2026-02-02T06:00:00Z");
    assert_eq!(
        (&run["data_interval_end"], &run["run_after"]),
        (&json!("2026-02-03T06:00:00Z"), &json!("2029-12-31T15:00:00Z"))
    );
    let interval = json!({"data_interval_start": "2026-01-01T00:00:00Z", "data_interval_end": "2026-01-05T00:00:00Z"});
    let run = world.post("/dags/etl/dagRuns", interval).await.expect(200);
    assert_eq!(run["data_interval_end"], "2026-01-05T00:00:00Z");
    let half = json!({"data_interval_start": "2026-01-01T00:00:00Z"});
    world.post("/dags/etl/dagRuns", half).await.refused(422);
    let backwards = json!({"data_interval_start": "2026-01-05T00:00:00Z", "data_interval_end": "2026-01-01T00:00:00Z"});
    world.post("/dags/etl/dagRuns", backwards).await.refused(400);
}

#[tokio::test]
async fn a_run_is_refused_with_the_place_of_what_is_wrong() {
    let world = World::create().await;
    world.dag(ETL).await;
    let conf = world.post("/dags/etl/dagRuns", json!({"conf": {"top_k": 0}})).await.refused(400);
    assert!(conf.as_str().is_some_and(|text| text.starts_with("top_k: ")), "{conf}");
    let date = world.post("/dags/etl/dagRuns", json!({"logical_date": "soon"})).await.refused(422);
    assert_eq!(date[0]["loc"], json!(["body", "logical_date"]));
    world.post("/dags/etl/dagRuns", json!({"conf": [1]})).await.refused(422);
    for run_id in ["", "a/b", "a b", "a\u{0}", &"x".repeat(251)] {
        world.post("/dags/etl/dagRuns", json!({"dag_run_id": run_id})).await.refused(400);
    }
    world.post("/dags/etl/dagRuns", json!({"note": "a\u{0}"})).await.refused(400);
    world.post("/dags/etl/dagRuns", json!({"partition_key": "x"})).await.refused(501);
    assert_eq!(world.get("/dags/etl/dagRuns").await.expect(200)["total_entries"], 0);
}

#[tokio::test]
async fn a_name_or_a_date_that_exists_is_a_conflict() {
    let world = World::create().await;
    world.dag(ETL).await;
    let run = json!({"dag_run_id": "r1", "logical_date": "2026-01-01T00:00:00Z"});
    world.post("/dags/etl/dagRuns", run.clone()).await.expect(200);
    for again in [run, json!({"dag_run_id": "r2", "logical_date": "2026-01-01T00:00:00Z"})] {
        let detail = world.post("/dags/etl/dagRuns", again).await.refused(409);
        assert_eq!(detail["reason"], "Unique constraint violation");
        assert!(detail["message"].as_str().is_some_and(|text| text.contains("already has a run")));
    }
}

#[tokio::test]
async fn a_run_that_does_not_exist_is_refused_everywhere() {
    let world = World::create().await;
    world.dag(ETL).await;
    let refusal = "The DagRun with dag_id: `etl` and run_id: `no` was not found";
    for path in ["", "/taskInstances", "/wait", "/waiting", "/taskInstances/~/xcomEntries"] {
        assert_eq!(world.get(&format!("/dags/etl/dagRuns/no{path}")).await.refused(404), refusal, "{path}");
    }
    assert_eq!(world.patch("/dags/etl/dagRuns/no", json!({"note": "x"})).await.refused(404), refusal);
    assert_eq!(world.patch("/dags/etl/dagRuns/no", json!({"state": "failed"})).await.refused(404), refusal);
    assert_eq!(world.post("/dags/etl/dagRuns/no/cancel", json!({})).await.refused(404), refusal);
    assert_eq!(world.post("/dags/etl/dagRuns/no/clear", json!({})).await.refused(404), refusal);
    world.post("/dags/etl/clearTaskInstances", json!({"dag_run_id": "no"})).await.refused(404);
    let task = "The Task Instance with dag_id: `etl`, run_id: `no` and task_id: `extract` was not found";
    for path in ["", "/tries", "/logs/1"] {
        let path = format!("/dags/etl/dagRuns/no/taskInstances/extract{path}");
        assert_eq!(world.get(&path).await.refused(404), task, "{path}");
    }
    world.get("/dags/etl/dagRuns/no/taskInstances/extract/xcomEntries/k").await.refused(404);
}

#[tokio::test]
async fn a_person_may_say_how_a_run_ended_and_remark_on_it() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.trigger("etl", "r1").await;
    let run = world.patch("/dags/etl/dagRuns/r1", json!({"state": "success", "note": "fine"})).await.expect(200);
    assert_eq!((&run["state"], &run["note"]), (&json!("success"), &json!("fine")));
    assert!(run["end_date"].is_string());
    let masked = "/dags/etl/dagRuns/r1?update_mask=note";
    let run = world.patch(masked, json!({"state": "failed", "note": null})).await.expect(200);
    assert_eq!((&run["state"], &run["note"]), (&json!("success"), &Value::Null));
    let both = json!({"only_new": true, "only_failed": true});
    world.post("/dags/etl/dagRuns/r1/clear", both).await.refused(422);
    assert_eq!(world.patch("/dags/etl/dagRuns/r1", json!({"state": "failed"})).await.expect(200)["state"], "failed");
    let wrong = world.patch("/dags/etl/dagRuns/r1", json!({"state": "running"})).await.refused(422);
    assert_eq!(wrong[0]["loc"], json!(["body", "state"]));
    world.patch("/dags/etl/dagRuns/r1?update_mask=conf", json!({})).await.refused(400);
    world.patch("/dags/etl/dagRuns/r1", json!({"note": "x".repeat(1001)})).await.refused(400);
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.trigger("etl", "r1").await;
    assert_eq!(world.post("/dags/etl/dagRuns/r1/cancel", json!({})).await.expect(200)["state"], "failed");
    let reason = world.get("/dags/etl/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(reason["reason"], "cancelled by admin");
    world.post("/dags/etl/dagRuns/r1/cancel", json!({})).await.refused(409);
}

#[tokio::test]
async fn a_queued_run_says_what_it_waits_for() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.post("/dags/etl/dagRuns", json!({"dag_run_id": "r1", "run_after": "2100-01-01T00:00:00Z"})).await.expect(200);
    let waiting = world.get("/dags/etl/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(waiting["dag_run"], json!({"kind": "run_after", "at": "2100-01-01T00:00:00Z"}));
    assert_eq!(waiting["reason"], "it starts at 2100-01-01T00:00:00Z");
    world.patch("/dags/etl", json!({"is_paused": true})).await.expect(200);
    let waiting = world.get("/dags/etl/dagRuns/r1/waiting").await.expect(200);
    assert_eq!(waiting["dag_run"], json!({"kind": "paused"}));
}

#[tokio::test]
async fn what_is_cleared_must_exist_and_be_said_in_one_way() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.trigger("etl", "r1").await;
    let clear = async |body| world.post("/dags/etl/clearTaskInstances", body).await;
    let past = clear(json!({"dag_run_id": "r1", "include_past": true})).await.refused(400);
    assert_eq!(past, "run `r1` has no logical date, so no run is earlier or later");
    let both = json!({"dag_run_id": "r1", "start_date": "2026-01-01T00:00:00Z"});
    assert!(clear(both).await.refused(400).to_string().contains("Exactly one of dag_run_id"));
    assert_eq!(clear(json!({})).await.expect(200)["total_entries"], 0);
    clear(json!({"dag_run_id": "r1", "task_ids": ["no"]})).await.refused(404);
    clear(json!({"dag_run_id": "r1", "task_ids": [1]})).await.refused(422);
}

#[tokio::test]
async fn a_run_is_deleted_with_its_logs_unless_it_is_running() {
    let mut world = World::create().await;
    world.dag("{dag_id: slow, tasks: [{id: a, bash: 'sleep 600'}]}").await;
    world.trigger("slow", "r1").await;
    let logs = world.path("logs/dag_id=slow/run_id=r1");
    std::fs::create_dir_all(&logs).expect("the folder");
    assert_eq!(world.delete("/dags/slow/dagRuns/r1").await.status.as_u16(), 204);
    assert!(!logs.exists());
    world.get("/dags/slow/dagRuns/r1").await.refused(404);
    let refusal = "The DagRun with dag_id: `slow` and run_id: `r1` was not found";
    assert_eq!(world.delete("/dags/slow/dagRuns/r1").await.refused(404), refusal);
    world.schedule();
    world.trigger("slow", "r2").await;
    let tasks = "/dags/slow/dagRuns/r2/taskInstances";
    world.until(tasks, |page| page["task_instances"][0]["state"] == "running").await;
    let refusal = "The DagRun with dag_id: `slow` and run_id: `r2` cannot be deleted in running state";
    assert_eq!(world.delete("/dags/slow/dagRuns/r2").await.refused(409), refusal);
    assert_eq!(
        world.delete("/dags/slow").await.refused(409),
        "Task instances of dag with id: 'slow' are still running"
    );
    world.post("/dags/slow/dagRuns/r2/cancel", json!({})).await.expect(200);
    assert_eq!(world.delete("/dags/slow/dagRuns/r2").await.status.as_u16(), 204);
    assert_eq!(world.get("/dags/slow/dagRuns").await.expect(200)["total_entries"], 0);
    world.stop().await;
}
