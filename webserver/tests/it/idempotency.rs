//! Requests that are repeated with an `Idempotency-Key`.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Answer, ETL, World};

async fn post(world: &World, token: &str, key: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    world.ask(Method::POST, &format!("/api/v2{path}"), Some(body), &headers).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_was() {
    let world = World::create().await;
    world.dag(ETL).await;
    let token = world.log_in("admin").await;
    let first = post(&world, &token, "k1", "/dags/etl/dagRuns", json!({"conf": {"top_k": 3}})).await;
    assert!(!is_replayed(&first));
    let again = post(&world, &token, "k1", "/dags/etl/dagRuns", json!({"conf": {"top_k": 3}})).await;
    assert!(is_replayed(&again));
    assert_eq!(again.headers["content-type"], "application/json");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(world.get("/dags/etl/dagRuns").await.expect(200)["total_entries"], 1);
    let other = post(&world, &token, "k2", "/dags/etl/dagRuns", json!({"conf": {"top_k": 3}})).await;
    assert!(!is_replayed(&other) && other.text != first.text);
}

#[tokio::test]
async fn a_refusal_and_an_empty_answer_are_kept_too() {
    let world = World::create().await;
    world.dag(ETL).await;
    let token = world.log_in("admin").await;
    post(&world, &token, "a", "/dags/etl/dagRuns", json!({"conf": {"top_k": 0}})).await.refused(400);
    let again = post(&world, &token, "a", "/dags/etl/dagRuns", json!({"conf": {"top_k": 0}})).await;
    assert!(is_replayed(&again) && again.status.as_u16() == 400);
    for _ in 0..2 {
        let answer = post(&world, &token, "b", "/dags/etl/favorite", json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    }
}

#[tokio::test]
async fn a_key_is_one_persons_for_one_request() {
    let world = World::create().await;
    world.dag(ETL).await;
    let (admin, bob) = (world.log_in("admin").await, world.account("bob", "user").await);
    let body = json!({"dag_run_id": "r1"});
    post(&world, &admin, "k", "/dags/etl/dagRuns", body.clone()).await.expect(200);
    let other = post(&world, &admin, "k", "/dags/etl/dagRuns", json!({"dag_run_id": "r2"})).await.refused(422);
    assert_eq!(
        (&other[0]["type"], &other[0]["loc"]),
        (&json!("idempotency_key_reused"), &json!(["header", "Idempotency-Key"]))
    );
    post(&world, &admin, "k", "/dags/etl/favorite", body.clone()).await.refused(422);
    post(&world, &bob, "k", "/dags/etl/dagRuns", body).await.refused(409);
    for key in ["", &"k".repeat(256)] {
        post(&world, &admin, key, "/dags/etl/dagRuns", json!({})).await.refused(400);
    }
    let viewer = world.account("eve", "viewer").await;
    post(&world, &viewer, "k", "/dags/etl/dagRuns", json!({})).await.refused(403);
}

#[tokio::test]
async fn a_request_that_is_under_way_is_not_begun_again() {
    let world = World::create().await;
    world.dag(ETL).await;
    let token = world.log_in("admin").await;
    post(&world, &token, "k", "/dags/etl/dagRuns", json!({})).await.expect(200);
    world.database.execute("UPDATE idempotency_key SET answer = NULL").await;
    post(&world, &token, "k", "/dags/etl/dagRuns", json!({})).await.refused(409);
    assert_eq!(world.get("/dags/etl/dagRuns").await.expect(200)["total_entries"], 1);
}

#[tokio::test]
async fn a_server_that_died_before_it_answered_never_makes_two_runs_of_one_request() {
    let world = World::create().await;
    world.dag(ETL).await;
    let token = world.log_in("admin").await;
    for (key, body) in [("named", json!({"dag_run_id": "r1"})), ("unnamed", json!({"note": "x"}))] {
        let first = post(&world, &token, key, "/dags/etl/dagRuns", body.clone()).await.expect(200);
        // As if nobody had lived to keep the answer.
        world.database.execute("UPDATE idempotency_key SET answer = NULL, held_until = '2000-01-01'").await;
        let again = post(&world, &token, key, "/dags/etl/dagRuns", body).await;
        assert!(!is_replayed(&again));
        assert_eq!(again.expect(200), first);
    }
    assert_eq!(world.get("/dags/etl/dagRuns").await.expect(200)["total_entries"], 2);
}

#[tokio::test]
async fn requests_without_a_key_and_reads_are_not_kept() {
    let world = World::create().await;
    world.dag(ETL).await;
    let token = format!("Bearer {}", world.log_in("admin").await);
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k")];
    world.ask(Method::GET, "/api/v2/dags", None, &headers).await.expect(200);
    world.ask(Method::PATCH, "/api/v2/dags/etl", Some(json!({"is_paused": true})), &headers).await.expect(200);
    world.trigger("etl", "r1").await;
    assert_eq!(world.database.number("SELECT count(*) FROM idempotency_key").await, 0);
}
