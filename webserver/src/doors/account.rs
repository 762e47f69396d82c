//! Passwords, sessions and tokens.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use store::Store;
use store::account::Account;

use super::{ActionError, Doors, LoggedIn, unavailable};

/// How long a login lasts (Airflow's `jwt_expiration_time`).
const SESSION: SignedDuration = SignedDuration::from_hours(24);

impl Doors {
    /// Checks a password; a new token for a browser's cookie or a program's header, or none when name or password is
    /// wrong.
    pub async fn log_in(&self, username: &str, password: String) -> Result<Option<String>, ActionError> {
        let Some(account) = self.store.account(username).await? else { return Ok(None) };
        // argon2 takes tens of milliseconds of a core on purpose.
        let is_right = tokio::task::spawn_blocking(move || matches(&password, &account.password_hash))
            .await
            .map_err(unavailable)?;
        if !is_right {
            return Ok(None);
        }
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let now = (self.clock)();
        self.store.insert_access_token(&digest(&token), username, "session", now, now + SESSION).await?;
        Ok(Some(token))
    }

    /// Who a token belongs to.
    pub async fn session(&self, token: &str) -> Result<Option<LoggedIn>, ActionError> {
        let account = self.store.account_of_token(&digest(token), (self.clock)()).await?;
        Ok(account.map(|account| LoggedIn { username: account.username, role: account.role }))
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
