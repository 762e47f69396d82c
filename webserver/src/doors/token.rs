//! Tokens for programs: those that people make for their own, and the one of whoever runs the server.

use jiff::{SignedDuration, Timestamp};
use store::access_token::{NewToken, TokenRow};

use super::account::{digest, made_token};
use super::{ActionError, Doors, LoggedIn};
use crate::access::{Permission, Role};

/// A standalone runs for months, and its local command line with it; it takes the token back when it stops.
const LOCAL: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Days that a personal token is accepted when nobody says.
pub(crate) const DEFAULT_DAYS: u32 = 90;
/// Days that a personal token is accepted at most.
const MOST_DAYS: u32 = 730;
const LONGEST_NAME: usize = 100;

/// A personal token that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWish {
    /// What its owner calls it.
    pub name: String,
    /// It may no more than this role; none: what its owner may.
    pub role: Option<String>,
    /// Days until it expires; none: 90.
    pub days: Option<u32>,
}

impl Doors {
    /// A new token of an account without its password: for whoever holds the database anyway.
    pub async fn token_for(&self, username: &str) -> Result<String, ActionError> {
        let (token, now) = (made_token(), (self.clock)());
        self.store.insert_access_token(&digest(&token), username, "api", now, now + LOCAL).await?;
        Ok(token)
    }

    /// Makes a personal token: its id, itself, and when it expires. It is told here and never again.
    pub async fn create_token(
        &self,
        who: &LoggedIn,
        wish: &TokenWish,
    ) -> Result<(i64, String, Timestamp), ActionError> {
        let name = wish.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(ActionError::Invalid(format!("a token has a name of at most {LONGEST_NAME} characters")));
        }
        if let Some(role) = &wish.role {
            check_token_role(&who.role, role)?;
        }
        let days = wish.days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(ActionError::Invalid(format!("a token is for 1 to {MOST_DAYS} days")));
        }
        // A token of a token that may less than its owner may no more than that one.
        let role = wish.role.as_deref().unwrap_or(&who.role);
        let token = made_token();
        let expires_at = (self.clock)() + SignedDuration::from_hours(24 * i64::from(days));
        let (hash, username) = (digest(&token), who.username.as_str());
        let new = NewToken { hash: &hash, username, name, role: Some(role), expires_at };
        match self.store.insert_personal_token(&new, &self.by(who)).await? {
            Some(id) => Ok((id, token, expires_at)),
            None => Err(ActionError::Exists(format!("you have a token `{name}` already; revoke it first"))),
        }
    }

    /// Somebody's own tokens.
    pub async fn tokens(&self, who: &LoggedIn) -> Result<Vec<TokenRow>, ActionError> {
        Ok(self.store.personal_tokens(Some(&who.username)).await?)
    }

    /// Revokes one of somebody's own tokens; admins revoke anybody's.
    pub async fn revoke_token(&self, who: &LoggedIn, id: i64) -> Result<(), ActionError> {
        let whose = if who.may(Permission::UserEdit).is_ok() { None } else { Some(who.username.as_str()) };
        if self.store.revoke_token(id, whose, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no token {id}")))
    }
}

/// Refuses a token that might do more than its owner.
fn check_token_role(owner: &str, token: &str) -> Result<(), ActionError> {
    let is_less = match (Role::named(owner), Role::named(token)) {
        (Some(owner), Some(token)) => token <= owner,
        _ => owner == token,
    };
    if is_less {
        return Ok(());
    }
    Err(ActionError::Invalid(format!("your role is `{owner}`: a token of yours cannot have the role `{token}`")))
}
