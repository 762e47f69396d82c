//! Login through a real identity provider: oidc-provider from npm, in a process of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use axum::http::{Method, StatusCode};
use reqwest::Url;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use webserver::oidc::OidcSettings;

use crate::world::{Answer, World};

/// Where people would reach flowctl; nobody listens there, the test hands the visits over.
const BASE: &str = "http://flowctl.test";

/// The provider; ends with the test.
struct Provider {
    process: Child,
    issuer: String,
    /// Kept open: what it says later must go somewhere.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    async fn start() -> Self {
        let modules = std::env::home_dir().unwrap_or_default().join(".cache/flowctl-ci/node/node_modules");
        assert!(modules.join("oidc-provider").is_dir(), "`.ci/install oidc-provider` gets the provider for tests");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(modules)
            .arg(format!("{BASE}/login/oidc/callback"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let issuer = loop {
            let line = lines.next_line().await.expect("it says something").expect("it says its address");
            if line.starts_with("http://") {
                break line;
            }
        };
        Self { process, issuer, _lines: lines }
    }

    fn settings(&self) -> OidcSettings {
        settings_at(self.issuer.clone())
    }

    async fn stop(mut self) {
        self.process.kill().await.expect("it ends");
    }
}

fn settings_at(issuer: String) -> OidcSettings {
    OidcSettings {
        issuer,
        client_id: "flowctl".to_owned(),
        client_secret: Some("a secret of the test".to_owned()),
        base_url: BASE.to_owned(),
        scopes: vec!["profile".to_owned(), "groups".to_owned()],
        username_claim: "preferred_username".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: vec![("ops".to_owned(), "op".to_owned()), ("staff".to_owned(), "viewer".to_owned())],
        default_role: None,
        label: "Example".to_owned(),
    }
}

/// A browser, as far as it visits the provider.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Self {
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).build().expect("a client");
        Self { http, cookies: BTreeMap::new() }
    }

    async fn visit(&mut self, url: &Url, form: Option<&[(&str, &str)]>) -> reqwest::Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => self.http.post(url.clone()).form(form),
            None => self.http.get(url.clone()),
        };
        let answer = request.header("cookie", cookies.join("; ")).send().await.expect("an answer of the provider");
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().expect("a cookie");
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Logs in and consents, as the provider asks; the address that it sends the browser back to.
    async fn log_in(&mut self, start: &str, name: &str) -> Url {
        let mut url = Url::parse(start).expect("an address");
        let mut form: Option<Vec<(&str, &str)>> = None;
        loop {
            let answer = self.visit(&url, form.take().as_deref()).await;
            if let Some(location) = answer.headers().get("location") {
                url = url.join(location.to_str().expect("an address")).expect("an address");
                if url.as_str().starts_with(BASE) {
                    return url;
                }
                continue;
            }
            let page = answer.text().await.expect("a page");
            form = Some(if page.contains("value=\"login\"") {
                vec![("prompt", "login"), ("login", name), ("password", "any")]
            } else {
                assert!(page.contains("value=\"consent\""), "{page}");
                vec![("prompt", "consent")]
            });
            let (_, rest) = page.split_once("action=\"").expect("a form");
            url = url.join(rest.split('"').next().expect("its action")).expect("an address");
        }
    }
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok());
    let pair = set.filter_map(|set| set.split(';').next()).find(|pair| pair.starts_with(&format!("{name}=")));
    pair.map(str::to_owned)
}

fn location(answer: &Answer) -> &str {
    answer.headers["location"].to_str().expect("an address")
}

/// Begins a login: the cookie of it, and where the browser is sent.
async fn begin(world: &World, next: &str) -> (String, String) {
    let begun = world.ask(Method::GET, &format!("/login/oidc?next={next}"), None, &[]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    (cookie(&begun, "flowctl_oidc").expect("a cookie"), location(&begun).to_owned())
}

async fn come_back(world: &World, url: &Url, pending: &str) -> Answer {
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    world.ask(Method::GET, &path, None, &[("cookie", pending)]).await
}

/// A whole login of somebody whose groups are in their name.
async fn log_in(world: &World, name: &str) -> Answer {
    let (pending, start) = begin(world, "/pools").await;
    let back = Browser::new().log_in(&start, name).await;
    come_back(world, &back, &pending).await
}

#[tokio::test]
async fn a_login_at_the_provider_makes_an_account_whose_role_its_groups_give() {
    let provider = Provider::start().await;
    let world = World::with_oidc(provider.settings()).await;
    let page = world.ask(Method::GET, "/login", None, &[]).await;
    assert!(page.text.contains("Log in with Example"), "{}", page.text);

    let welcomed = log_in(&world, "ada+staff").await;
    assert_eq!((welcomed.status, location(&welcomed)), (StatusCode::SEE_OTHER, "/pools"), "{}", welcomed.text);
    let session = cookie(&welcomed, "flowctl_session").expect("a session");
    let variables = world.ask(Method::GET, "/variables", None, &[("cookie", &session)]).await;
    assert_eq!(variables.status, StatusCode::FORBIDDEN);

    // Another login, other groups: the role follows, for the session that there was too.
    assert_eq!(log_in(&world, "ada+ops+staff").await.status, StatusCode::SEE_OTHER);
    let variables = world.ask(Method::GET, "/variables", None, &[("cookie", &session)]).await;
    assert_eq!(variables.status, StatusCode::OK);

    // Its name and a password lead nowhere.
    let body = serde_json::json!({"username": "ada", "password": ""});
    world.ask(Method::POST, "/auth/token", Some(body), &[]).await.refused(400);
    let body = serde_json::json!({"username": "ada", "password": "any"});
    world.ask(Method::POST, "/auth/token", Some(body), &[]).await.refused(401);
    provider.stop().await;
}

#[tokio::test]
async fn who_is_in_no_group_or_has_the_name_of_a_local_account_is_not_let_in() {
    let provider = Provider::start().await;
    let world = World::with_oidc(provider.settings()).await;
    let refused = log_in(&world, "eve+strangers").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.text.contains("eve is in no group that may use flowctl"), "{}", refused.text);
    let refused = log_in(&world, "admin+ops").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("there is a local account `admin`"), "{}", refused.text);
    provider.stop().await;
}

