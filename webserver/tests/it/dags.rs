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
    world.post("/dags/etl/favorite", json!({})).await;
    let cases: [(&str, &[&str]); 36] = [
        ("", &["etl", "manual"]),
        ("?owners=B&owners=zoe", &["manual"]),
        ("?owners=%25", &[]),
        ("?dag_id_prefix_pattern=et", &["etl"]),
        ("?dag_id_prefix_pattern=ET", &[]),
        ("?dag_id_prefix_pattern=_tl", &[]),
        ("?dag_id_prefix_pattern=et|man", &["etl", "manual"]),
        ("?dag_display_name_pattern=TL&dag_display_name_prefix_pattern=e", &["etl"]),
        ("?dag_run_state=queued&dag_run_state=failed", &["manual"]),
        ("?dag_run_state=queued&last_dag_run_state=failed", &[]),
        ("?dag_run_start_date_gte=2000-01-01", &[]),
        ("?dag_run_end_date_lt=2100-01-01", &[]),
        ("?bundle_name=dags", &[]),
        ("?bundle_version=1", &[]),
        ("?is_favorite=true", &["etl"]),
        ("?is_favorite=false", &["manual"]),
        ("?has_asset_schedule=true", &[]),
        ("?has_asset_schedule=false", &["etl", "manual"]),
        ("?asset_dependency=s3", &[]),
        ("?timetable_type=airflow.timetables.simple.NullTimetable", &["manual"]),
        ("?timetable_type=airflow.timetables.interval.CronDataIntervalTimetable", &["etl"]),
        ("?timetable_type=mine.Timetable", &[]),
        ("?tags=&owners=&dag_id_pattern=~", &["etl", "manual"]),
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
    assert_eq!(world.get("/dags/etl/dagVersions?bundle_name=b").await.expect(200)["total_entries"], 0);
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
    for (filter, total) in [
        ("filename_pattern=good", 0),
        ("filename=team/bad.yaml", 1),
        ("filename=bad.yaml", 0),
        ("filename_prefix_pattern=other|team/", 1),
        ("filename_prefix_pattern=Team/", 0),
        ("bundle_name=dags-folder", 0),
    ] {
        let found = world.get(&format!("/importErrors?{filter}")).await.expect(200);
        assert_eq!(found["total_entries"], total, "{filter}");
    }
}

#[tokio::test]
async fn dags_are_found_by_the_assets_that_schedule_them() {
    let world = World::create().await;
    world.dag("{dag_id: a, schedule: {assets: ['s3://lake/Raw_1']}, tasks: [{id: a, empty: {}}]}").await;
    world.dag(MANUAL).await;
    assert_eq!(ids(&world, "?has_asset_schedule=true").await, ["a"]);
    assert_eq!(ids(&world, "?asset_dependency=raw_").await, ["a"]);
    assert!(ids(&world, "?asset_dependency=rawx").await.is_empty());
    assert_eq!(ids(&world, "?timetable_type=airflow.timetables.simple.AssetTriggeredTimetable").await, ["a"]);
}

#[tokio::test]
async fn many_dags_are_paused_by_a_pattern_and_none_without_one() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.dag(MANUAL).await;
    let none = world.patch("/dags?tags=team-a", json!({"is_paused": true})).await.expect(200);
    assert_eq!(none, json!({"dags": [], "total_entries": 0}));
    let changed = world.patch("/dags?dag_id_pattern=~&paused=false&limit=1", json!({"is_paused": true})).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["total_entries"], &changed["dags"][0]["is_paused"]), (&json!(2), &json!(true)));
    assert_eq!(ids(&world, "?paused=true").await, ["etl", "manual"]);
    world.patch("/dags?dag_id_prefix_pattern=man", json!({"is_paused": false})).await.expect(200);
    assert_eq!(ids(&world, "?paused=false").await, ["manual"]);
    world.patch("/dags?dag_id_pattern=~&update_mask=owners", json!({"is_paused": false})).await.refused(400);
    world.patch("/dags?dag_id_pattern=~", json!({})).await.refused(422);
}

#[tokio::test]
async fn a_favorite_is_marked_once_and_taken_back_once() {
    let world = World::create().await;
    world.dag(ETL).await;
    assert_eq!(world.post("/dags/etl/favorite", json!({})).await.status.as_u16(), 204);
    assert_eq!(world.get("/dags/etl/details").await.expect(200)["is_favorite"], true);
    let again = world.post("/dags/etl/favorite", json!({})).await.refused(409);
    assert_eq!(again["reason"], "Unique constraint violation");
    assert_eq!(world.post("/dags/etl/unfavorite", json!({})).await.status.as_u16(), 204);
    assert_eq!(world.get("/dags/etl/details").await.expect(200)["is_favorite"], false);
    assert_eq!(world.post("/dags/etl/unfavorite", json!({})).await.refused(409), "Dag is not marked as favorite");
    for verb in ["favorite", "unfavorite"] {
        world.post(&format!("/dags/no/{verb}"), json!({})).await.refused(404);
    }
}

