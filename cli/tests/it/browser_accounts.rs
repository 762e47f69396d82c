//! Accounts, tokens, the audit log and single sign-on in a real browser.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use crate::chromium::Chromium;
use crate::system::{PASSWORD, System};

/// The status of a login over HTTP.
async fn status_of_login(system: &System, username: &str, password: &str) -> u16 {
    let body = json!({"username": username, "password": password});
    let request = reqwest::Client::new().post(format!("{}/auth/token", system.url())).json(&body);
    request.send().await.expect("an answer").status().as_u16()
}

/// The status of a list over HTTP, asked for with a token.
async fn status_with(system: &System, token: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{}/api/v2/dags", system.url())).bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

/// Picks one of a list.
async fn choose(browser: &Chromium, css: &str, value: &str) {
    browser.value(&format!("document.querySelector({}).value = {}", json!(css), json!(value))).await;
}

#[tokio::test]
async fn an_admin_manages_accounts_and_the_audit_log_tells_of_it() {
    let system = System::with_test_database().await;
    let browser = Chromium::logged_in(system.url(), PASSWORD).await;
    browser.open("/users").await;

    // What is wrong is told above the fields, which keep what was typed.
    browser.click("form.panel button.primary").await;
    assert_eq!(browser.value("document.querySelector('#username').validity.valueMissing").await, true);
    browser.fill("#username", "admin").await;
    choose(&browser, "#role", "op").await;
    browser.mark().await;
    browser.click("form.panel button.primary").await;
    browser.until_text("form.panel [role=alert]", "there is already an account `admin`").await;
    browser.fill("#username", " ada").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("form.panel [role=alert]", "without spaces around it").await;
    let typed =
        browser.value("[document.querySelector('#username').value, document.querySelector('#role').value]").await;
    assert_eq!(typed, json!([" ada", "op"]));

    // The password is told this once.
    browser.fill("#username", "ada").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("[data-made]", "").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    let first = browser.text("[data-made]").await;
    assert_eq!(status_of_login(&system, "ada", &first).await, 201);
    browser.reload().await;
    browser.until_text("#user-ada", "local").await;
    assert_eq!(browser.text("[data-made]").await, "");

    // Roles, and who must not lose theirs.
    choose(&browser, "#user-ada select", "user").await;
    browser.click("#user-ada form[action$='/role'] button").await;
    browser.until("the role", "[...document.querySelectorAll('#user-ada option')].some(o => o.hasAttribute('selected') && o.value === 'user')").await;
    choose(&browser, "#user-admin select", "viewer").await;
    browser.click("#user-admin form[action$='/role'] button").await;
    browser.until_text("[data-toast]", "`admin` is the only administrator").await;
    browser.until("the role that it has", "document.querySelector('#user-admin select').value === 'admin'").await;

    browser.click("#user-ada form[action$='/password'] button").await;
    browser.confirm().await;
    browser.until("another password", "!!document.querySelector('[data-made]')").await;
    let second = browser.text("[data-made]").await;
    assert_ne!(first, second);
    assert_eq!(
        (status_of_login(&system, "ada", &first).await, status_of_login(&system, "ada", &second).await),
        (401, 201)
    );

    browser.open("/users").await;
    browser.click("#user-ada form[action$='/disabled'] button").await;
    browser.confirm().await;
    browser.until_text("#user-ada", "disabled").await;
    assert_eq!(status_of_login(&system, "ada", &second).await, 401);
    browser.click("#user-ada form[action$='/disabled'] button").await;
    browser.confirm().await;
    browser.until_text("#user-ada form[action$='/disabled'] button", "Disable").await;
    assert_eq!(status_of_login(&system, "ada", &second).await, 201);

    // All of it is in the audit log, and can be found there.
    browser.click("#nav a[href='/audit-log']").await;
    for event in ["post_user", "set_role", "set_password", "login_refused"] {
        browser.until_text("#events", event).await;
    }
    browser.fill("input[name=event]", "set_role").await;
    browser.click(".head form button").await;
    browser.until("one event", "document.querySelectorAll('#events tbody tr').length === 1").await;
    browser.until_text("#events tbody tr", "account ada").await;
    assert_eq!(browser.text("#events del").await, "op");
    browser.until_text("#events tbody tr", "user").await;
    browser.until_text("#events tbody tr", "127.0.0.1").await;
    browser.close().await;
}

#[tokio::test]
async fn a_token_is_shown_once_works_over_http_and_is_revoked() {
    let system = System::with_test_database().await;
    let browser = Chromium::logged_in(system.url(), PASSWORD).await;
    browser.click("a.user").await;
    browser.fill("#name", "ci").await;
    choose(&browser, "#role", "viewer").await;
    browser.click("form.panel button.primary").await;
    browser.until("the token", "!!document.querySelector('[data-made]')").await;
    let token = browser.text("[data-made]").await;
    assert_eq!(status_with(&system, &token).await, 200);
    browser.reload().await;
    browser.until_text("#tokens", "ci").await;
    assert!(!browser.text("main").await.contains(&token));

    browser.fill("#name", "ci").await;
    browser.fill("#days", "7").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("form.panel [role=alert]", "you have a token `ci` already").await;
    assert_eq!(browser.value("document.querySelector('#days').value").await, "7");
    browser.fill("#days", "731").await;
    browser.click("form.panel button.primary").await;
    assert_eq!(browser.value("document.querySelector('#days').validity.rangeOverflow").await, true);

    browser.click("#tokens form button.danger").await;
    browser.confirm().await;
    browser.until_text("#tokens", "No tokens").await;
    assert_eq!(status_with(&system, &token).await, 401);
    browser.close().await;
}

/// The provider of webserver's tests.
struct Provider {
    process: Child,
    /// Kept open: what it says later must go somewhere.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Provider {
    /// Starts one that sends people back to `base`, and its address.
    fn start(base: &str) -> (Self, String) {
        let modules = std::env::home_dir().unwrap_or_default().join(".cache/flowctl-ci/node/node_modules");
        let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../webserver/tests/it/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(modules).arg(format!("{base}/login/oidc/callback"));
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("node; `.ci/install node oidc-provider` gets it and the provider");
        let mut lines = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let issuer = lines.by_ref().map(|line| line.expect("a line")).find(|line| line.starts_with("http://"));
        (Self { process, _lines: lines }, issuer.expect("its address"))
    }
}

#[tokio::test]
async fn somebody_logs_in_at_the_identity_provider_and_out_of_both() {
    let mut system = System::with_test_database().await;
    system.keep_address();
    let base = system.url().to_owned();
    assert!(system.terminate().await.success());
    let (_provider, issuer) = Provider::start(&base);
    for (name, value) in [
        ("ISSUER", &*issuer),
        ("CLIENT_ID", "flowctl"),
        ("CLIENT_SECRET", "a secret of the test"),
        ("SCOPES", "profile groups"),
        ("ROLES", "ops=op, staff=viewer"),
        ("LABEL", "Example"),
    ] {
        system.set(&format!("FLOWCTL_OIDC__{name}"), value);
    }
    system.set("FLOWCTL_WEBSERVER__BASE_URL", &base);
    system.start().await;
    let browser = Chromium::start(&base).await;

    // The page that was asked for is behind the provider's login, and its consent.
    browser.open("/variables").await;
    browser.until_text("a.btn.primary", "Log in with Example").await;
    browser.click("a.btn.primary").await;
    browser.until("the provider's login", "!!document.querySelector('input[name=login]')").await;
    browser.fill("input[name=login]", "ada+ops").await;
    browser.fill("input[name=password]", "any").await;
    browser.click("button[type=submit]").await;
    browser.until("its consent", "document.querySelector('input[name=prompt]')?.value === 'consent'").await;
    browser.click("button[type=submit]").await;
    browser.until("the page", "location.pathname === '/variables' && !!document.querySelector('a.user')").await;
    assert_eq!(browser.text("a.user").await, "ada");

    // Logged out here, the provider still knows who it is; logged out of it too, it asks again.
    browser.click("form[action='/logout'] button").await;
    browser.until_text(".note", "You are logged out here.").await;
    browser.click(".note a").await;
    browser.until("the provider's logout", "!!document.querySelector('button[name=logout]')").await;
    browser.click("button[name=logout]").await;
    browser.until("the login", "location.pathname === '/login'").await;
    browser.click("a.btn.primary").await;
    browser.until("the provider's login", "!!document.querySelector('input[name=login]')").await;

    // Somebody else, whose groups give less, and somebody whom none lets in.
    browser.fill("input[name=login]", "eve+strangers").await;
    browser.fill("input[name=password]", "any").await;
    browser.click("button[type=submit]").await;
    browser.until("its consent", "document.querySelector('input[name=prompt]')?.value === 'consent'").await;
    browser.click("button[type=submit]").await;
    browser.until_text("[role=alert]", "eve is in no group that may use flowctl").await;
    browser.log_in_locally("admin", PASSWORD).await;
    browser.until("the first page", "location.pathname === '/'").await;
    browser.open("/users").await;
    browser.until_text("#user-ada", "oidc").await;
    assert_eq!(browser.value("document.querySelector('#user-ada select').value").await, "op");
    browser.close().await;
}
