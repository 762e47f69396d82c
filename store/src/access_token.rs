//! What browsers and programs present. Only hashes are kept.

use jiff::Timestamp;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::role::Grant;
use crate::{Result, Store, from_sql, to_sql};

/// A token is noted as used at most this often.
const NOTED: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A token that is kept.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// SHA-256 of it.
    pub hash: &'a [u8; 32],
    /// Whose.
    pub username: &'a str,
    /// What its owner calls it.
    pub name: &'a str,
    /// It may no more than this role; none: what its owner may.
    pub role: Option<&'a str>,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

/// A personal token, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id in the API.
    pub id: i64,
    /// Whose.
    pub username: String,
    /// What its owner calls it.
    pub name: String,
    /// It may no more than this role.
    pub role: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last presented, to a few minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

/// Who presents a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub username: String,
    /// Its role.
    pub role: String,
    /// The token may no more than this role.
    pub token_role: Option<String>,
    /// local or oidc.
    pub origin: String,
    /// What those two roles are granted.
    pub grants: Vec<(String, Grant)>,
}

impl Store {
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

    /// Keeps a personal token; its id, or none when its owner has one of this name.
    pub async fn insert_personal_token(&self, new: &NewToken<'_>, by: &By) -> Result<Option<i64>> {
        let mut transaction = self.pool().begin().await?;
        let id = sqlx::query_scalar!(
            "-- access_token.insert_personal
             WITH expired AS (DELETE FROM access_token WHERE username = $2 AND expires_at <= $5 AND name IS DISTINCT FROM $3)
             INSERT INTO access_token (token_hash, username, purpose, name, role, created_at, expires_at)
             VALUES ($1, $2, 'personal', $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
            new.hash.as_slice(),
            new.username,
            new.name,
            new.role,
            to_sql(by.at),
            to_sql(new.expires_at)
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if id.is_some() {
            let after = json!({"role": new.role, "expires_at": new.expires_at.to_string()});
            let event = Event::new("post_token").object("token", new.name).after(after);
            event.record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// The personal tokens of an account, or of all.
    pub async fn personal_tokens(&self, username: Option<&str>) -> Result<Vec<TokenRow>> {
        let rows = sqlx::query!(
            r#"-- access_token.personal
            SELECT id, username, name AS "name!", role, created_at, last_used_at, expires_at FROM access_token
             WHERE purpose = 'personal' AND ($1::text IS NULL OR username = $1) ORDER BY username, id"#,
            username
        )
        .fetch_all(self.pool())
        .await?;
        let rows = rows.into_iter().map(|row| TokenRow {
            id: row.id,
            username: row.username,
            name: row.name,
            role: row.role,
            created_at: from_sql(row.created_at),
            last_used_at: row.last_used_at.map(from_sql),
            expires_at: from_sql(row.expires_at),
        });
        Ok(rows.collect())
    }

    /// Revokes a personal token of an account, or of anybody; false when there is none.
    pub async fn revoke_token(&self, id: i64, username: Option<&str>, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let name = sqlx::query_scalar!(
            r#"-- access_token.revoke
            DELETE FROM access_token WHERE id = $1 AND purpose = 'personal' AND ($2::text IS NULL OR username = $2)
            RETURNING name AS "name!""#,
            id,
            username
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(name) = &name {
            Event::new("delete_token").object("token", name).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(name.is_some())
    }

    /// Who presents a token that has not expired, of an account that is in use. Notes now and then that it was.
    pub async fn caller(&self, token_hash: &[u8; 32], now: Timestamp) -> Result<Option<Caller>> {
        let row = sqlx::query!(
            r#"-- access_token.caller
            SELECT a.username, a.role, a.origin, t.role AS "token_role?", t.last_used_at,
                   (SELECT json_agg(json_build_array(g.role, json_build_object(
                                        'permission', g.permission, 'dag_id', g.dag_id, 'tag', g.tag)))
                      FROM role_grant g WHERE g.role IN (a.role, t.role)) AS grants
              FROM access_token t JOIN account a USING (username)
             WHERE t.token_hash = $1 AND t.expires_at > $2 AND a.disabled_at IS NULL"#,
            token_hash.as_slice(),
            to_sql(now)
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        if row.last_used_at.is_none_or(|at| now.duration_since(from_sql(at)) >= NOTED) {
            sqlx::query!(
                "-- access_token.used\nUPDATE access_token SET last_used_at = $2 WHERE token_hash = $1",
                token_hash.as_slice(),
                to_sql(now)
            )
            .execute(self.pool())
            .await?;
        }
        Ok(Some(Caller {
            username: row.username,
            role: row.role,
            token_role: row.token_role,
            origin: row.origin,
            grants: row.grants.and_then(|grants| serde_json::from_value(grants).ok()).unwrap_or_default(),
        }))
    }

    /// Logs out.
    pub async fn delete_access_token(&self, token_hash: &[u8; 32]) -> Result<()> {
        sqlx::query!("-- access_token.delete\nDELETE FROM access_token WHERE token_hash = $1", token_hash.as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Logs an account out everywhere: browsers and logins of programs. Personal tokens stay. How many there were.
    pub async fn log_out_everywhere(&self, username: &str, by: &By) -> Result<u64> {
        let mut transaction = self.pool().begin().await?;
        let gone = sqlx::query!(
            "-- access_token.delete_all\nDELETE FROM access_token WHERE username = $1 AND purpose <> 'personal'",
            username
        )
        .execute(&mut *transaction)
        .await?;
        Event::new("log_out_everywhere").object("account", username).commit(transaction, by).await?;
        Ok(gone.rows_affected())
    }
}
