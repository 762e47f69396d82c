//! Sending one message.

use std::sync::OnceLock;
use std::time::Duration;

use indexmap::IndexMap;
use model::callback::{Links, Message, Target};
use reqwest::StatusCode;
use secrets::{LookupError, Secrets};
use serde_json::json;

use super::settings::NotificationSettings;
use super::{LONGEST_PAUSE, PATIENCE, mail};
use crate::causes::with_causes;
use crate::connection;

/// How much of an answer is kept.
const MAX_ANSWER: usize = 500;
/// How much of one is read.
const MAX_BODY: usize = 64 * 1024;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// In words for a person, without secrets.
    pub reason: String,
    /// What the other side said.
    pub answer: Option<String>,
    /// Whether it may be taken later.
    pub may_retry: bool,
    /// When the other side says how long to wait.
    pub not_before: Option<Duration>,
}

impl Undelivered {
    pub(super) fn for_now(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), answer: None, may_retry: true, not_before: None }
    }

    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), answer: None, may_retry: false, not_before: None }
    }
}

/// Sends messages.
#[derive(Debug)]
pub struct Sender {
    settings: NotificationSettings,
    /// Where connections are.
    secrets: Secrets,
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Sender {
    /// With these settings, and with where connections are.
    pub const fn new(settings: NotificationSettings, secrets: Secrets) -> Self {
        Self { settings, secrets, http: OnceLock::new() }
    }

    /// Where pages are.
    pub const fn links(&self) -> &Links {
        &self.settings.links
    }

    /// Sends a message; what the other side answered. `name` is the same whenever the message is sent again, so that who
    /// gets it twice can know.
    pub async fn send(&self, message: &Message, name: &str) -> Result<String, Undelivered> {
        match message {
            Message::Slack { to, text } => {
                let headers = IndexMap::from([("content-type".to_owned(), "application/json".to_owned())]);
                self.request("POST", to, &headers, Some(json!({"text": text}).to_string()), name).await
            }
            Message::Webhook { to, method, headers, body } => {
                self.request(method, to, headers, body.clone(), name).await
            }
            Message::Email { to, cc, subject, body, html } => {
                let Some(settings) = &self.settings.mail else {
                    return Err(Undelivered::for_good(
                        "no mail server is configured: set notifications.smtp_host and notifications.smtp_from",
                    ));
                };
                let letter = mail::Letter { to, cc, subject, body, is_html: *html, name };
                mail::send(settings, letter).await
            }
        }
    }

    async fn request(
        &self,
        method: &str,
        to: &Target,
        headers: &IndexMap<String, String>,
        body: Option<String>,
        name: &str,
    ) -> Result<String, Undelivered> {
        let url = match to {
            Target::Url(url) => url.clone(),
            Target::Connection(conn_id) => {
                let found = self.secrets.connection_text(conn_id).await.map_err(|error| match error {
                    LookupError::Database(error) => Undelivered::for_now(with_causes(&error)),
                    LookupError::Unreadable(reason) => {
                        Undelivered::for_now(format!("connection `{conn_id}`: {reason}"))
                    }
                })?;
                connection::address(conn_id, found).map_err(Undelivered::for_good)?
            }
        };
        let Ok(method) = method.parse::<reqwest::Method>() else {
            return Err(Undelivered::for_good(format!("`{method}` is not a method")));
        };
        let client = self.http.get_or_init(client).as_ref().map_err(Undelivered::for_good)?;
        let mut request = client.request(method, url).header("idempotency-key", name);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        // The address is a secret: it stays out of what is said of an error.
        match request.send().await.map_err(reqwest::Error::without_url) {
            Ok(response) => answered(response).await,
            Err(error) if error.is_builder() => {
                Err(Undelivered::for_good(format!("the request cannot be made: {}", with_causes(&error))))
            }
            Err(error) => Err(Undelivered::for_now(format!("there is no answer: {}", with_causes(&error)))),
        }
    }
}

fn client() -> Result<reqwest::Client, String> {
    // It fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        // A message that is sent on without its body, as redirects do, would not be delivered.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("no HTTP client can be made: {}", with_causes(&error)))
}

async fn answered(response: reqwest::Response) -> Result<String, Undelivered> {
    let status = response.status();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let text = beginning(response).await;
    let answer = if text.is_empty() { status.to_string() } else { format!("{status}: {text}") };
    if status.is_success() {
        return Ok(answer);
    }
    Err(Undelivered {
        reason: format!("it answered {answer}"),
        answer: Some(answer),
        may_retry: may_pass(status),
        not_before: retry_after.map(Duration::from_secs).map(|wait| wait.min(LONGEST_PAUSE)),
    })
}

/// Whether the same request may be taken later.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

/// The first of an answer's body, on one line.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&bytes);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_ANSWER).collect()
}
