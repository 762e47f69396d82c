//! Callbacks, messages and deadlines, with the real binary and a real HTTP server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::Value;
use store::testing::make_callbacks_due;
use tokio::net::TcpListener;

use super::Site;
use crate::system::System;
use crate::wait::until_some;

/// How a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses(u16),
    /// It never answers.
    Hangs,
}

#[derive(Debug)]
struct World {
    mood: Mood,
    /// Path and body of each request.
    requests: Vec<(String, Value)>,
}

/// An HTTP server in the test.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
}

impl Server {
    async fn start(mood: Mood) -> Self {
        async fn take(State(world): State<Arc<Mutex<World>>>, uri: Uri, body: Bytes) -> (StatusCode, &'static str) {
            let mood = {
                let mut world = world.lock().expect("nobody panics");
                let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
                let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
                world.requests.push((uri.path().to_owned(), body));
                world.mood
            };
            match mood {
                Mood::Takes => (StatusCode::OK, "taken"),
                Mood::Refuses(status) => (StatusCode::from_u16(status).expect("a status"), "not now"),
                Mood::Hangs => std::future::pending().await,
            }
        }
        let world = Arc::new(Mutex::new(World { mood, requests: Vec::new() }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(take).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, world }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn becomes(&self, mood: Mood) {
        self.world.lock().expect("nobody panics").mood = mood;
    }

    /// What came to a path.
    fn got(&self, path: &str) -> Vec<Value> {
        let world = self.world.lock().expect("nobody panics");
        world
            .requests
            .iter()
            .filter(|(to, _)| to.trim_start_matches('/') == path)
            .map(|(_, body)| body.clone())
            .collect()
    }

    async fn gets(&self, site: &Site, path: &str) -> Value {
        let context = || format!("{:?}\n{}", self.world, site.system.stderr());
        until_some(&format!("a request to {path}"), context, async || self.got(path).into_iter().next()).await
    }
}

fn trigger(site: &Site, dag_id: &str) {
    site.run(&["dags", "trigger", dag_id, "--logical-date", "2026-01-01", "--run-id", "one"]).done();
}

async fn ended(site: &Site, dag_id: &str, state: &str) {
    site.until(&["runs", "list", dag_id], |runs| runs.contains(state)).await;
}

#[tokio::test]
async fn ends_are_told_with_their_reason_and_what_is_refused_changes_no_state() {
    let (taking, refusing) = (Server::start(Mood::Takes).await, Server::start(Mood::Refuses(404)).await);
    let site = Site::start().await;
    let text = format!(
        "on_failure: {{webhook: {}}}\non_success: {{slack: never}}\n\
         tasks:\n\
         - {{id: good, bash: echo 42, on_success: {{webhook: {{url: {}, json: {{n: '{{{{ xcom(\"good\") }}}}', e: '{{{{ event }}}}'}}}}}}}}\n\
         - {{id: city, expand: {{name: [seoul, busan]}}, bash: 'true', on_success: {{webhook: {{url: {}, body: '{{{{ map.name }}}}'}}}}}}\n\
         - {{id: bad, bash: exit 3, on_failure: [{{webhook: {}}}, {{email: ada@example.com}}]}}\n",
        taking.url("run"),
        taking.url("good"),
        taking.url("city"),
        refusing.url("secret-path")
    );
    site.dag("tells", &text).await;
    trigger(&site, "tells");
    ended(&site, "tells", "failed").await;
    let of_run = taking.gets(&site, "run").await;
    assert_eq!((of_run["event"].as_str(), of_run["task_id"].as_str()), (Some("failure"), None));
    assert_eq!(of_run["reason"].as_str(), Some("failed: `bad`"));
    assert_eq!(of_run["url"].as_str(), Some(&*format!("{}/dags/tells/runs/one", site.system.url())));
    let of_task = taking.gets(&site, "good").await;
    assert_eq!(of_task, serde_json::json!({"n": "42", "e": "success"}));
    let context = || format!("{:?}", taking.world);
    until_some("each element is told", context, async || (taking.got("city").len() == 2).then_some(())).await;
    let mut cities: Vec<_> =
        taking.got("city").iter().map(|body| body.as_str().unwrap_or_default().to_owned()).collect();
    cities.sort();
    assert_eq!(cities, ["busan", "seoul"]);
    assert_eq!(refusing.gets(&site, "secret-path").await["reason"].as_str(), Some("exit code 3"));

    let list = ["callbacks", "list", "tells", "--state", "failed", "-o", "plain"];
    let failed = site.until(&list, |text| text.lines().count() == 2).await;
    assert!(failed.contains("it answered 404 Not Found: not now") && failed.contains("notifications.smtp_host"));
    assert!(!failed.contains("secret-path"), "{failed}");
    assert_eq!(site.run(&["tasks", "state", "tells", "one", "bad"]).done().trim(), "failed");
    assert_eq!(site.run(&["tasks", "state", "tells", "one", "good"]).done().trim(), "success");
    let shown = site.run(&["runs", "show", "tells", "one", "-o", "table"]).done();
    assert!(shown.contains("failure of bad, over webhook: it answered 404"), "{shown}");
    let id = failed.split_whitespace().next().expect("an id");
    let details: Value =
        serde_json::from_str(&site.run(&["callbacks", "show", id, "-o", "json"]).done()).expect("JSON");
    assert_eq!((details["state"].as_str(), details["log"].as_array().map(Vec::len)), (Some("failed"), Some(1)));
    site.run(&["callbacks", "show", "999999"]).refused(3);
}

#[tokio::test]
async fn a_task_that_is_cleared_and_run_again_is_told_anew() {
    let server = Server::start(Mood::Takes).await;
    let site = Site::start().await;
    let text = format!("tasks: [{{id: a, bash: 'true', on_success: {{webhook: {}}}}}]\n", server.url("a"));
    site.dag("again", &text).await;
    trigger(&site, "again");
    server.gets(&site, "a").await;
    ended(&site, "again", "success").await;
    site.run(&["tasks", "clear", "again", "one", "a"]).done();
    let context = || format!("{:?}", server.world);
    until_some("it is told twice", context, async || (server.got("a").len() == 2).then_some(())).await;
    // What a person says of a task is not told.
    ended(&site, "again", "success").await;
    site.run(&["tasks", "mark", "again", "one", "a", "failed"]).done();
    ended(&site, "again", "failed").await;
    assert_eq!(server.got("a").len(), 2);
}

#[tokio::test]
async fn a_message_survives_the_scheduler_that_was_killed_before_and_while_it_was_delivered() {
    let server = Server::start(Mood::Refuses(503)).await;
    let mut site = Site::start().await;
    let text = format!("tasks: [{{id: a, bash: 'true', on_success: {{webhook: {}}}}}]\n", server.url("a"));
    site.dag("killed", &text).await;
    trigger(&site, "killed");
    server.gets(&site, "a").await;
    site.system.keep_address();
    site.system.kill9();
    server.becomes(Mood::Hangs);
    site.system.start().await;
    let store = site.system.store().await;
    let at_once = async || make_callbacks_due(&store).await;
    at_once().await;
    let context = || format!("{:?}", server.world);
    until_some("it hangs", context, async || (server.got("a").len() == 2).then_some(())).await;
    site.system.kill9();
    server.becomes(Mood::Takes);
    site.system.start().await;
    // The lease of the process that is dead is over.
    at_once().await;
    let list = ["callbacks", "list", "killed", "--state", "success", "-o", "plain"];
    let told = site.until(&list, |text| !text.is_empty()).await;
    assert_eq!((server.got("a").len(), told.lines().count()), (3, 1));
    let log = site.run(&["callbacks", "show", told.split('\t').next().expect("an id"), "-o", "json"]).done();
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let numbers: Vec<_> = log["log"].as_array().expect("a log").iter().map(|tried| tried["number"].as_i64()).collect();
    assert_eq!(numbers.last(), Some(&log["tries"].as_i64()));
    assert_eq!(site.system.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_task_that_is_a_message_ends_as_its_delivery_does_and_is_tried_again() {
    let (taking, refusing) = (Server::start(Mood::Takes).await, Server::start(Mood::Refuses(500)).await);
    let site = Site::start().await;
    let text = format!(
        "tasks:\n\
         - {{id: told, notify: {{webhook: {{url: '{}', json: {{day: '{{{{ ds }}}}'}}}}}}}}\n\
         - {{id: not_told, notify: {{slack: {{url: '{}', text: hi}}}}, retries: 1, retry_delay: 1s}}\n\
         - {{id: no_mail, notify: {{email: {{to: a@example.com, body: hi}}}}, retries: 5}}\n",
        taking.url("a"),
        refusing.url("b")
    );
    site.dag("messages", &text).await;
    trigger(&site, "messages");
    ended(&site, "messages", "failed").await;
    assert_eq!(taking.got("a"), [serde_json::json!({"day": "2026-01-01"})]);
    assert_eq!(refusing.got("b").len(), 2);
    let state = |task: &str| site.run(&["tasks", "state", "messages", "one", task]).done().trim().to_owned();
    assert_eq!(
        (state("told"), state("not_told"), state("no_mail")),
        ("success".into(), "failed".into(), "failed".into())
    );
    let why = site.run(&["tasks", "why", "messages", "one", "no_mail"]).done();
    assert!(why.contains("no mail server is configured: set notifications.smtp_host"), "{why}");
}

#[tokio::test]
async fn a_missed_deadline_is_told_once_and_shown_and_changes_no_state_over_a_kill() {
    let server = Server::start(Mood::Takes).await;
    let mut site = Site::of(System::with_test_database().await);
    let file = site.system.home().join("data.csv");
    let text = format!(
        "deadline: {{after: start, by: 1s, then: {{webhook: {}}}}}\n\
         tasks: [{{id: data, sensor: {{file: {}, poke_interval: 1s}}, deadline: {{after: start, by: 1s}}}}]\n",
        server.url("late"),
        file.display()
    );
    site.dag("late", &text).await;
    trigger(&site, "late");
    let told = server.gets(&site, "late").await;
    assert_eq!((told["event"].as_str(), told["state"].as_str()), (Some("deadline"), Some("running")));
    let show = ["runs", "show", "late", "one", "-o", "json"];
    let missed = |text: &str| {
        let shown: Value = serde_json::from_str(text).ok()?;
        shown["missed_deadlines"]
            .as_array()
            .map(|missed| missed.iter().map(|one| one["task_id"].clone()).collect::<Vec<_>>())
    };
    site.until(&show, |text| missed(text).is_some_and(|missed| missed.len() == 2)).await;
    site.system.keep_address();
    site.system.kill9();
    site.system.start().await;
    site.until(&["tasks", "state", "late", "one", "data"], |state| state.trim() == "deferred").await;
    std::fs::write(&file, "a,b\n").expect("the file");
    ended(&site, "late", "success").await;
    assert_eq!(server.got("late").len(), 1);
    let shown = site.run(&["runs", "show", "late", "one", "-o", "table"]).done();
    assert!(shown.contains("missed deadline") && shown.contains("by data"), "{shown}");
    assert_eq!(site.system.terminate().await.code(), Some(0));
}
