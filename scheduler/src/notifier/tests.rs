//! Deliveries to real servers: HTTP in this process, SMTP by aiosmtpd.

use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use indexmap::IndexMap;
use jiff::Timestamp;
use model::callback::{Links, Message, Target};
use secrets::{Places, Secrets};
use tokio::net::TcpListener;

use super::{LONGEST_PAUSE, MailSettings, MailTls, NotificationSettings, Sender, TRIES, Undelivered, pause, tried};

/// What a server was sent: method and path, content type, name, body.
type Taken = Arc<Mutex<Vec<(String, String, String, String)>>>;

/// An HTTP server that notes what it gets, and answers with the status that the path names.
async fn server() -> (SocketAddr, Taken) {
    async fn take(
        State(taken): State<Taken>,
        request: Request,
    ) -> (StatusCode, [(&'static str, &'static str); 1], String) {
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        let header = |name: &str| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let what = (
            format!("{} {}", parts.method, parts.uri.path()),
            header("content-type"),
            header("idempotency-key"),
            String::from_utf8_lossy(&bytes).into_owned(),
        );
        taken.lock().expect("nobody panics").push(what);
        let status = parts.uri.path().trim_start_matches('/').parse().unwrap_or(200);
        (StatusCode::from_u16(status).unwrap_or(StatusCode::OK), [("retry-after", "7")], "said\n so".to_owned())
    }
    let taken = Taken::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().fallback(take).with_state(Arc::clone(&taken));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, taken)
}

fn sender(mail: Option<MailSettings>) -> Sender {
    Sender::new(NotificationSettings { mail, links: Links::default() }, Secrets::new(Places::default(), None))
}

