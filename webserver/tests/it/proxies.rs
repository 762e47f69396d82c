//! Behind a reverse proxy: who a request comes from is what a trusted proxy says, and nobody else.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};

use crate::world::{PROXY, World};

/// Asks for a token over a connection from `peer`.
async fn log_in(world: &World, peer: &str, forwarded_for: &str, username: &str, password: &str) -> StatusCode {
    let body = serde_json::json!({"username": username, "password": password}).to_string();
    let peer: IpAddr = peer.parse().expect("an address");
    let request = Request::post("/auth/token")
        .header("content-type", "application/json")
        .header("x-forwarded-for", forwarded_for)
        .extension(ConnectInfo(SocketAddr::from((peer, 40_000))))
        .body(Body::from(body));
    world.send(request.expect("a request")).await.status
}

/// Addresses of failed logins, the newest first.
async fn addresses(world: &World) -> Vec<String> {
    let events = world.get("/eventLogs?event=login_refused&order_by=-event_log_id").await.expect(200);
    let events = events["event_logs"].as_array().expect("events");
    events.iter().map(|event| event["address"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn failed_logins_are_counted_and_recorded_by_the_address_that_a_trusted_proxy_tells() {
    let world = World::create().await;
    for turn in 0..50 {
        let username = format!("account-{turn}");
        let forged = format!("198.51.100.{turn}, 203.0.113.7");
        assert_eq!(log_in(&world, PROXY, &forged, &username, "guess").await, StatusCode::UNAUTHORIZED, "{turn}");
    }
    assert_eq!(log_in(&world, PROXY, "203.0.113.7", "admin", "secret").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(log_in(&world, PROXY, "203.0.113.8", "admin", "secret").await, StatusCode::CREATED);
    let addresses = addresses(&world).await;
    assert!(addresses.len() == 50 && addresses.iter().all(|address| address == "203.0.113.7"), "{addresses:?}");
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_not_believed() {
    let world = World::create().await;
    for turn in 0..10 {
        let forged = format!("198.51.100.{turn}");
        assert_eq!(log_in(&world, "203.0.113.7", &forged, "admin", "guess").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(log_in(&world, "203.0.113.7", "198.51.100.99", "admin", "secret").await, StatusCode::TOO_MANY_REQUESTS);
    assert!(addresses(&world).await.iter().all(|address| address == "203.0.113.7"));
}
