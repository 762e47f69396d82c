//! Passwords, sessions and tokens.

use std::net::IpAddr;
use std::sync::OnceLock;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use store::Store;
use store::account::Account;

use super::{ActionError, Doors, LoggedIn, unavailable};

/// What a token is for, and with that how long it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A browser's cookie.
    Session,
    /// A program's header.
    Api,
    /// A command line's header.
    Cli,
}

impl Purpose {
    /// Airflow's `jwt_expiration_time` and `jwt_cli_expiration_time`.
    const fn lifetime(self) -> SignedDuration {
        match self {
            Self::Session | Self::Api => SignedDuration::from_hours(24),
            Self::Cli => SignedDuration::from_hours(1),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Api | Self::Cli => "api",
        }
    }
}

impl Doors {
    /// Checks a password; a new token for a browser's cookie, or none when name or password is wrong.
    pub async fn log_in(&self, username: &str, password: String) -> Result<Option<String>, ActionError> {
        self.issue_token(username, password, Purpose::Session, None).await
    }

    /// Checks a password that came from an address; a new token, or none when name or password is wrong.
    pub async fn issue_token(
        &self,
        username: &str,
        password: String,
        purpose: Purpose,
        from: Option<IpAddr>,
    ) -> Result<Option<String>, ActionError> {
        let now = (self.clock)();
        if !self.attempts.begin(username, from, now) {
            return Err(ActionError::TooMany("too many failed logins: try again in a minute".to_owned()));
        }
        let is_name = !username.contains('\0');
        let account = if is_name { self.store.account(username).await? } else { None };
        // argon2 takes tens of milliseconds of a core on purpose. A name that nobody has takes them too, or the time
        // would tell which names there are.
        let is_right = tokio::task::spawn_blocking(move || {
            let hash = account.as_ref().map_or_else(|| nobodys_hash(), |account| account.password_hash.as_str());
            matches(&password, hash) && account.is_some()
        })
        .await
        .map_err(unavailable)?;
        if !is_right {
            return Ok(None);
        }
        self.attempts.succeed(username, from);
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        self.store
            .insert_access_token(&digest(&token), username, purpose.as_str(), now, now + purpose.lifetime())
            .await?;
        Ok(Some(token))
    }

    /// Who a token belongs to; `address`: where it comes from.
    pub async fn session(&self, token: &str, address: Option<IpAddr>) -> Result<Option<LoggedIn>, ActionError> {
        let account = self.store.account_of_token(&digest(token), (self.clock)()).await?;
        Ok(account.map(|account| LoggedIn { username: account.username, role: account.role, address }))
    }

    /// Ends a session.
    pub async fn log_out(&self, token: &str) -> Result<(), ActionError> {
        Ok(self.store.delete_access_token(&digest(token)).await?)
    }
}

/// The hash of a password, as a PHC string of argon2id.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash that no password of an account has.
fn nobodys_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash_password("").unwrap_or_default())
}

/// What the database keeps of a token.
pub(super) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Creates `admin` when there is no account yet; what its password is then, if it was made here.
pub async fn first_account(store: &Store, password: Option<String>) -> Result<Option<String>, ActionError> {
    if !store.accounts().await?.is_empty() {
        return Ok(None);
    }
    let made = password.is_none();
    let password = password.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()));
    let hashing = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&hashing))
        .await
        .map_err(unavailable)?
        .map_err(|error| ActionError::Invalid(error.to_string()))?;
    let account = Account { username: "admin".to_owned(), password_hash: hash, role: "admin".to_owned() };
    store.create_account(&account).await?;
    Ok(made.then_some(password))
}
