//! The world that is looked at.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use model::callback::Message;
use model::connection::Connection;
use model::ids::AttemptToken;
use secrets::{LookupError, Secrets};
use store::Store;

use super::Seen;
use crate::causes::with_causes;
use crate::notifier::Sender;
use crate::ports::Clock;
use crate::service::SystemClock;

/// A server that does not answer in this time is asked again later.
const HTTP_PATIENCE: Duration = Duration::from_secs(30);

/// What looks are made with.
#[derive(Debug)]
pub struct Outside {
    sender: Arc<Sender>,
    /// Where runs of other DAGs are; none: there are none.
    pub(super) store: Option<Store>,
    /// Where connections are.
    pub(super) secrets: Secrets,
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Outside {
    /// With the database that the runs of other DAGs are in, unless a DAG runs alone, with what sends messages, and with
    /// where connections are.
    pub const fn new(store: Option<Store>, sender: Arc<Sender>, secrets: Secrets) -> Self {
        Self { sender, store, secrets, http: OnceLock::new() }
    }

    /// What becomes of a task that needs other DAGs where there are none.
    pub(super) fn alone() -> Seen {
        Seen::failed_for_good("this DAG runs alone, without a scheduler: there are no other DAGs")
    }

    #[expect(clippy::unused_self, reason = "what looks are made with, the clock among it")]
    pub(super) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// The message of a `notify` task.
    pub(super) async fn deliver(&self, message: &Message, token: AttemptToken) -> Seen {
        match self.sender.send(message, &format!("attempt-{}", token.0)).await {
            Ok(_) => Seen::Met(Vec::new()),
            Err(undelivered) => Seen::Failed { reason: undelivered.reason, may_retry: undelivered.may_retry },
        }
    }

    /// A connection, or what becomes of a task that needs it.
    pub(super) async fn connection(&self, conn_id: &str) -> Result<Connection, Seen> {
        match self.secrets.connection(conn_id).await {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => {
                let how = format!("`flowctl connections add {conn_id} --conn-uri URI` makes one");
                Err(Seen::failed_for_good(format!("there is no connection `{conn_id}`; {how}")))
            }
            Err(LookupError::Database(error)) => {
                Err(Seen::NotYet(format!("its connection was not looked up: {}", with_causes(&error))))
            }
            Err(LookupError::Unreadable(reason)) => Err(Seen::failed(format!("connection `{conn_id}`: {reason}"))),
        }
    }

    /// The address of a path below a connection's.
    pub(super) async fn on_connection(&self, conn_id: &str, path: &str) -> Result<(reqwest::Url, Connection), Seen> {
        let connection = self.connection(conn_id).await?;
        let address = secrets::address(&connection)
            .map_err(|problem| Seen::failed_for_good(format!("connection `{conn_id}`: {problem}")))?;
        // A path that looks like an address may be one.
        let url = if path.contains("://") { path.parse().ok() } else { below(&address, path) };
        url.map(|url| (url, connection))
            .ok_or_else(|| Seen::failed_for_good(format!("`{path}` is no path below connection `{conn_id}`")))
    }

    /// Made when the first sensor needs it.
    pub(super) fn http(&self) -> Result<&reqwest::Client, String> {
        self.http.get_or_init(client).as_ref().map_err(Clone::clone)
    }
}

fn below(address: &reqwest::Url, path: &str) -> Option<reqwest::Url> {
    let base = address.as_str().trim_end_matches('/');
    format!("{base}/{}", path.trim_start_matches('/')).parse().ok()
}

fn client() -> Result<reqwest::Client, String> {
    // It fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(HTTP_PATIENCE)
        .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("no HTTP client can be made: {}", with_causes(&error)))
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_path_is_put_behind_the_address_of_its_connection() {
        let of = |address: &str, path| below(&address.parse().unwrap(), path).unwrap().to_string();
        assert_eq!(of("https://h/", "/api/x?y=1"), "https://h/api/x?y=1");
        assert_eq!(of("https://h/v1/", "x"), "https://h/v1/x");
        assert_eq!(of("https://h", ""), "https://h/");
    }
}
