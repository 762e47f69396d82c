//! Pages, filters and orders of lists.

use serde_json::{Value, json};

use crate::world::{ETL, World};

fn run_ids(page: &Value) -> Vec<&str> {
    page["dag_runs"].as_array().expect("a list").iter().filter_map(|run| run["dag_run_id"].as_str()).collect()
}

async fn with_runs() -> World {
    let world = World::create().await;
    world.dag(ETL).await;
    for (run_id, date) in [("a", "2026-01-01"), ("b", "2026-01-02"), ("c", "2026-01-03")] {
        let body = json!({"dag_run_id": run_id, "logical_date": format!("{date}T00:00:00Z"),
            "run_after": format!("{date}T06:00:00Z")});
        world.post("/dags/etl/dagRuns", body).await.expect(200);
    }
    world.patch("/dags/etl/dagRuns/b", json!({"state": "success"})).await.expect(200);
    world
}

#[tokio::test]
async fn runs_are_listed_by_what_they_are() {
    let world = with_runs().await;
    let cases: [(&str, &[&str]); 18] = [
        ("", &["a", "b", "c"]),
        ("?state=success", &["b"]),
        ("?state=success&state=queued", &["a", "b", "c"]),
        ("?run_type=scheduled", &[]),
        ("?order_by=-id", &["c", "b", "a"]),
        ("?order_by=-state&order_by=-run_id", &["b", "c", "a"]),
        ("?logical_date_gte=2026-01-02&order_by=logical_date", &["b", "c"]),
        ("?logical_date_gt=2026-01-02T00:00:00%2B00:00", &["c"]),
        ("?logical_date_lte=2026-01-02T00:00:00Z&logical_date_gte=2026-01-02T00:00:00Z", &["b"]),
        ("?run_after_lt=2026-01-02T06:00:00Z", &["a"]),
        ("?end_date_gte=2026-01-01", &["b"]),
        ("?run_id_pattern=B", &["b"]),
        ("?dag_version=1&limit=1", &["a"]),
        ("?dag_version=2", &[]),
        ("?consuming_asset_pattern=s3", &[]),
        ("?bundle_version=1", &[]),
        ("?partition_key_pattern=~", &[]),
        ("?updated_at_lte=2020-01-01&order_by=duration", &[]),
    ];
    for (query, expected) in cases {
        for dag_id in ["etl", "~"] {
            let page = world.get(&format!("/dags/{dag_id}/dagRuns{query}")).await.expect(200);
            assert_eq!(run_ids(&page), expected, "{dag_id} {query}");
        }
    }
    for dag_id in ["etl", "~"] {
        world.get(&format!("/dags/{dag_id}/dagRuns?partition_date_gte=2026-01-01")).await.refused(400);
    }
    world.get("/dags/no/dagRuns?partition_date_lte=2026-01-01").await.refused(404);
}

#[tokio::test]
async fn a_page_says_how_many_there_are_on_all() {
    let world = with_runs().await;
    let page = world.get("/dags/etl/dagRuns?limit=1&offset=1").await.expect(200);
    assert_eq!((run_ids(&page), &page["total_entries"]), (vec!["b"], &json!(3)));
    let beyond = world.get("/dags/etl/dagRuns?offset=10").await.expect(200);
    assert_eq!((run_ids(&beyond).len(), &beyond["total_entries"]), (0, &json!(3)));
    assert!(run_ids(&world.get("/dags/etl/dagRuns?limit=0").await.expect(200)).is_empty());
    world.get("/dags/etl/dagRuns?limit=100000").await.expect(200);
}

#[tokio::test]
async fn every_list_refuses_an_order_and_a_page_that_it_does_not_know() {
    let world = with_runs().await;
    let lists = [
        "/dags",
        "/dagTags",
        "/dagWarnings",
        "/dags/etl/dagRuns",
        "/dags/etl/dagVersions",
        "/importErrors",
        "/dags/etl/dagRuns/a/taskInstances",
        "/dags/etl/dagRuns/a/taskInstances/~/xcomEntries",
    ];
    for list in lists {
        let order = world.get(&format!("{list}?order_by=-nonsense")).await.refused(400);
        assert!(order.as_str().is_some_and(|text| text.contains("`nonsense`")), "{order}");
        let limit = world.get(&format!("{list}?limit=-1")).await.refused(422);
        assert_eq!(limit[0]["loc"], json!(["query", "limit"]), "{list}");
        assert!(world.get(&format!("{list}?offset=0&limit=5&unknown=1")).await.status.is_success(), "{list}");
    }
}

#[tokio::test]
async fn every_allowed_order_is_one_the_database_can_carry_out() {
    let world = with_runs().await;
    let lists = [
        "/dags",
        "/dagTags",
        "/dagWarnings",
        "/dags/etl/dagRuns",
        "/dags/etl/dagVersions",
        "/importErrors",
        "/dags/etl/dagRuns/a/taskInstances",
        "/dags/etl/dagRuns/a/taskInstances/~/xcomEntries",
    ];
    for list in lists {
        let refusal = world.get(&format!("{list}?order_by=nonsense")).await.refused(400);
        let possible =
            refusal.as_str().and_then(|text| text.split("possible are ").nth(1)).expect("the list").to_owned();
        for field in possible.split(", ") {
            world.get(&format!("{list}?order_by={field}&order_by=-{field}")).await.expect(200);
        }
    }
}

#[tokio::test]
async fn wrong_values_of_filters_are_refused_with_their_place() {
    let world = with_runs().await;
    let cases = [
        ("/dags?paused=maybe", "paused"),
        ("/dags?tags_match_mode=some", "tags_match_mode"),
        ("/dags?last_dag_run_state=skipped", "last_dag_run_state"),
        ("/dags?dag_run_state=skipped", "dag_run_state"),
        ("/dags?dag_run_end_date_gt=soon", "dag_run_end_date_gt"),
        ("/dags/etl/dagRuns?state=nonsense", "state"),
        ("/dags/etl/dagRuns?run_type=nonsense", "run_type"),
        ("/dags/etl/dagRuns?start_date_gte=soon", "start_date_gte"),
        ("/dags/etl/dagRuns?duration_gte=long", "duration_gte"),
        ("/dags/etl/dagRuns/a/taskInstances?state=nonsense", "state"),
        ("/dags/etl/dagRuns/a/wait?interval=0", "interval"),
    ];
    for (path, name) in cases {
        assert_eq!(world.get(path).await.refused(422)[0]["loc"], json!(["query", name]), "{path}");
    }
}