#[tokio::test]
async fn an_answer_that_another_browser_or_another_login_asked_for_is_refused() {
    let provider = Provider::start().await;
    let world = World::with_oidc(provider.settings()).await;
    let (mine, start) = begin(&world, "/").await;
    let (other, _) = begin(&world, "/").await;
    let back = Browser::new().log_in(&start, "ada+staff").await;
    let nothing = come_back(&world, &back, "a=b").await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    let foreign = come_back(&world, &back, &other).await;
    assert_eq!(foreign.status, StatusCode::UNAUTHORIZED);
    assert!(foreign.text.contains("belongs to another login"), "{}", foreign.text);
    assert_eq!(come_back(&world, &back, &mine).await.status, StatusCode::SEE_OTHER);
    // It is sealed: nobody reads or makes one.
    let sealed = mine.split_once('=').expect("a value").1;
    for engine in [&base64::engine::general_purpose::URL_SAFE, &base64::engine::general_purpose::URL_SAFE_NO_PAD] {
        let bytes = base64::Engine::decode(engine, sealed).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("verifier"));
    }
    // A code is of one use.
    let again = come_back(&world, &back, &mine).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.text.contains("the code was not accepted"), "{}", again.text);
    provider.stop().await;
}

#[tokio::test]
async fn a_logout_offers_the_one_of_the_provider() {
    let provider = Provider::start().await;
    let world = World::with_oidc(provider.settings()).await;
    let session = cookie(&log_in(&world, "ada+staff").await, "flowctl_session").expect("a session");
    let left = world.submit("/logout", &session, "").await;
    assert_eq!(location(&left), "/login?left=provider");
    let page = world.ask(Method::GET, "/login?left=provider", None, &[]).await;
    assert!(page.text.contains("Log out of Example too"), "{}", page.text);
    let out = world.ask(Method::GET, "/login/oidc/logout", None, &[]).await;
    assert!(
        location(&out).starts_with(&format!("{}/session/end?client_id=flowctl&", provider.issuer)),
        "{:?}",
        out.headers
    );
    provider.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_as_that_and_passwords_still_work() {
    let provider = Provider::start().await;
    let settings = provider.settings();
    provider.stop().await;
    let world = World::with_oidc(settings).await;
    let away = world.ask(Method::GET, "/login/oidc", None, &[]).await;
    assert_eq!(away.status, StatusCode::BAD_GATEWAY);
    assert!(away.text.contains("Example cannot be reached"), "{}", away.text);
    world.log_in("admin").await;
}

#[tokio::test]
async fn a_role_that_the_providers_groups_give_cannot_be_deleted() {
    let roles = vec![("ml".to_owned(), "team-ml".to_owned())];
    let settings = OidcSettings {
        roles,
        default_role: Some("guests".to_owned()),
        ..settings_at("http://127.0.0.1:1/never-asked".to_owned())
    };
    let world = World::with_oidc(settings).await;
    for name in ["team-ml", "guests", "others"] {
        world.post("/roles", json!({"name": name})).await.expect(201);
    }
    let why = world.delete("/roles/team-ml").await.refused(409);
    assert_eq!(why, "oidc.roles gives `ml` the role `team-ml`; take it out of the configuration first");
    let why = world.delete("/roles/guests").await.refused(409);
    assert_eq!(why, "oidc.default_role is the role `guests`; take it out of the configuration first");
    assert_eq!(world.delete("/roles/others").await.status, 204);
}

#[tokio::test]
async fn without_a_provider_there_is_no_way_to_one() {
    let world = World::create().await;
    assert!(!world.ask(Method::GET, "/login", None, &[]).await.text.contains("/login/oidc"));
    for path in ["/login/oidc", "/login/oidc/callback", "/login/oidc/logout"] {
        assert_eq!(world.ask(Method::GET, path, None, &[]).await.status, StatusCode::NOT_FOUND);
    }
}
