//! Tokens for programs that whoever runs the server trusts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;

use super::account::digest;
use super::{ActionError, Doors};

/// A standalone runs for months, and its local command line with it; it takes the token back when it stops.
const LOCAL: SignedDuration = SignedDuration::from_hours(365 * 24);

impl Doors {
    /// A new token of an account without its password: for whoever holds the database anyway.
    pub async fn token_for(&self, username: &str) -> Result<String, ActionError> {
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let now = (self.clock)();
        self.store.insert_access_token(&digest(&token), username, "api", now, now + LOCAL).await?;
        Ok(token)
    }
}
