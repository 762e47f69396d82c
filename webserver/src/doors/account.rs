//! Passwords, sessions and tokens.

use std::net::IpAddr;
use std::sync::OnceLock;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use store::Store;
use store::access_token::Caller;
use store::account::Account;
use store::event_log::By;

use super::{ActionError, Doors, LoggedIn, Scope, unavailable};
use crate::access::Role;

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
    pub async fn log_in(
        &self,
        username: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<Option<String>, ActionError> {
        self.issue_token(username, password, Purpose::Session, from).await
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
            let hash = account.as_ref().map(|account| account.password_hash.as_str()).filter(|hash| !hash.is_empty());
            matches(&password, hash.unwrap_or_else(|| nobodys_hash())) && hash.is_some()
        })
        .await
        .map_err(unavailable)?;
        let by = By { username: username.replace('\0', "\u{fffd}"), address: from, at: now };
        self.store.record_login(is_right, "password", &by).await?;
        if !is_right {
            return Ok(None);
        }
        self.attempts.succeed(username, from);
        self.new_token(username, purpose).await.map(Some)
    }

    /// A new token of somebody who is let in.
    pub(super) async fn new_token(&self, username: &str, purpose: Purpose) -> Result<String, ActionError> {
        let (token, now) = (made_token(), (self.clock)());
        let (purpose, expires_at) = (purpose.as_str(), now + purpose.lifetime());
        self.store.insert_access_token(&digest(&token), username, purpose, now, expires_at).await?;
        Ok(token)
    }

    /// Who a token belongs to; `address`: where it comes from.
    pub async fn session(&self, token: &str, address: Option<IpAddr>) -> Result<Option<LoggedIn>, ActionError> {
        let Some(caller) = self.store.caller(&digest(token), (self.clock)()).await? else { return Ok(None) };
        let Some(role) = effective_role(&caller) else { return Ok(None) };
        let role = role.to_owned();
        Ok(Some(LoggedIn {
            grants: caller.grants.into_iter().filter(|(of, _)| *of == role).map(|(_, grant)| grant).collect(),
            username: caller.username,
            role,
            address,
            is_vouched: caller.origin == "oidc",
            named: None,
            scope: Scope::All,
            form_token: form_token(token),
        }))
    }

    /// Ends a session.
    pub async fn log_out(&self, token: &str) -> Result<(), ActionError> {
        Ok(self.store.delete_access_token(&digest(token)).await?)
    }

    /// Ends all sessions of somebody; their personal tokens stay.
    pub async fn log_out_everywhere(&self, who: &LoggedIn) -> Result<(), ActionError> {
        self.store.log_out_everywhere(&who.username, &self.by(who)).await?;
        Ok(())
    }
}

/// The lesser of the owner's role and the token's; none when they cannot be compared any more.
fn effective_role(caller: &Caller) -> Option<&str> {
    let owner = caller.role.as_str();
    let Some(token) = caller.token_role.as_deref() else { return Some(owner) };
    match (Role::named(owner), Role::named(token)) {
        (Some(of_owner), Some(of_token)) => Some(of_owner.min(of_token).as_str()),
        _ if owner == token => Some(owner),
        _ => None,
    }
}

/// What a form of a session carries, so that another site's cannot stand for it.
pub fn form_token(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("form of {token}")))
}

/// Letters and digits that nobody can guess, 5.95 bits each. Nothing else: what begins with `-` is an option to a shell's
/// command, and a double click takes the whole.
fn made_secret(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

/// A new password: 119 bits.
pub fn made_password() -> String {
    made_secret(20)
}

/// A new token: 256 bits.
pub(crate) fn made_token() -> String {
    made_secret(43)
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
pub async fn first_account(
    store: &Store,
    password: Option<String>,
    now: Timestamp,
) -> Result<Option<String>, ActionError> {
    if !store.accounts().await?.is_empty() {
        return Ok(None);
    }
    let made = password.is_none();
    let password = password.unwrap_or_else(made_password);
    let hashing = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&hashing))
        .await
        .map_err(unavailable)?
        .map_err(|error| ActionError::Invalid(error.to_string()))?;
    let account = Account { username: "admin".to_owned(), password_hash: hash, role: "admin".to_owned() };
    store.create_account(&account, &By::local("flowctl", now)).await?;
    Ok(made.then_some(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(owner: &str, token: Option<&str>) -> Option<String> {
        let caller = Caller {
            username: "ada".to_owned(),
            role: owner.to_owned(),
            token_role: token.map(str::to_owned),
            origin: "local".to_owned(),
            grants: Vec::new(),
        };
        effective_role(&caller).map(str::to_owned)
    }

    #[test]
    fn what_is_made_for_people_is_never_an_option_to_a_command() {
        for made in (0..200).flat_map(|_| [made_token(), made_password()]) {
            assert!(made.len() >= 20 && made.chars().all(|c| c.is_ascii_alphanumeric()), "{made}");
        }
    }

    #[test]
    fn a_token_may_no_more_than_its_owner_and_no_more_than_itself() {
        let some = |role: &str| Some(role.to_owned());
        assert_eq!(effective("op", None), some("op"));
        assert_eq!(effective("op", Some("viewer")), some("viewer"));
        assert_eq!(effective("viewer", Some("op")), some("viewer"));
        assert_eq!(effective("team", Some("team")), some("team"));
        assert_eq!(effective("team", Some("viewer")), None);
        assert_eq!(effective("viewer", Some("team")), None);
    }
}
