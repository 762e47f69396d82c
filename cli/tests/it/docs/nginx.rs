//! The nginx of docs/deployment.md in front of a flowctl: it is started as it is shown there, but without TLS.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::{Value, json};

use super::markdown::Page;
use crate::system::{PASSWORD, System};

/// Whom the browser of this test is; the proxy is 127.0.0.1.
const BROWSER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

struct Nginx {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It ends its worker first.
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    let unpacked = std::env::home_dir().unwrap_or_default().join(".cache/flowctl-ci/nginx/usr/sbin/nginx");
    if unpacked.is_file() { unpacked } else { PathBuf::from("nginx") }
}

/// The server of the documentation, with other addresses.
fn server(listen: &str, flowctl: &str) -> String {
    let page = Page::read(&super::root().join("docs/deployment.md"));
    let block = page.blocks.into_iter().find(|block| block.info == "nginx").expect("an nginx block");
    let change = |text: String, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
        text.replace(from, to)
    };
    let text = change(block.text, "listen 443 ssl;", &format!("listen {listen};"));
    let text = change(text, "http://127.0.0.1:8080", flowctl);
    text.lines().filter(|line| !line.trim_start().starts_with("ssl_")).collect::<Vec<_>>().join("\n")
}

fn configuration(folder: &Path, server: &str) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: Vec<_> = temporary.iter().map(|name| format!("{name}_temp_path {folder}/{name};")).collect();
    format!(
        "daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n{server}\n}}\n",
        temporary.join("\n")
    )
}

/// It takes over a socket that is bound already, so nobody waits for it and nobody else can get its port.
fn start(flowctl: &str) -> Nginx {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let listen = socket.local_addr().expect("its address").to_string();
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::empty())).expect("nginx inherits it");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration(folder.path(), &server(&listen, flowctl))).expect("its configuration");
    let process = Command::new(program())
        .args(["-e", "stderr", "-p"])
        .arg(folder.path())
        .arg("-c")
        .arg(&file)
        .env("NGINX", format!("{};", socket.as_raw_fd()))
        .stdin(Stdio::null())
        .spawn()
        .expect("nginx; `.ci/install nginx` gets it");
    Nginx { process, url: format!("http://{listen}"), _folder: folder }
}

/// The value of the first cookie or attribute that begins like this.
fn after<'a>(text: &'a str, mark: &str, end: char) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("{mark} in {text}"));
    rest.split(end).next().unwrap_or_default()
}

async fn log_in(browser: &Client, url: &str, password: &str) -> reqwest::Response {
    let form = browser.get(format!("{url}/login")).send().await.expect("the form through nginx");
    let cookie = form.headers()["set-cookie"].to_str().expect("a cookie");
    let cookie = format!("flowctl_login={}", after(cookie, "flowctl_login=", ';'));
    let page = form.text().await.expect("a page");
    let token = after(&page, "name=\"form_token\" value=\"", '"');
    let request = browser.post(format!("{url}/login")).header("origin", url).header("cookie", cookie);
    let fields = [("username", "admin"), ("password", password), ("form_token", token)];
    request.header("x-forwarded-for", "198.51.100.1").form(&fields).send().await.expect("an answer through nginx")
}

async fn refused_logins(flowctl: &str) -> Vec<Value> {
    let client = Client::new();
    let body = json!({"username": "admin", "password": PASSWORD});
    let token: Value = client
        .post(format!("{flowctl}/auth/token"))
        .json(&body)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let url = format!("{flowctl}/api/v2/eventLogs?event=login_refused");
    let token = token["access_token"].as_str().expect("a token");
    let events: Value = client.get(url).bearer_auth(token).send().await.expect("an answer").json().await.expect("JSON");
    events["event_logs"].as_array().expect("events").clone()
}

#[tokio::test]
async fn behind_the_nginx_of_the_documentation_flowctl_knows_who_asks_and_pages_are_live() {
    let mut system = System::on_test_database().await;
    system.set("FLOWCTL_WEBSERVER__TRUSTED_PROXIES", "127.0.0.1");
    system.start().await;
    let nginx = start(system.url());
    // It fails when one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let no_redirect = reqwest::redirect::Policy::none();
    let browser =
        Client::builder().local_address(Some(BROWSER.into())).redirect(no_redirect).build().expect("a client");

    assert_eq!(log_in(&browser, &nginx.url, "wrong").await.status(), 401);
    let refused = refused_logins(system.url()).await;
    assert_eq!((refused.len(), refused[0]["address"].as_str()), (1, Some("127.0.0.2")), "{refused:?}");

    let let_in = log_in(&browser, &nginx.url, PASSWORD).await;
    assert_eq!(let_in.status(), 303);
    let set = let_in.headers().get_all("set-cookie").iter().map(|set| set.to_str().expect("a cookie"));
    let session = set.filter(|set| set.starts_with("flowctl_session=")).map(|set| set.split(';').next()).next();
    let session = session.flatten().expect("a session");
    // A page that is late is told so at once, and the stream goes on: nginx must not wait for more.
    let events = browser.get(format!("{}/events?since=99", nginx.url)).header("cookie", session);
    let mut events = events.send().await.expect("a stream through nginx");
    let first = events.chunk().await.expect("an event").expect("an event");
    assert!(first.starts_with(b"event: progress"), "{first:?}");
}
