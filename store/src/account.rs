//! Local users and what their browsers and programs present.

use jiff::Timestamp;

use crate::{Result, Store, to_sql};

/// A local user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name they log in with.
    pub username: String,
    /// argon2id, as a PHC string.
    pub password_hash: String,
    /// viewer, user, op or admin.
    pub role: String,
}

impl Store {
    /// Creates an account; false when the name is taken.
    pub async fn create_account(&self, account: &Account) -> Result<bool> {
        let result = sqlx::query!(
            "-- account.create
             INSERT INTO account (username, password_hash, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            account.username,
            account.password_hash,
            account.role
        )
        .execute(self.pool())
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// One account.
    pub async fn account(&self, username: &str) -> Result<Option<Account>> {
        Ok(sqlx::query_as!(
            Account,
            "-- account.get\nSELECT username, password_hash, role FROM account WHERE username = $1",
            username
        )
        .fetch_optional(self.pool())
        .await?)
    }

    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        Ok(sqlx::query_as!(
            Account,
            "-- account.list\nSELECT username, password_hash, role FROM account ORDER BY username"
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// Removes an account and logs it out everywhere; false when there is none.
    pub async fn delete_account(&self, username: &str) -> Result<bool> {
        let result = sqlx::query!("-- account.delete\nDELETE FROM account WHERE username = $1", username)
            .execute(self.pool())
            .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Sets a new password and logs the account out everywhere; false when there is none.
    pub async fn set_password(&self, username: &str, password_hash: &str) -> Result<bool> {
        let changed = sqlx::query_scalar!(
            r#"-- account.set_password
            WITH changed AS (
                UPDATE account SET password_hash = $2 WHERE username = $1 RETURNING username
            ), logged_out AS (
                DELETE FROM access_token USING changed WHERE access_token.username = changed.username
            )
            SELECT count(*) AS "count!" FROM changed"#,
            username,
            password_hash
        )
        .fetch_one(self.pool())
        .await?;
        Ok(changed == 1)
    }

    /// Sets what an account may do; false when there is none.
    pub async fn set_role(&self, username: &str, role: &str) -> Result<bool> {
        let result =
            sqlx::query!("-- account.set_role\nUPDATE account SET role = $2 WHERE username = $1", username, role)
                .execute(self.pool())
                .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Keeps the hash of a token that was issued; removes what has expired of the same account.
    pub async fn insert_access_token(
        &self,
        token_hash: &[u8; 32],
        username: &str,
        purpose: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        sqlx::query!(
            "-- access_token.insert
             WITH expired AS (DELETE FROM access_token WHERE username = $2 AND expires_at <= $4)
             INSERT INTO access_token (token_hash, username, purpose, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            token_hash.as_slice(),
            username,
            purpose,
            to_sql(now),
            to_sql(expires_at)
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Whose token this is, unless it has expired.
    pub async fn account_of_token(&self, token_hash: &[u8; 32], now: Timestamp) -> Result<Option<Account>> {
        Ok(sqlx::query_as!(
            Account,
            "-- access_token.account
             SELECT a.username, a.password_hash, a.role
             FROM access_token t JOIN account a USING (username) WHERE t.token_hash = $1 AND t.expires_at > $2",
            token_hash.as_slice(),
            to_sql(now)
        )
        .fetch_optional(self.pool())
        .await?)
    }

    /// Logs out.
    pub async fn delete_access_token(&self, token_hash: &[u8; 32]) -> Result<()> {
        sqlx::query!("-- access_token.delete\nDELETE FROM access_token WHERE token_hash = $1", token_hash.as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
