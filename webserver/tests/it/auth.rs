//! Who gets in, and what they may do.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::world::{ETL, World};

#[tokio::test]
async fn a_token_is_given_for_json_and_for_a_form() {
    let world = World::create().await;
    for path in ["/auth/token", "/auth/token/cli"] {
        let body = json!({"username": "admin", "password": "secret"});
        let token = world.ask(Method::POST, path, Some(body), &[]).await.expect(201);
        let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
        world.ask(Method::GET, "/api/v2/dags", None, &[("authorization", &bearer)]).await.expect(200);
    }
    let form = Request::post("/auth/token").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(Body::from("username=admin&password=secret")).expect("a request");
    world.send(form).await.expect(201);
}

#[tokio::test]
async fn a_token_that_was_revoked_is_not_accepted() {
    let world = World::create().await;
    let bearer = format!("Bearer {}", world.log_in("admin").await);
    let ask = async |method, path| world.ask(method, path, None, &[("authorization", &bearer)]).await;
    ask(Method::GET, "/api/v2/dags").await.expect(200);
    assert_eq!(ask(Method::POST, "/auth/logout").await.status.as_u16(), 204);
    ask(Method::GET, "/api/v2/dags").await.refused(401);
    world.ask(Method::POST, "/auth/logout", None, &[]).await.refused(401);
}

#[tokio::test]
async fn wrong_credentials_and_wrong_bodies_are_refused_in_airflows_words() {
    let world = World::create().await;
    let ask = async |body| world.ask(Method::POST, "/auth/token", Some(body), &[]).await;
    assert_eq!(ask(json!({"username": "admin", "password": "no"})).await.refused(401), "Invalid credentials");
    assert_eq!(ask(json!({"username": "nobody", "password": "secret"})).await.refused(401), "Invalid credentials");
    assert_eq!(ask(json!({"username": "a\u{0}", "password": "secret"})).await.refused(401), "Invalid credentials");
    ask(json!({"username": "", "password": ""})).await.refused(400);
    assert_eq!(ask(json!({"username": "admin"})).await.refused(422)[0]["loc"], json!(["body", "password"]));
    let text = Request::post("/auth/token").header("content-type", "text/plain").body(Body::from("x"));
    world.send(text.expect("a request")).await.refused(415);
}

#[tokio::test]
async fn passwords_cannot_be_guessed_at_speed() {
    let world = World::create().await;
    let guess = json!({"username": "admin", "password": "guess"});
    let mut last = 0;
    for _ in 0..11 {
        last = world.ask(Method::POST, "/auth/token", Some(guess.clone()), &[]).await.status.as_u16();
    }
    assert_eq!(last, 429);
    let right = json!({"username": "admin", "password": "secret"});
    world.ask(Method::POST, "/auth/token", Some(right), &[]).await.refused(429);
}

#[tokio::test]
async fn nothing_but_version_and_health_is_told_without_a_login() {
    let world = World::create().await;
    let ask = async |path: &str, headers: &[(&str, &str)]| world.ask(Method::GET, path, None, headers).await;
    assert_eq!(ask("/api/v2/version", &[]).await.expect(200)["version"], "1.2.3");
    let health = ask("/api/v2/monitor/health", &[]).await.expect(200);
    assert_eq!(
        (&health["metadatabase"]["status"], &health["scheduler"]["status"]),
        (&json!("healthy"), &json!("unhealthy"))
    );
    let refused = ask("/api/v2/dags", &[]).await;
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    assert_eq!(refused.refused(401), "Not authenticated");
    ask("/api/v2/dags", &[("authorization", "Bearer x")]).await.refused(401);
    ask("/api/v2/dags", &[("authorization", "Basic YTpi")]).await.refused(401);
}

#[tokio::test]
async fn a_browsers_session_is_as_good_as_a_token_and_a_header_wins_over_it() {
    let world = World::create().await;
    let token = world.log_in("admin").await;
    let cookie = format!("flowctl_session={token}");
    world.ask(Method::GET, "/api/v2/dags", None, &[("cookie", &cookie)]).await.expect(200);
    let both = [("cookie", cookie.as_str()), ("authorization", "Bearer wrong")];
    world.ask(Method::GET, "/api/v2/dags", None, &both).await.refused(401);
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let world = World::create().await;
    world.dag(ETL).await;
    world.trigger("etl", "r1").await;
    let bearer = format!("Bearer {}", world.account("vera", "viewer").await);
    let viewer = [("authorization", bearer.as_str())];
    world.ask(Method::GET, "/api/v2/dags/etl", None, &viewer).await.expect(200);
    let changes = [
        (Method::PATCH, "/dags/etl", json!({"is_paused": true})),
        (Method::POST, "/dags/etl/dagRuns", json!({})),
        (Method::PATCH, "/dags/etl/dagRuns/r1", json!({"note": "x"})),
        (Method::POST, "/dags/etl/dagRuns/r1/clear", json!({})),
        (Method::POST, "/dags/etl/dagRuns/r1/cancel", json!({})),
        (Method::POST, "/dags/etl/clearTaskInstances", json!({"dag_run_id": "r1"})),
    ];
    for (method, path, body) in changes {
        let answer = world.ask(method, &format!("/api/v2{path}"), Some(body), &viewer).await;
        assert_eq!(answer.refused(403), "Forbidden", "{path}");
    }
    let operator = format!("Bearer {}", world.account("otto", "op").await);
    let body = Some(json!({"is_paused": true}));
    world.ask(Method::PATCH, "/api/v2/dags/etl", body, &[("authorization", &operator)]).await.expect(200);
}

#[tokio::test]
async fn what_does_not_exist_is_refused_as_json() {
    let world = World::create().await;
    assert_eq!(world.get("/nothing").await.refused(404), "Not Found");
    assert_eq!(world.post("/version", json!({})).await.refused(405), "Method Not Allowed");
    world.get("/dags/a%00b").await.refused(400);
}
