//! What a list costs: its page, and where that does not say it, how many there are.

use serde_json::json;
use store::testing::statements::Statements;

use crate::world::World;

/// The names of those since the last time, without those that look who asks.
fn taken(statements: &Statements) -> Vec<String> {
    let of_access = |name: &String| name.starts_with("access_token.") || name.starts_with("account.");
    statements.take().into_iter().map(|sent| sent.name).filter(|name| !of_access(name)).collect()
}

/// The lists of the document that `r1` of `d` has something in, or that need nothing.
async fn lists(world: &World) -> Vec<String> {
    let document = world.ask(axum::http::Method::GET, "/openapi.json", None, &[]).await.expect(200);
    let mut lists = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let has_limit = parameters.clone().any(|parameter| parameter["name"] == "limit" && parameter["in"] == "query");
        if has_limit {
            let filled = path.trim_start_matches("/api/v2").replace("{dag_id}", "d").replace("{dag_run_id}", "r1");
            // What is left is a number that names nothing: who lists what is of it says so.
            lists.push(filled.replace("{task_id}", "t").replace("{backfill_id}", "1").replace("{asset_id}", "1"));
        }
    }
    lists
}

/// What the program knows by itself.
const CONSTANT: [&str; 4] = ["/dagWarnings", "/plugins", "/plugins/importErrors", "/providers"];

#[tokio::test]
async fn a_list_costs_at_most_two_statements_whatever_its_size() {
    let statements = Statements::default();
    let _guard = tracing::subscriber::set_default(statements.clone());
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: t, empty: {}}]}").await;
    for number in 1..=3 {
        world.trigger("d", &format!("r{number}")).await;
        let key = json!({"key": format!("k{number}"), "value": 1});
        world.post(&format!("/dags/d/dagRuns/r{number}/taskInstances/t/xcomEntries"), key).await.expect(201);
        world.post("/variables", json!({"key": format!("v{number}"), "value": "1"})).await.expect(201);
        let pool = json!({"name": format!("p{number}"), "slots": 1});
        world.post("/pools", pool).await.expect(201);
    }
    let rows = "INSERT INTO task_instance (dag_run_id, task_index, map_index, state, max_tries)
                SELECT r.id, 0, -1, 'success', 1 FROM dag_run r";
    world.database.execute(rows).await;
    statements.take();
    let lists = lists(&world).await;
    assert!(lists.len() >= 15 && lists.iter().all(|list| !list.contains('{')), "{lists:?}");
    let everywhere = [
        "/dags/~/dagRuns/~/taskInstances",
        "/dags/~/dagRuns",
        "/dags/~/dagRuns/~/taskInstances/~/xcomEntries",
        "/dags/~/dagRuns/~/hitlDetails",
    ];
    for list in lists.iter().map(String::as_str).chain(everywhere) {
        for query in ["limit=1", "limit=100", "limit=2&offset=1", "limit=0", "limit=1&cursor="] {
            let answer = world.get(&format!("{list}?{query}")).await;
            let sent = taken(&statements);
            assert!(answer.status == 200 || answer.status == 404 || answer.status == 501, "{list}: {}", answer.text);
            assert!(sent.len() <= 2, "{list}?{query}: {sent:?}");
            let is_asked = !sent.is_empty() || CONSTANT.contains(&list);
            assert!(answer.status != 200 || is_asked, "nobody was asked for {list}");
        }
    }
    for (path, body) in [
        ("/dags/~/dagRuns/list", json!({"page_limit": 1})),
        ("/dags/~/dagRuns/~/taskInstances/list", json!({"page_limit": 1})),
    ] {
        world.post(path, body).await.expect(200);
        assert_eq!(taken(&statements).len(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_full_is_not_counted() {
    let statements = Statements::default();
    let _guard = tracing::subscriber::set_default(statements.clone());
    let world = World::create().await;
    world.dag("{dag_id: d, tasks: [{id: t, empty: {}}]}").await;
    world.trigger("d", "r1").await;
    statements.take();
    assert_eq!(world.get("/dags/d/dagRuns?limit=2").await.expect(200)["total_entries"], 1);
    assert_eq!(taken(&statements), ["api.dag_runs"]);
    world.get("/dags/d/dagRuns?limit=1").await.expect(200);
    assert_eq!(taken(&statements), ["api.dag_runs", "api.dag_runs_count"]);
}
