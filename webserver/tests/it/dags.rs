//! DAGs, their versions and their files.

use serde_json::{Value, json};

use crate::world::{ETL, World};

const MANUAL: &str = "{dag_id: manual, owner: bob, tags: [team-a], tasks: [{id: a, empty: {}}]}";

async fn ids(world: &World, query: &str) -> Vec<String> {
    let page = world.get(&format!("/dags{query}")).await.expect(200);
    let dags = page["dags"].as_array().expect("a list").iter();
    dags.map(|dag| dag["dag_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn dags_are_listed_by_what_they_are() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.dag(MANUAL).await;
    world.trigger("manual", "r1").await;
    world.patch("/dags/manual", json!({"is_paused": true})).await.expect(200);
    let cases: [(&str, &[&str]); 14] = [
        ("", &["etl", "manual"]),
        ("?tags=daily&tags=team-a", &["etl", "manual"]),
        ("?tags=daily&tags=team-a&tags_match_mode=all", &["etl"]),
        ("?owners=bob", &["manual"]),
        ("?dag_id_pattern=MAN", &["manual"]),
        ("?dag_id_pattern=e%25l|zzz", &["etl"]),
        ("?paused=true", &["manual"]),
        ("?paused=False", &["etl"]),
        ("?has_import_errors=true", &[]),
        ("?last_dag_run_state=queued", &["manual"]),
        ("?last_dag_run_state=failed", &[]),
        ("?order_by=-dag_id", &["manual", "etl"]),
        ("?order_by=-last_run_start_date&order_by=dag_id", &["etl", "manual"]),
        ("?limit=1&offset=1", &["manual"]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&world, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_leaves_a_stale_dag_that_is_only_listed_on_demand() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.database.store().mark_files_gone(&["etl.yaml".to_owned()]).await.expect("marked");
    assert!(ids(&world, "").await.is_empty());
    assert_eq!(ids(&world, "?exclude_stale=false").await, ["etl"]);
    assert_eq!(world.get("/dags/etl").await.expect(200)["is_stale"], true);
    world.post("/dags/etl/dagRuns", json!({})).await.refused(404);
}

#[tokio::test]
async fn a_dag_has_what_airflows_has() {
    let world = World::create().await;
    world.dag(ETL).await;
    let dag = world.get("/dags/etl").await.expect(200);
    let expected = json!({"timetable_summary": "0 6 * * *", "owners": ["ada"], "max_active_tasks": 16,
        "description": "Extract and load", "relative_fileloc": "etl.yaml", "is_paused": false,
        "tags": [{"name": "daily", "dag_id": "etl", "dag_display_name": "etl"},
                 {"name": "team-a", "dag_id": "etl", "dag_display_name": "etl"}]});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&dag[field], value, "{field}");
    }
    let details = world.get("/dags/etl/details").await.expect(200);
    assert_eq!(details["dag_run_timeout"], "PT2H");
    assert_eq!(details["params"]["top_k"]["value"], 10);
    assert_eq!(details["params"]["top_k"]["schema"]["minimum"], 1);
    assert_eq!(details["latest_dag_version"]["version_number"], 1);
    assert_eq!(details["start_date"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_dag_says_which_limits_it_has() {
    let world = World::create().await;
    for (id, limit, expected) in [
        ("free", "", false),
        ("per_dag", ", max_active_tis_per_dag: 2", true),
        ("per_run", ", max_active_tis_per_dagrun: 2", true),
    ] {
        let text = format!(
            "dag_id: {id}\nmax_consecutive_failed_dag_runs: 3\ntasks: [{{id: a, bash: 'true'}}, {{id: b, bash: 'true'{limit}}}]\n"
        );
        world.dag(&text).await;
        let dag = world.get(&format!("/dags/{id}")).await.expect(200);
        assert_eq!(dag["has_task_concurrency_limits"], expected, "{id}");
        assert_eq!(dag["max_consecutive_failed_dag_runs"], 3, "{id}");
    }
}

#[tokio::test]
async fn a_dag_that_does_not_exist_is_refused_everywhere() {
    let world = World::create().await;
    let refusal = "The Dag with ID: `no` was not found";
    for path in ["", "/details", "/dagRuns", "/dagVersions", "/dagRuns/~/taskInstances"] {
        assert_eq!(world.get(&format!("/dags/no{path}")).await.refused(404), refusal, "{path}");
    }
    assert_eq!(world.get("/dagSources/no").await.refused(404), refusal);
    assert_eq!(world.patch("/dags/no", json!({"is_paused": true})).await.refused(404), refusal);
    assert_eq!(world.post("/dags/no/dagRuns", json!({})).await.refused(404), refusal);
    assert_eq!(world.post("/dags/no/clearTaskInstances", json!({"dag_run_id": "r"})).await.refused(404), refusal);
}

#[tokio::test]
async fn pausing_changes_only_that() {
    let world = World::create().await;
    world.dag(ETL).await;
    let paused = world.patch("/dags/etl?update_mask=is_paused", json!({"is_paused": true})).await.expect(200);
    assert_eq!(paused["is_paused"], true);
    world.patch("/dags/etl?update_mask=owners", json!({"is_paused": false})).await.refused(400);
    let extra = world.patch("/dags/etl", json!({"is_paused": false, "owner": "x"})).await.refused(422);
    assert_eq!((&extra[0]["type"], &extra[0]["loc"]), (&json!("extra_forbidden"), &json!(["body", "owner"])));
    assert_eq!(world.get("/dags/etl").await.expect(200)["is_paused"], true);
}

#[tokio::test]
async fn each_change_of_a_file_is_a_version_with_its_source() {
    let world = World::create().await;
    world.dag(ETL).await;
    let changed = ETL.replace("echo loaded", "echo changed");
    world.dag(&changed).await;
    let versions = world.get("/dags/etl/dagVersions?order_by=-version_number").await.expect(200);
    let numbers: Vec<_> =
        versions["dag_versions"].as_array().expect("a list").iter().map(|v| &v["version_number"]).collect();
    assert_eq!((numbers, &versions["total_entries"]), (vec![&json!(2), &json!(1)], &json!(2)));
    assert_eq!(world.get("/dags/etl/dagVersions/1").await.expect(200)["version_number"], 1);
    assert!(world.get("/dags/etl/dagVersions/3").await.refused(404).as_str().is_some_and(|text| text.contains("`3`")));
    world.get("/dags/etl/dagVersions/x").await.refused(422);
    let source = world.get("/dagSources/etl").await.expect(200);
    assert_eq!((&source["content"], &source["version_number"]), (&json!(changed), &json!(2)));
    let first = world.get_as("/dagSources/etl?version_number=1", "text/plain").await;
    assert_eq!((first.text.as_str(), first.status.as_u16()), (ETL, 200));
    world.get("/dagSources/etl?version_number=9").await.refused(404);
}

#[tokio::test]
async fn the_next_runs_of_a_schedule_can_be_skipped() {
    let world = World::create().await;
    world.dag(ETL).await;
    let none = json!({"dag_id": "etl", "count": 0, "skipped": []});
    assert_eq!(world.get("/dags/etl/skipNext").await.expect(200), none);
    let two = world.put("/dags/etl/skipNext", json!({"count": 2})).await.expect(200);
    assert_eq!(two["count"], 2);
    assert_eq!(world.get("/dags/etl/skipNext").await.expect(200), two);
    assert_eq!(world.put("/dags/etl/skipNext", json!({"count": 0})).await.expect(200), none);
    world.put("/dags/etl/skipNext", json!({"count": 1001})).await.refused(400);
    world.put("/dags/etl/skipNext", json!({"count": -1})).await.refused(422);
    world.put("/dags/no/skipNext", json!({"count": 1})).await.refused(404);
    world.get("/dags/no/skipNext").await.refused(404);
}

#[tokio::test]
async fn refused_files_are_listed_with_what_is_wrong() {
    let world = World::create().await;
    let error = store::import_error::NewImportError {
        filename: "team/bad.yaml",
        dag_id: None,
        stack_trace: "team/bad.yaml:1:1: no",
        problems: &[],
    };
    world
        .database
        .store()
        .record_import_error(&error, "2026-01-01T00:00:00Z".parse().expect("an instant"))
        .await
        .expect("kept");
    let page = world.get("/importErrors?filename_pattern=BAD&order_by=-timestamp").await.expect(200);
    let first = &page["import_errors"][0];
    assert_eq!((&first["filename"], &first["stack_trace"]), (&json!("team/bad.yaml"), &json!("team/bad.yaml:1:1: no")));
    let same: Value = world.get(&format!("/importErrors/{}", first["import_error_id"])).await.expect(200);
    assert_eq!(&same, first);
    world.get("/importErrors/999").await.refused(404);
    world.get("/importErrors/x").await.refused(422);
    assert_eq!(world.get("/importErrors?filename_pattern=good").await.expect(200)["total_entries"], 0);
}
