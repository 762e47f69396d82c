//! A browser of a test's own: Debian's Chromium without a window, driven through chromedriver.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::output::Output;
use crate::wait::until_some;

/// Notes in each page what its console would show as an error, and keeps it over page loads.
const NOTE_PROBLEMS: &str = r"
    const note = text => {
        const noted = JSON.parse(sessionStorage.getItem('problems') || '[]');
        sessionStorage.setItem('problems', JSON.stringify([...noted, location.pathname + ': ' + text]));
    };
    addEventListener('securitypolicyviolation', event => note('refused by ' + event.violatedDirective + ': ' + event.blockedURI));
    addEventListener('error', event => note(event.message || 'could not load ' + (event.target.src || event.target.href)), true);
    addEventListener('unhandledrejection', event => note('rejected: ' + event.reason));
    for (const level of ['error', 'warn']) {
        const write = console[level];
        console[level] = (...words) => { note(words.join(' ')); write.apply(console, words); };
    }
";

/// A browser. Dropping it ends its processes.
pub(crate) struct Chromium {
    /// Never dropped: it would ask a driver that has ended to end the session, and wait for the answer.
    driver: ManuallyDrop<WebDriver>,
    process: Child,
    base: String,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one that looks at the flowctl at `base`.
    pub(crate) async fn start(base: &str) -> Self {
        // The HTTP client of the driver wants one although it speaks to this machine only.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("chromedriver: `apt-get install chromium chromium-driver`");
        let stdout = Output::of(process.stdout.take().expect("its stdout"));
        let started = "started successfully on port ";
        let line = until_some("chromedriver starts", || stdout.text(), async || stdout.line_with(started)).await;
        let port = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('.');
        let profile = tempfile::Builder::new().prefix("flowctl-chromium-").tempdir().expect("a profile");
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(argument).expect("a browser's argument");
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.expect("a browser");
        let script = json!({"source": NOTE_PROBLEMS});
        driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", script).await.expect("a script in each page");
        Self { driver: ManuallyDrop::new(driver), process, base: base.to_owned(), _profile: profile }
    }

    /// Starts one and logs in as `admin`.
    pub(crate) async fn logged_in(base: &str, password: &str) -> Self {
        let browser = Self::start(base).await;
        browser.open("/login").await;
        browser.log_in("admin", password).await;
        browser.until("the list of DAGs", "location.pathname === '/'").await;
        browser
    }

    /// Fills in the login and sends it.
    pub(crate) async fn log_in(&self, username: &str, password: &str) {
        self.fill("#username", username).await;
        self.fill("#password", password).await;
        self.click("form button.primary").await;
    }

    /// The same where an identity provider has the first button.
    pub(crate) async fn log_in_locally(&self, username: &str, password: &str) {
        self.fill("#username", username).await;
        self.fill("#password", password).await;
        self.click("form[action='/login'] button").await;
    }

    /// Goes to an address of flowctl.
    pub(crate) async fn open(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.expect("the page");
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        self.driver.refresh().await.expect("the page again");
    }

    /// The value of an expression in the page; null while the page is being left.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let result = self.driver.execute(format!("return {expression}"), Vec::new()).await;
        result.map_or(Value::Null, |result| result.json().clone())
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let seen = RefCell::new(Value::Null);
        let page = || format!("`{expression}` stays false on {}", seen.borrow());
        let look = format!("[{expression}, location.href, document.body.innerText.slice(0, 1500)]");
        let is_true = async || {
            *seen.borrow_mut() = self.value(&look).await;
            (seen.borrow()[0] == json!(true)).then_some(())
        };
        until_some(what, page, is_true).await;
    }

    /// Waits until the first element that matches contains a text.
    pub(crate) async fn until_text(&self, css: &str, text: &str) {
        let expression = format!("!!document.querySelector({})?.textContent.includes({})", json!(css), json!(text));
        self.until(&format!("{css} says `{text}`"), &expression).await;
    }

    /// The text of the first element that matches.
    pub(crate) async fn text(&self, css: &str) -> String {
        let value = self.value(&format!("document.querySelector({})?.textContent ?? ''", json!(css))).await;
        value.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Clicks the first element that matches, once there is one.
    pub(crate) async fn click(&self, css: &str) {
        self.until(css, &format!("!!document.querySelector({})", json!(css))).await;
        let click = async || self.driver.find(By::Css(css)).await.ok()?.click().await.ok();
        until_some(&format!("{css} can be clicked"), String::new, click).await;
    }

    /// Says yes to the question that a click led to.
    pub(crate) async fn confirm(&self) {
        until_some("a question", String::new, async || self.driver.accept_alert().await.ok()).await;
    }

    /// Types into an empty or filled field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.driver.find(By::Css(css)).await.expect("a field");
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("typed");
    }

    /// Marks the page as it is now, to see whether it is loaded again.
    pub(crate) async fn mark(&self) {
        self.driver.execute("window.marked = true", Vec::new()).await.expect("a mark");
    }

    /// Whether the page is the one that was marked.
    pub(crate) async fn is_marked(&self) -> bool {
        self.value("window.marked === true").await == json!(true)
    }

    /// Ends the browser. Nothing may have been refused or gone wrong on any of its pages.
    pub(crate) async fn close(self) {
        let problems = self.value("sessionStorage.getItem('problems')").await;
        assert_eq!(problems, Value::Null, "what the console showed");
        WebDriver::clone(&self.driver).quit().await.expect("the browser ends");
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}
