//! The world that is looked at.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use model::callback::Message;
use model::ids::AttemptToken;
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
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Outside {
    /// With the database that the runs of other DAGs are in, unless a DAG runs alone, and with what sends messages.
    pub const fn new(store: Option<Store>, sender: Arc<Sender>) -> Self {
        Self { sender, store, http: OnceLock::new() }
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

    /// Made when the first sensor needs it.
    pub(super) fn http(&self) -> Result<&reqwest::Client, String> {
        self.http.get_or_init(client).as_ref().map_err(Clone::clone)
    }
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
