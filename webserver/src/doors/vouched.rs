//! Those whom an identity provider vouches for.

use std::net::IpAddr;

use store::account::Vouched as Known;
use store::event_log::By;

use super::{ActionError, Doors, Purpose};
use crate::oidc::Vouched;

impl Doors {
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
