//! A deployment of a test's own: database, home, web server, and a scheduler when the test starts one.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use model::dag_file::{Defaults, Parsed, parse};
use model::limits::Limits;
use scheduler::notifier::NotificationSettings;
use scheduler::ports::Clock;
use scheduler::service::{SchedulerConfig, SystemClock};
use serde_json::{Value, json};
use store::Store;
use store::account::Account;
use store::dag::SavedDag;
use store::event_log::By;
use store::testing::TestDatabase;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;
use webserver::doors::{Doors, first_account, hash_password};
use webserver::layout::Layouts;
use webserver::oidc::{Oidc, OidcSettings};
use webserver::pages::{Hub, Pages, ShownSetting};
use worker::WorkerConfig;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reverse proxy of the deployment.
pub(crate) const PROXY: &str = "10.0.0.1";

/// A DAG that can be triggered, with a parameter.
pub(crate) const ETL: &str = r#"
dag_id: etl
description: Extract and load
owner: ada
tags: [daily, team-a]
schedule: "0 6 * * *"
start_date: 2026-01-01
catchup: false
dagrun_timeout: 2h
params:
  top_k: {type: integer, default: 10, minimum: 1}
tasks:
  - {id: extract, bash: "echo extracted"}
  - {id: load, bash: "echo loaded", depends_on: extract}
"#;

/// The same without a schedule: nothing but what a test triggers runs.
pub(crate) const MANUAL_ETL: &str = r#"
dag_id: etl
tasks:
  - {id: extract, python: {code: "return {'rows': 3}"}}
  - {id: load, bash: "echo loaded", depends_on: extract}
"#;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Its body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an answer with this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The `detail` of a refusal with this status.
    pub(crate) fn refused(self, status: u16) -> Value {
        self.expect(status)["detail"].clone()
    }
}

/// What `/config` shows.
fn shown_settings() -> Arc<[ShownSetting]> {
    let setting = |section: &str, option: &str, value: &str| ShownSetting {
        section: section.to_owned(),
        option: option.to_owned(),
        value: value.to_owned(),
    };
    [
        setting("core", "parallelism", "32"),
        setting("database", "url", "< hidden >"),
        setting("core", "dags_folder", "/dags"),
    ]
    .into()
}

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    home: tempfile::TempDir,
    app: Router,
    hub: Hub,
    token: String,
    stop: CancellationToken,
    services: Vec<JoinHandle<()>>,
}

impl World {
    /// A deployment without a scheduler: runs stay queued. `admin` is logged in.
    pub(crate) async fn create() -> Self {
        Self::with(None).await
    }

    /// The same with an identity provider.
    pub(crate) async fn with_oidc(settings: OidcSettings) -> Self {
        Self::with(Some(Oidc::new(settings).expect("a client for the provider"))).await
    }

    async fn with(oidc: Option<Oidc>) -> Self {
        let database = TestDatabase::create().await;
        let home = tempfile::tempdir().expect("a home");
        std::fs::create_dir(home.path().join("dags")).expect("the DAG folder");
        first_account(database.store(), Some("secret".to_owned()), SystemClock.now()).await.expect("the first account");
        let store = database.store().clone();
        let hub = Hub::default();
        let clock: fn() -> Timestamp = || SystemClock.now();
        let pages = Pages {
            doors: Doors::new(store.clone(), clock).with_oidc(oidc),
            store,
            home: home.path().to_owned(),
            dags_folder: String::new(),
            version: "1.2.3".to_owned(),
            limits: Limits::default(),
            clock,
            hub: hub.clone(),
            layouts: Arc::new(Layouts::default()),
            trusted_proxies: PROXY.parse().expect("an address"),
            settings: shown_settings(),
        };
        let app = webserver::app(pages);
        let stop = CancellationToken::new();
        let mut world = Self { database, home, app, hub, token: String::new(), stop, services: Vec::new() };
        world.token = world.log_in("admin").await;
        world
    }

