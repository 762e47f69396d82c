//! Who may do what, over every route.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;
use webserver::access::{Needs, ROUTES, Role};

use crate::world::World;

/// What is served beside the pages and the operations of the document.
const FILES: [(&str, &str); 8] = [
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    // A run or a task that is called `list`.
    ("GET", "/api/v2/dags/{dag_id}/dagRuns/list"),
    ("PATCH", "/api/v2/dags/{dag_id}/dagRuns/list"),
    ("DELETE", "/api/v2/dags/{dag_id}/dagRuns/list"),
    ("GET", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list"),
    ("PATCH", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list"),
    ("DELETE", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list"),
];

/// Every route that there is, as the pages and the OpenAPI document list them.
async fn routes(world: &World) -> BTreeSet<(String, String)> {
    let owned = |(method, path): (&str, &str)| (method.to_owned(), path.to_owned());
    let mut routes: BTreeSet<_> = webserver::pages::list().into_iter().chain(FILES).map(owned).collect();
    let document: Value = world.ask(Method::GET, "/openapi.json", None, &[]).await.expect(200);
    for (path, item) in document["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("operations").keys();
        routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    routes
}

#[tokio::test]
async fn every_route_has_one_line_in_the_table_and_every_line_a_route() {
    let world = World::create().await;
    let lines: Vec<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    let table: BTreeSet<_> = lines.iter().cloned().collect();
    assert_eq!(table.len(), lines.len(), "a line is there twice");
    let routes = routes(&world).await;
    let missing: Vec<_> = routes.difference(&table).collect();
    let gone: Vec<_> = table.difference(&routes).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a line: {missing:?}; without a route: {gone:?}");
}

/// How a route answered.
#[derive(Debug, PartialEq, Eq)]
enum Answered {
    /// It asks for a login.
    LogIn,
    Forbidden,
    /// With anything else: what the path names does not exist.
    Passed,
}

fn answered(response: &Response) -> Answered {
    let location = response.headers().get("location").and_then(|location| location.to_str().ok()).unwrap_or_default();
    match response.status() {
        StatusCode::UNAUTHORIZED => Answered::LogIn,
        StatusCode::SEE_OTHER if location.starts_with("/login?") => Answered::LogIn,
        StatusCode::FORBIDDEN => Answered::Forbidden,
        _ => Answered::Passed,
    }
}

/// A path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.trim_matches(['{', '}']) {
        name if name == segment => segment,
        "map_index" | "try_number" | "task_try_number" | "version_number" | "id" | "asset_id" | "backfill_id"
        | "import_error_id" | "callback_id" | "event_log_id" | "asset_alias_id" => "1",
        _ => "nothing",
    });
    segments.collect::<Vec<_>>().join("/")
}

async fn ask(world: &World, method: &str, path: &str, token: Option<&str>) -> Answered {
    let mut request = Request::builder().method(method).uri(filled(path));
    if let Some(token) = token {
        // Programs send a header, browsers a cookie.
        request = if path.starts_with("/api/") || path.starts_with("/auth/") {
            request.header("authorization", format!("Bearer {token}"))
        } else {
            request.header("cookie", format!("flowctl_session={token}"))
        };
    }
    let body = if method == "GET" { Body::empty() } else { Body::from("{}") };
    let request = request.header("content-type", "application/json").body(body).expect("a request");
    // Not its body: that of an event stream does not end.
    answered(&world.app().oneshot(request).await.expect("an answer"))
}

#[tokio::test]
async fn every_route_answers_every_role_as_the_table_says() {
    let world = World::create().await;
    for role in Role::ALL {
        world.account(&format!("some-{role}"), role.as_str()).await;
    }
    let mut wrong = Vec::new();
    for route in ROUTES {
        let expected = if route.needs == Needs::Open { Answered::Passed } else { Answered::LogIn };
        let got = ask(&world, route.method, route.path, None).await;
        if got != expected {
            wrong.push(format!("{} {} to nobody: {got:?}, not {expected:?}", route.method, route.path));
        }
        for role in Role::ALL {
            // A new one each: some routes end the session.
            let token = world.token_for(&format!("some-{role}")).await;
            let is_allowed = route.needs.permission().is_none_or(|permission| role.may(permission));
            let expected = if is_allowed { Answered::Passed } else { Answered::Forbidden };
            let got = ask(&world, route.method, route.path, Some(&token)).await;
            if got != expected {
                wrong.push(format!("{} {} to {}: {got:?}, not {expected:?}", route.method, route.path, role.one()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