fn webhook(url: String) -> Message {
    let headers = IndexMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    Message::Webhook { to: Target::Url(url), method: "PUT".to_owned(), headers, body: Some("{\"é\":1}".to_owned()) }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written_and_is_delivered_when_it_is_taken() {
    let (address, taken) = server().await;
    let answer = sender(None).send(&webhook(format!("http://{address}/hook")), "callback-7").await;
    assert_eq!(answer, Ok("200 OK: said so".to_owned()));
    let slack = Message::Slack { to: Target::Url(format!("http://{address}/slack")), text: "\"김\" & <b>".to_owned() };
    sender(None).send(&slack, "callback-8").await.expect("it is taken");
    let taken = taken.lock().expect("nobody panics").clone();
    let json = "application/json".to_owned();
    assert_eq!(taken[0], ("PUT /hook".to_owned(), json.clone(), "callback-7".to_owned(), "{\"é\":1}".to_owned()));
    assert_eq!((taken[1].0.as_str(), &taken[1].1), ("POST /slack", &json));
    assert_eq!(taken[1].3, r#"{"text":"\"김\" & <b>"}"#);
}

#[tokio::test]
async fn what_may_be_taken_later_is_tried_again_and_what_never_will_be_is_not() {
    let (address, _) = server().await;
    for (status, may_retry) in
        [(500, true), (503, true), (429, true), (408, true), (404, false), (401, false), (302, false)]
    {
        let told = sender(None).send(&webhook(format!("http://{address}/{status}")), "n").await;
        let undelivered = told.expect_err("it is refused");
        assert_eq!(undelivered.may_retry, may_retry, "{status}");
        assert_eq!(undelivered.not_before, Some(Duration::from_secs(7)));
        assert!(undelivered.reason.starts_with(&format!("it answered {status}")), "{}", undelivered.reason);
    }
}

#[tokio::test]
async fn an_address_is_a_secret_also_when_nobody_is_there() {
    let port =
        StdListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
    let url = format!("http://127.0.0.1:{port}/services/T0/B0/secret");
    let undelivered = sender(None).send(&webhook(url), "n").await.expect_err("nobody is there");
    assert!(undelivered.may_retry);
    assert!(!undelivered.reason.contains("secret"), "{}", undelivered.reason);
    let unknown = Message::Slack { to: Target::Connection("flowctl test".to_owned()), text: "x".to_owned() };
    let undelivered = sender(None).send(&unknown, "n").await.expect_err("there is no such connection");
    assert!(!undelivered.may_retry && undelivered.reason.contains("FLOWCTL_CONN_FLOWCTL_TEST"));
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

#[test]
fn the_time_between_tries_grows_and_the_last_one_gives_up() {
    let refused = |number, not_before| {
        let undelivered = Undelivered { not_before, ..Undelivered::for_now("500") };
        tried(number, Err(undelivered), at(1), at(2)).again_in
    };
    let pauses: Vec<u64> = (1..TRIES).map(|number| pause(number).as_secs()).collect();
    assert_eq!(pauses, [5, 15, 45, 135, 405, 900, 900]);
    assert_eq!(refused(1, None), Some(Duration::from_secs(5)));
    assert_eq!(refused(1, Some(Duration::from_secs(30))), Some(Duration::from_secs(30)));
    assert_eq!(refused(TRIES, Some(LONGEST_PAUSE)), None);
    assert_eq!(tried(1, Err(Undelivered::for_good("404")), at(1), at(2)).again_in, None);
    assert_eq!(tried(1, Ok("200 OK".to_owned()), at(1), at(2)).error, None);
}

fn e_mail(to: &str) -> Message {
    Message::Email {
        to: vec![to.to_owned()],
        cc: vec!["Bob <bob@example.com>".to_owned()],
        subject: "etl failed: 김".to_owned(),
        body: "exit code 1\nsecond line".to_owned(),
        html: false,
    }
}

#[tokio::test]
async fn without_a_mail_server_an_e_mail_is_refused_with_what_to_set() {
    let undelivered = sender(None).send(&e_mail("ada@example.com"), "n").await.expect_err("there is no server");
    assert!(!undelivered.may_retry);
    assert!(undelivered.reason.contains("notifications.smtp_host"), "{}", undelivered.reason);
}

/// aiosmtpd, ended with the test. It prints what it gets.
struct MailServer {
    process: Child,
    port: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MailServer {
    fn start() -> Self {
        let free = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let libraries = std::env::home_dir().unwrap_or_default().join(".cache/flowctl-ci/python");
        let process = Command::new("python3")
            .args(["-u", "-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")])
            .args(["-c", "aiosmtpd.handlers.Debugging", "stdout"])
            .env("PYTHONPATH", libraries)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3; `.ci/install python3 aiosmtpd` gets both");
        Self { process, port }
    }

    fn settings(&self) -> MailSettings {
        MailSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            tls: MailTls::None,
            credentials: None,
            from: "flowctl <flowctl@example.com>".to_owned(),
        }
    }

    /// What it printed of one message.
    fn taken(&mut self) -> String {
        let output = self.process.stdout.take().expect("a pipe");
        let mut text = String::new();
        for line in std::io::BufReader::new(output).lines() {
            let line = line.expect("text");
            if line.contains("END MESSAGE") {
                return text;
            }
            text.push_str(&line);
            text.push('\n');
        }
        panic!("the mail server ended; `.ci/install aiosmtpd` gets it\n{text}")
    }
}

/// Sends until the server is up.
async fn send_once_up(sender: &Sender, message: &Message) -> Result<String, Undelivered> {
    for _ in 0..300 {
        match sender.send(message, "callback-7").await {
            Err(undelivered) if undelivered.reason.contains("refused") => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            sent => return sent,
        }
    }
    panic!("the mail server does not start; `.ci/install aiosmtpd` gets it")
}

#[tokio::test]
async fn an_e_mail_arrives_at_a_mail_server() {
    let mut server = MailServer::start();
    let sender = sender(Some(server.settings()));
    let answer = send_once_up(&sender, &e_mail("Ada <ada@example.com>")).await.expect("it is taken");
    assert!(answer.starts_with("250"), "{answer}");
    let taken = server.taken();
    for part in [
        "From: flowctl <flowctl@example.com>",
        "To: Ada <ada@example.com>",
        "Cc: Bob <bob@example.com>",
        "Subject: etl failed: =?utf-8?b?",
        "Message-ID: <callback-7@example.com>",
        "exit code 1\nsecond line",
    ] {
        assert!(taken.contains(part), "{part}\n{taken}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_keep_a_secret_is_told_nothing_unless_it_need_not() {
    let server = MailServer::start();
    send_once_up(&sender(Some(server.settings())), &e_mail("ada@example.com")).await.expect("it is taken");
    for tls in [MailTls::StartTls, MailTls::Tls] {
        let sender = sender(Some(MailSettings { tls, ..server.settings() }));
        let undelivered = sender.send(&e_mail("ada@example.com"), "n").await.expect_err("it has no TLS");
        assert!(undelivered.reason.contains("did not take it"), "{}", undelivered.reason);
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_asking_a_server() {
    let settings = MailSettings {
        host: "127.0.0.1".to_owned(),
        port: 9,
        tls: MailTls::None,
        credentials: Some(("u".to_owned(), "p".to_owned())),
        from: "flowctl@example.com".to_owned(),
    };
    assert!(!format!("{settings:?}").contains("\"p\""));
    let undelivered = sender(Some(settings)).send(&e_mail("nobody"), "n").await.expect_err("it is no address");
    assert!(!undelivered.may_retry && undelivered.reason.contains("`nobody`"), "{}", undelivered.reason);
}
