//! Accounts: local ones with a password, and those that an identity provider vouches for.

use jiff::Timestamp;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Result, Store, from_sql, to_sql};

/// What somebody logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name they log in with.
    pub username: String,
    /// argon2id, as a PHC string; empty: no password is accepted.
    pub password_hash: String,
    /// viewer, user, op, admin, or one of the deployment's own.
    pub role: String,
}

/// An account as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The name they log in with.
    pub username: String,
    /// What they may do.
    pub role: String,
    /// local or oidc.
    pub origin: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when nothing is let in with it.
    pub disabled_at: Option<Timestamp>,
}

/// What became of a login through an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// The account is there, with this role.
    Welcome,
    /// A local account has the name.
    Taken,
    /// The account is switched off.
    Disabled,
}

impl Store {
    /// Creates an account; false when the name is taken.
    pub async fn create_account(&self, account: &Account, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let result = sqlx::query!(
            "-- account.create
             INSERT INTO account (username, password_hash, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            account.username,
            account.password_hash,
            account.role
        )
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::new("post_user").object("account", &account.username);
        event.after(json!({"role": account.role})).commit(transaction, by).await?;
        Ok(true)
    }

    /// One account that is in use.
    pub async fn account(&self, username: &str) -> Result<Option<Account>> {
        Ok(sqlx::query_as!(
            Account,
            "-- account.get
             SELECT username, password_hash, role FROM account WHERE username = $1 AND disabled_at IS NULL",
            username
        )
        .fetch_optional(self.pool())
        .await?)
    }

    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>> {
        let rows = sqlx::query!(
            "-- account.list\nSELECT username, role, origin, created_at, disabled_at FROM account ORDER BY username"
        )
        .fetch_all(self.pool())
        .await?;
        let rows = rows.into_iter().map(|row| AccountRow {
            username: row.username,
            role: row.role,
            origin: row.origin,
            created_at: from_sql(row.created_at),
            disabled_at: row.disabled_at.map(from_sql),
        });
        Ok(rows.collect())
    }

    /// Removes an account and logs it out everywhere; false when there is none.
    pub async fn delete_account(&self, username: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let role =
            sqlx::query_scalar!("-- account.delete\nDELETE FROM account WHERE username = $1 RETURNING role", username)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(role) = role else { return Ok(false) };
        let event = Event::new("delete_user").object("account", username).before(json!({"role": role}));
        event.commit(transaction, by).await?;
        Ok(true)
    }

    /// Sets a new password and logs the account out everywhere; false when there is none with a password.
    pub async fn set_password(&self, username: &str, password_hash: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let changed = sqlx::query_scalar!(
            r#"-- account.set_password
            WITH changed AS (
                UPDATE account SET password_hash = $2 WHERE username = $1 AND origin = 'local' RETURNING username
            ), logged_out AS (
                DELETE FROM access_token USING changed WHERE access_token.username = changed.username
            )
            SELECT count(*) AS "count!" FROM changed"#,
            username,
            password_hash
        )
        .fetch_one(&mut *transaction)
        .await?;
        if changed == 0 {
            return Ok(false);
        }
        Event::new("set_password").object("account", username).commit(transaction, by).await?;
        Ok(true)
    }

    /// Sets what an account may do; false when there is none.
    pub async fn set_role(&self, username: &str, role: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let before = sqlx::query_scalar!(
            "-- account.set_role
             UPDATE account a SET role = $2 FROM (SELECT username, role FROM account WHERE username = $1 FOR UPDATE) old
              WHERE a.username = old.username RETURNING old.role",
            username,
            role
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(before) = before else { return Ok(false) };
        let event = Event::new("set_role").object("account", username);
        event.before(json!({"role": before})).after(json!({"role": role})).commit(transaction, by).await?;
        Ok(true)
    }

    /// Switches an account off or on again. What it presents is refused from now on; false when there is none.
    pub async fn set_disabled(&self, username: &str, is_disabled: bool, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let changed = sqlx::query!(
            "-- account.set_disabled
             UPDATE account SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, $3) END WHERE username = $1",
            username,
            is_disabled,
            to_sql(by.at)
        )
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        if is_disabled {
            sqlx::query!("-- account.log_out\nDELETE FROM access_token WHERE username = $1", username)
                .execute(&mut *transaction)
                .await?;
        }
        let name = if is_disabled { "disable_user" } else { "enable_user" };
        Event::new(name).object("account", username).commit(transaction, by).await?;
        Ok(true)
    }

    /// Lets somebody in whom an identity provider vouches for: makes the account at the first time, and gives it the
    /// role every time.
    pub async fn vouch(&self, username: &str, role: &str, by: &By) -> Result<Vouched> {
        let mut transaction = self.pool().begin().await?;
        let made = sqlx::query!(
            "-- account.create_vouched
             INSERT INTO account (username, password_hash, role, origin) VALUES ($1, '', $2, 'oidc') ON CONFLICT DO NOTHING",
            username,
            role
        )
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 1 {
            let event = Event::new("post_user").object("account", username);
            event.after(json!({"role": role, "origin": "oidc"})).commit(transaction, by).await?;
            return Ok(Vouched::Welcome);
        }
        let known = sqlx::query!(
            "-- account.vouched\nSELECT origin, role, disabled_at FROM account WHERE username = $1 FOR UPDATE",
            username
        )
        .fetch_one(&mut *transaction)
        .await?;
        if known.origin != "oidc" {
            return Ok(Vouched::Taken);
        }
        if known.disabled_at.is_some() {
            return Ok(Vouched::Disabled);
        }
        if known.role != role {
            sqlx::query!("-- account.renew_role\nUPDATE account SET role = $2 WHERE username = $1", username, role)
                .execute(&mut *transaction)
                .await?;
            let event = Event::new("set_role").object("account", username);
            event.before(json!({"role": known.role})).after(json!({"role": role})).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(Vouched::Welcome)
    }

    /// Records a login, or that it was refused.
    pub async fn record_login(&self, succeeded: bool, how: &str, by: &By) -> Result<()> {
        let transaction = self.pool().begin().await?;
        let event = Event::new(if succeeded { "login" } else { "login_refused" });
        event.object("account", &by.username).after(json!({"how": how})).commit(transaction, by).await
    }
}
