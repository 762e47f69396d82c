//! A message whose templates are rendered.

use std::fmt::{self, Write};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Channel, Target};
use crate::dag_run::DagRunFacts;

/// What is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "over")]
pub enum Message {
    /// A text for a channel of Slack.
    Slack {
        /// The incoming webhook.
        to: Target,
        /// What is said.
        text: String,
    },
    /// A request.
    Webhook {
        /// Where to.
        to: Target,
        /// In capitals.
        method: String,
        /// Headers; those of the body among them.
        headers: IndexMap<String, String>,
        /// What is sent.
        body: Option<String>,
    },
    /// An e-mail.
    Email {
        /// To whom.
        to: Vec<String>,
        /// Who gets a copy.
        cc: Vec<String>,
        /// What it is about.
        subject: String,
        /// What it says.
        body: String,
        /// Whether the body is HTML.
        html: bool,
    },
}

impl Message {
    /// All its texts that templates made.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        fn address(to: &mut Target) -> Option<&mut String> {
            match to {
                Target::Url(url) => Some(url),
                Target::Connection(_) => None,
            }
        }
        match self {
            Self::Slack { to, text } => address(to).into_iter().chain([text]).collect(),
            Self::Webhook { to, headers, body, .. } => {
                address(to).into_iter().chain(headers.values_mut()).chain(body).collect()
            }
            Self::Email { to, cc, subject, body, .. } => to.iter_mut().chain(cc).chain([subject, body]).collect(),
        }
    }

    /// Over what it goes.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Slack { .. } => Channel::Slack,
            Self::Webhook { .. } => Channel::Webhook,
            Self::Email { .. } => Channel::Email,
        }
    }
}

/// What people may see of it: no address of a webhook, which is a secret as a whole.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slack { to, .. } => write!(f, "a message to Slack ({to})"),
            Self::Webhook { to, method, .. } => write!(f, "{method} {to}"),
            Self::Email { to, .. } => write!(f, "an e-mail to {}", to.join(", ")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(host(url)),
            Self::Connection(conn_id) => write!(f, "connection `{conn_id}`"),
        }
    }
}

/// `https://hooks.slack.com/…`: without path, query and credentials.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Where the pages of the web server are, for messages that link to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// `webserver.base_url`; none: messages have no links.
    pub base_url: Option<String>,
}

impl Links {
    /// The page of a run.
    pub fn run(&self, run: &DagRunFacts) -> Option<String> {
        let base = self.base_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/dags/{}/runs/{}", segment(&run.dag_id), segment(&run.run_id)))
    }

    /// The page of a task instance, with its log.
    pub fn task(&self, run: &DagRunFacts, task_id: &str, map_index: i32, try_number: u32) -> Option<String> {
        let mut url = format!("{}/tasks/{}", self.run(run)?, segment(task_id));
        let parts = [
            (map_index >= 0).then(|| format!("map_index={map_index}")),
            (try_number > 0).then(|| format!("try={try_number}")),
        ];
        let query: Vec<String> = parts.into_iter().flatten().collect();
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query.join("&"));
        }
        Some(url)
    }
}

/// A part of a path: what is not unreserved is escaped.
fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
