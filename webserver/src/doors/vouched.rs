//! Those whom an identity provider vouches for.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::account::Vouched as Known;
use store::event_log::By;

use super::{ActionError, Doors, Purpose, unavailable};
use crate::oidc::{Pending, Vouched};

/// A login that took longer to come back from the provider is begun again.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// A login that is under way, as its cookie carries it.
#[derive(Serialize, Deserialize)]
struct UnderWay<T> {
    since: Timestamp,
    pending: T,
}

impl Doors {
    /// Writes a login that is under way into a cookie's value: encrypted, if the deployment has a key, so that nobody
    /// reads or makes one.
    pub(crate) fn seal(&self, pending: &Pending) -> Result<String, ActionError> {
        let since = (self.clock)();
        let text = serde_json::to_string(&UnderWay { since, pending }).map_err(unavailable)?;
        if self.store.keys().is_empty() {
            return Ok(URL_SAFE_NO_PAD.encode(text));
        }
        self.store.keys().encrypt(&text, since).map_err(unavailable)
    }

    /// Reads it again; none when it is not ours or took too long.
    pub(crate) fn unseal(&self, sealed: &str) -> Option<Pending> {
        let text = if self.store.keys().is_empty() {
            String::from_utf8(URL_SAFE_NO_PAD.decode(sealed).ok()?).ok()?
        } else {
            self.store.keys().decrypt(sealed).ok()?
        };
        let UnderWay { since, pending } = serde_json::from_str(&text).ok()?;
        ((self.clock)().duration_since(since).abs() < PATIENCE).then_some(pending)
    }

    /// Refuses an identity provider whose groups give roles that do not exist.
    pub async fn check_vouched_roles(&self) -> Result<(), ActionError> {
        let Some(oidc) = &self.oidc else { return Ok(()) };
        let known: Vec<_> = self.store.roles().await?.into_iter().map(|role| role.name).collect();
        match oidc.settings().given_roles().find(|(_, role)| !known.iter().any(|name| name == role)) {
            None => Ok(()),
            Some((what, role)) => Err(ActionError::Invalid(format!(
                "{what} the role `{role}`, which does not exist; there are {}",
                known.join(", ")
            ))),
        }
    }

    /// Lets somebody in: their account is made at the first time, and gets its role every time. A token for a browser's
    /// cookie.
    pub async fn let_in(&self, vouched: &Vouched, from: Option<IpAddr>) -> Result<String, ActionError> {
        let Vouched { username, role } = vouched;
        let by = By { username: username.clone(), address: from, at: (self.clock)() };
        let known = self.store.vouch(username, role, &by).await?;
        self.store.record_login(known == Known::Welcome, "oidc", &by).await?;
        match known {
            Known::Welcome => self.new_token(username, Purpose::Session).await,
            Known::Taken => Err(ActionError::Forbidden(format!(
                "there is a local account `{username}`, which the identity provider cannot vouch for"
            ))),
            Known::Disabled => Err(ActionError::Forbidden(format!("the account `{username}` is disabled"))),
        }
    }
}
