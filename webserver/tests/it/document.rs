//! The OpenAPI document and its page.

use axum::http::Method;
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_document_lists_every_operation() {
    let world = World::create().await;
    let document: Value = world.ask(Method::GET, "/openapi.json", None, &[]).await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id");
            operations.push(format!("{} {path} {id}", method.to_uppercase()));
        }
    }
    operations.sort();
    insta::assert_snapshot!("operations", operations.join("\n"));
    insta::assert_json_snapshot!("document", document);
}

#[tokio::test]
async fn the_page_lists_the_operations_and_loads_nothing_from_elsewhere() {
    let world = World::create().await;
    let page = world.ask(Method::GET, "/docs", None, &[]).await;
    assert!(page.text.contains("/api/v2/dags/{dag_id}/dagRuns") && page.text.contains("Creates a run"));
    assert!(!page.text.contains("<script") && !page.text.contains("http://") && !page.text.contains("https://"));
}
