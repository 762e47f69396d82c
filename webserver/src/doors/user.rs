//! Accounts, as admins manage them.

use store::account::{Account, AccountRow};

use super::account::{hash_password, made_password};
use super::{ActionError, Doors, LoggedIn, unavailable};

const LONGEST_NAME: usize = 200;

impl Doors {
    /// All accounts.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, ActionError> {
        Ok(self.store.accounts().await?)
    }

    /// Creates a local account; its password, which is told here and never again.
    pub async fn create_account(&self, who: &LoggedIn, username: &str, role: &str) -> Result<String, ActionError> {
        let is_odd = username.trim() != username || username.chars().any(char::is_control);
        if username.is_empty() || username.chars().count() > LONGEST_NAME || is_odd {
            let message =
                format!("an account has a name of at most {LONGEST_NAME} characters, without spaces around it");
            return Err(ActionError::Invalid(message));
        }
        self.check_role(role).await?;
        let (password, password_hash) = new_password().await?;
        let account = Account { username: username.to_owned(), password_hash, role: role.to_owned() };
        if self.store.create_account(&account, &self.by(who)).await? {
            return Ok(password);
        }
        Err(ActionError::Exists(format!("there is already an account `{username}`")))
    }

    /// Gives a local account a new password and logs it out everywhere; the password, told once.
    pub async fn reset_password(&self, who: &LoggedIn, username: &str) -> Result<String, ActionError> {
        let (password, hash) = new_password().await?;
        if self.store.set_password(username, &hash, &self.by(who)).await? {
            return Ok(password);
        }
        Err(ActionError::NotFound(format!("no local account `{username}`")))
    }

    /// Sets what an account may do.
    pub async fn set_role(&self, who: &LoggedIn, username: &str, role: &str) -> Result<(), ActionError> {
        self.check_role(role).await?;
        if role != "admin" {
            self.keep_an_admin(username).await?;
        }
        found(self.store.set_role(username, role, &self.by(who)).await?, username)
    }

    /// Keeps an account out, or lets it in again.
    pub async fn set_disabled(&self, who: &LoggedIn, username: &str, is_disabled: bool) -> Result<(), ActionError> {
        if is_disabled {
            self.keep_an_admin(username).await?;
        }
        found(self.store.set_disabled(username, is_disabled, &self.by(who)).await?, username)
    }

    /// Deletes an account.
    pub async fn delete_account(&self, who: &LoggedIn, username: &str) -> Result<(), ActionError> {
        self.keep_an_admin(username).await?;
        found(self.store.delete_account(username, &self.by(who)).await?, username)
    }

    async fn check_role(&self, role: &str) -> Result<(), ActionError> {
        if self.store.roles().await?.iter().any(|known| known.name == role) {
            return Ok(());
        }
        Err(ActionError::Invalid(format!("there is no role `{role}`")))
    }

    /// Without an administrator nobody could put it right from here.
    async fn keep_an_admin(&self, username: &str) -> Result<(), ActionError> {
        let accounts = self.store.accounts().await?;
        let is_admin = |known: &&AccountRow| known.role == "admin" && known.disabled_at.is_none();
        let (own, others): (Vec<_>, Vec<_>) =
            accounts.iter().filter(is_admin).partition(|known| known.username == username);
        if !own.is_empty() && others.is_empty() {
            let message = format!("`{username}` is the only administrator; make another one first");
            return Err(ActionError::Conflict(message));
        }
        Ok(())
    }
}

fn found(exists: bool, username: &str) -> Result<(), ActionError> {
    if exists { Ok(()) } else { Err(ActionError::NotFound(format!("no account `{username}`"))) }
}

/// A new password and its hash, which takes a core for a while.
async fn new_password() -> Result<(String, String), ActionError> {
    let password = made_password();
    let hashing = password.clone();
    let hashed = tokio::task::spawn_blocking(move || hash_password(&hashing)).await.map_err(unavailable)?;
    Ok((password, hashed.map_err(|error| ActionError::Invalid(error.to_string()))?))
}