    /// A token of an account whose password is `secret`.
    pub(crate) async fn log_in(&self, username: &str) -> String {
        let body = json!({"username": username, "password": "secret"});
        let answer = self.ask(Method::POST, "/auth/token", Some(body), &[]).await.expect(201);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// The store below it all.
    pub(crate) fn store(&self) -> &Store {
        self.database.store()
    }

    /// Sends a form of a page with the token of its session; `session` is the cookie.
    pub(crate) async fn submit(&self, path: &str, session: &str, fields: &str) -> Answer {
        let page = self.ask(Method::GET, "/tokens", None, &[("cookie", session)]).await;
        let (_, rest) = page.text.split_once("name=\"form_token\" value=\"").expect("a form with its token");
        let token = rest.split('"').next().expect("a token");
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(path).header(header::CONTENT_TYPE, kind).header(header::COOKIE, session);
        self.send(request.body(Body::from(format!("{fields}&form_token={token}"))).expect("a request")).await
    }

    /// The application.
    pub(crate) fn app(&self) -> Router {
        self.app.clone()
    }

    /// A token of an account, without its password.
    pub(crate) async fn token_for(&self, username: &str) -> String {
        let doors = Doors::new(self.database.store().clone(), || SystemClock.now());
        doors.token_for(username).await.expect("a token")
    }

    /// Creates an account with the password `secret` and logs it in.
    pub(crate) async fn account(&self, username: &str, role: &str) -> String {
        let password_hash = hash_password("secret").expect("a hash");
        let account = Account { username: username.to_owned(), password_hash, role: role.to_owned() };
        assert!(self.database.store().create_account(&account, &By::local("test", now())).await.expect("an account"));
        self.log_in(username).await
    }

    /// Puts a DAG file into the folder, and its DAG into the database: once there is a scheduler, that does it.
    pub(crate) async fn dag(&self, text: &str) {
        let parsed = parse(text, "dag", &Defaults { timezone: "UTC".to_owned() }).expect("a good file");
        let name = format!("{}.yaml", parsed.dag.dag_id);
        let path = self.home.path().join("dags").join(&name);
        let aside = self.home.path().join("written");
        std::fs::write(&aside, text).expect("the file is written");
        // A while ago: what has just been written is left alone for a moment.
        let file = std::fs::File::options().write(true).open(&aside).expect("the file");
        file.set_modified((now() - SignedDuration::from_secs(2)).into()).expect("its time");
        std::fs::rename(&aside, &path).expect("the file is in the folder");
        if !self.services.is_empty() {
            return self.until_in_force(&parsed).await;
        }
        let saved = SavedDag {
            parsed: &parsed,
            relative_fileloc: &name,
            fileloc: &path.display().to_string(),
            source: text,
            parse_duration_ms: 1.0,
            is_paused_at_creation: false,
        };
        self.database.store().save_dag(&saved, SystemClock.now()).await.expect("the DAG is saved");
    }

    /// Waits until the processor has saved a DAG.
    async fn until_in_force(&self, parsed: &Parsed) {
        let mut hash = String::new();
        for byte in parsed.content_hash {
            write!(hash, "{byte:02x}").expect("a string");
        }
        let sql = format!(
            "SELECT count(*) FROM dag d JOIN dag_version v ON v.id = d.current_version_id
             WHERE NOT d.is_stale AND v.dag_id = '{}' AND encode(v.content_hash, 'hex') = '{hash}'",
            parsed.dag.dag_id
        );
        let asking = async {
            while self.database.number(&sql).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the DAG comes into force");
    }

    /// Starts a scheduler with its executor, and the hub that hears of what it does.
    pub(crate) fn schedule(&mut self) {
        let config = SchedulerConfig {
            id: Uuid::from_u128(1),
            hostname: "test".to_owned(),
            home: self.home.path().to_owned(),
            dags_folder: self.home.path().join("dags"),
            default_timezone: "UTC".to_owned(),
            dags_are_paused_at_creation: false,
            limits: Limits::default(),
            worker: WorkerConfig::new(self.home.path()),
            notifications: NotificationSettings::default(),
            places: secrets::Places::default(),
            with_dag_processor: true,
        };
        let (store, stop) = (self.database.store().clone(), self.stop.clone());
        self.services.push(tokio::spawn(async move {
            scheduler::service::run(store, config, stop).await.expect("the scheduler runs until it is stopped");
        }));
        let (store, hub, stop) = (self.database.store().clone(), self.hub.clone(), self.stop.clone());
        self.services.push(tokio::spawn(async move { hub.follow(&store, stop).await }));
    }

    /// Stops what [`Self::schedule`] started.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for service in self.services {
            service.await.expect("a service ends in good order");
        }
    }

    pub(crate) fn path(&self, below_home: &str) -> PathBuf {
        self.home.path().join(below_home)
    }

    /// A request with exactly these headers.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("a request")).await
    }

    /// A request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).expect("text") }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// `GET /api/v2…` as `admin`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::GET, &path, None, &[("authorization", &self.bearer())]).await
    }

    /// `GET /api/v2…` as `admin`, for another media type.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::GET, &path, None, &[("authorization", &self.bearer()), ("accept", accept)]).await
    }

    /// `POST /api/v2…` as `admin`.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::POST, &path, Some(body), &[("authorization", &self.bearer())]).await
    }

    /// `PATCH /api/v2…` as `admin`.
    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::PATCH, &path, Some(body), &[("authorization", &self.bearer())]).await
    }

    /// `PUT /api/v2…` as `admin`.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::PUT, &path, Some(body), &[("authorization", &self.bearer())]).await
    }

    /// `DELETE /api/v2…` as `admin`.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        let path = format!("/api/v2{path}");
        self.ask(Method::DELETE, &path, None, &[("authorization", &self.bearer())]).await
    }

    /// Asks until the answer is as it must become.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let answer = self.get(path).await;
                if answer.status.is_success() && is_so(&answer.json()) {
                    return answer.json();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{path} never became as it must"))
    }

    /// Triggers a run with a name.
    pub(crate) async fn trigger(&self, dag_id: &str, run_id: &str) -> Value {
        self.post(&format!("/dags/{dag_id}/dagRuns"), json!({"dag_run_id": run_id})).await.expect(200)
    }
}

/// Now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
