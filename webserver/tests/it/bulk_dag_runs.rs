//! Several runs in one request.

use serde_json::{Value, json};

use crate::world::{ETL, World};

const MANUAL: &str = "{dag_id: manual, tasks: [{id: a, empty: {}}]}";

async fn with_runs() -> World {
    let world = World::create().await;
    world.dag(ETL).await;
    world.dag(MANUAL).await;
    for (dag_id, run_id) in [("etl", "a"), ("etl", "b"), ("manual", "a")] {
        world.trigger(dag_id, run_id).await;
    }
    world
}

async fn state(world: &World, dag_id: &str, run_id: &str) -> Value {
    world.get(&format!("/dags/{dag_id}/dagRuns/{run_id}")).await.expect(200)["state"].clone()
}

#[tokio::test]
async fn several_runs_are_marked_and_remarked_on() {
    let world = with_runs().await;
    let body = json!({"actions": [{"action": "update", "entities": [
        {"dag_run_id": "a", "state": "success", "note": "fine"},
        {"dag_run_id": "b", "state": "failed"},
        {"dag_run_id": "a", "dag_id": "manual", "note": "other"},
        {"dag_run_id": "b", "dag_id": "etl", "state": "failed"},
        {"dag_run_id": "b", "state": "running"},
        "a"]}]});
    let done = world.patch("/dags/etl/dagRuns", body).await.expect(200);
    assert_eq!(done["update"]["success"], json!(["etl.a"]));
    let errors = done["update"]["errors"].as_array().expect("a list");
    assert_eq!(
        errors.iter().map(|error| error["status_code"].clone()).collect::<Vec<_>>(),
        [400, 400, 422],
        "a name, another DAG, a state that nobody can give"
    );
    assert_eq!(done["create"], Value::Null);
    assert_eq!(state(&world, "etl", "a").await, "success");
    assert_eq!(state(&world, "etl", "b").await, "queued", "the last that was said of it counts");
    assert_eq!(world.get("/dags/manual/dagRuns/a").await.expect(200)["note"], Value::Null);
    let body = json!({"actions": [{"action": "update", "entities": [{"dag_run_id": "a", "note": ""}]}]});
    world.patch("/dags/etl/dagRuns", body).await.expect(200);
    assert_eq!(world.get("/dags/etl/dagRuns/a").await.expect(200)["note"], Value::Null);
}

#[tokio::test]
async fn several_runs_are_deleted_or_none_if_one_is_missing() {
    let world = with_runs().await;
    let delete = |entities: Value, mode: &str| json!({"actions": [{"action": "delete", "entities": entities, "action_on_non_existence": mode}]});
    let done = world.patch("/dags/etl/dagRuns", delete(json!(["a", "no"]), "fail")).await.expect(200);
    assert_eq!(
        done["delete"]["errors"][0]["error"],
        "The DagRuns with these identifiers: [('etl', 'no')] were not found"
    );
    let done = world.patch("/dags/etl/dagRuns", delete(json!(["no\0body"]), "skip")).await.expect(200);
    assert_eq!(done["delete"], json!({"success": [], "errors": []}));
    let done = world.patch("/dags/etl/dagRuns", delete(json!(["a", "no"]), "skip")).await.expect(200);
    assert_eq!(done["delete"], json!({"success": ["etl.a"], "errors": []}));
    let entities = json!(["b", {"dag_run_id": "a", "dag_id": "manual"}, {"dag_run_id": "b"}]);
    let done = world.patch("/dags/~/dagRuns", delete(entities, "fail")).await.expect(200);
    assert_eq!(done["delete"]["success"], json!(["manual.a"]));
    assert_eq!(done["delete"]["errors"].as_array().map(Vec::len), Some(2));
    world.database.execute("UPDATE dag_run SET state = 'running'").await;
    let done = world.patch("/dags/etl/dagRuns", delete(json!(["b"]), "fail")).await.expect(200);
    assert_eq!(done["delete"]["errors"][0]["status_code"], 409);
    let create = json!({"actions": [{"action": "create", "entities": [{"dag_run_id": "c"}]}]});
    let done = world.patch("/dags/etl/dagRuns", create).await.expect(200);
    assert_eq!(done["create"]["errors"][0]["status_code"], 405);
    world.patch("/dags/etl/dagRuns", json!({"actions": [{"action": "burn", "entities": []}]})).await.refused(422);
}

#[tokio::test]
async fn several_runs_are_cleared_all_or_none() {
    let world = with_runs().await;
    for (dag_id, run_id) in [("etl", "a"), ("etl", "b"), ("manual", "a")] {
        world.patch(&format!("/dags/{dag_id}/dagRuns/{run_id}"), json!({"state": "failed"})).await.expect(200);
    }
    let failed =
        "INSERT INTO task_instance (dag_run_id, task_index, state, max_tries) SELECT id, 0, 'failed', 0 FROM dag_run";
    world.database.execute(failed).await;
    let runs = json!([{"dag_run_id": "a"}, {"dag_run_id": "b"}, {"dag_run_id": "a"}]);
    let dry = world.post("/dags/etl/clearDagRuns", json!({"dag_runs": runs})).await.expect(200);
    assert_eq!(dry["total_entries"], 2);
    assert_eq!(state(&world, "etl", "a").await, "failed");
    let lost = json!({"dag_runs": [{"dag_run_id": "a"}, {"dag_run_id": "no"}], "dry_run": false});
    world.post("/dags/etl/clearDagRuns", lost).await.refused(404);
    assert_eq!(state(&world, "etl", "a").await, "failed", "none is cleared");
    let body = json!({"dag_runs": runs, "dry_run": false, "note": "again"});
    let done = world.post("/dags/etl/clearDagRuns", body).await.expect(200);
    assert_eq!(done["total_entries"], 2);
    assert_eq!((&done["dag_runs"][0]["state"], &done["dag_runs"][1]["note"]), (&json!("queued"), &json!("again")));
    let body = json!({"dag_runs": [{"dag_run_id": "a", "dag_id": "manual"}], "dry_run": false});
    world.post("/dags/~/clearDagRuns", body.clone()).await.expect(200);
    assert_eq!(state(&world, "manual", "a").await, "queued");
    world.post("/dags/etl/clearDagRuns", body).await.refused(400);
    world.post("/dags/~/clearDagRuns", json!({"dag_runs": [{"dag_run_id": "a"}]})).await.refused(400);
    world.post("/dags/etl/clearDagRuns", json!({})).await.refused(422);
    world.post("/dags/etl/clearDagRuns", json!({"partition_key": "x"})).await.refused(501);
    let both = json!({"dag_runs": [{"dag_run_id": "a"}], "only_new": true, "only_failed": true});
    world.post("/dags/etl/clearDagRuns", both).await.refused(422);
}