#[tokio::test]
async fn a_dag_is_deleted_with_its_logs_and_comes_back_when_its_file_is_read() {
    let mut world = World::create().await;
    world.dag(ETL).await;
    world.trigger("etl", "r1").await;
    let log = world.path("logs/dag_id=etl/run_id=r1/task_id=extract/attempt=1.log");
    std::fs::create_dir_all(log.parent().expect("a folder")).expect("the folder");
    std::fs::write(&log, "").expect("the log");
    assert_eq!(world.delete("/dags/etl").await.status.as_u16(), 204);
    assert!(!world.path("logs/dag_id=etl").exists());
    assert_eq!(std::fs::read_dir(world.path("logs")).expect("the folder").count(), 0, "nothing is left of it");
    world.get("/dags/etl").await.refused(404);
    world.delete("/dags/etl").await.refused(404);
    world.schedule();
    world.until("/dags?dag_id_pattern=etl", |page| page["total_entries"] == 1).await;
    assert_eq!(world.get("/dags/etl/dagRuns?run_type=manual").await.expect(200)["total_entries"], 0);
    world.stop().await;
}

#[tokio::test]
async fn a_scheduler_forgets_a_dag_that_is_deleted_and_takes_up_the_one_that_comes_back() {
    let mut world = World::create().await;
    world.dag(MANUAL).await;
    world.schedule();
    world.trigger("manual", "r1").await;
    world.until("/dags/manual/dagRuns/r1", |run| run["state"] == "success").await;
    let first = world.get("/dags/manual/details").await.expect(200)["latest_dag_version"]["id"].clone();
    assert_eq!(world.delete("/dags/manual").await.status.as_u16(), 204);
    world.until("/dags?dag_id_pattern=manual", |page| page["total_entries"] == 1).await;
    let second = world.get("/dags/manual/details").await.expect(200)["latest_dag_version"]["id"].clone();
    assert_ne!(first, second);
    world.trigger("manual", "r1").await;
    world.until("/dags/manual/dagRuns/r1", |run| run["state"] == "success").await;
    world.stop().await;
}

#[tokio::test]
async fn a_file_is_read_again_when_somebody_asks() {
    let mut world = World::create().await;
    world.dag(ETL).await;
    let token = world.get("/dags/etl").await.expect(200)["file_token"].as_str().expect("a token").to_owned();
    let parsed = world.get("/dags/etl").await.expect(200)["last_parsed_time"].clone();
    let answer = world.put(&format!("/parseDagFile/{token}"), json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, Value::Null));
    world.put("/parseDagFile/no.yaml", json!({})).await.refused(404);
    world.schedule();
    world.until("/dags/etl", |dag| dag["last_parsed_time"] != parsed).await;
    let parsed = world.get("/dags/etl").await.expect(200)["last_parsed_time"].clone();
    world.put(&format!("/parseDagFile/{token}"), json!({})).await.expect(201);
    world.until("/dags/etl", |dag| dag["last_parsed_time"] != parsed).await;
    world.stop().await;
}

#[tokio::test]
async fn tags_are_listed_once_and_runs_counted_by_state() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.dag(MANUAL).await;
    assert_eq!(world.get("/dagTags").await.expect(200), json!({"tags": ["daily", "team-a"], "total_entries": 2}));
    let page = world.get("/dagTags?tag_name_pattern=TEAM&order_by=-name").await.expect(200);
    assert_eq!(page["tags"], json!(["team-a"]));
    assert_eq!(world.get("/dagTags?tag_name_prefix_pattern=T").await.expect(200)["tags"], json!([]));
    assert_eq!(world.get("/dagTags?limit=1&order_by=-name").await.expect(200)["tags"], json!(["team-a"]));
    world.get("/dagTags?order_by=dag_id").await.refused(400);

    assert_eq!(world.get("/dagStats").await.expect(200), json!({"dags": [], "total_entries": 0}));
    for run_id in ["r1", "r2", "r3"] {
        world.trigger("etl", run_id).await;
    }
    world.patch("/dags/etl/dagRuns/r1", json!({"state": "failed"})).await.expect(200);
    let stats = json!([{"state": "queued", "count": 2}, {"state": "running", "count": 0},
        {"state": "success", "count": 0}, {"state": "failed", "count": 1}]);
    let etl = json!({"dag_id": "etl", "dag_display_name": "etl", "stats": stats});
    assert_eq!(world.get("/dagStats").await.expect(200), json!({"dags": [etl], "total_entries": 1}));
    assert_eq!(world.get("/dagStats?dag_ids=manual&dag_ids=no").await.expect(200)["total_entries"], 0);
}

#[tokio::test]
async fn there_are_no_warnings_only_refusals() {
    let world = World::create().await;
    let none = json!({"dag_warnings": [], "total_entries": 0});
    let query = "?warning_type=asset%20conflict&dag_id=etl&order_by=-timestamp";
    assert_eq!(world.get(&format!("/dagWarnings{query}")).await.expect(200), none);
    world.get("/dagWarnings?warning_type=other").await.refused(422);
    world.get("/dagWarnings?order_by=other").await.refused(400);
}
