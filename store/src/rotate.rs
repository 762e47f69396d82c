//! Encrypting all secrets anew with the first key.

#[cfg(test)]
mod tests;

use crate::event_log::{By, Event};
use crate::{KeyError, Result, Store};

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Variables that are encrypted with the first key now.
    pub variables: usize,
    /// Connections that are.
    pub connections: usize,
    /// What no key decrypts, and stays as it is: such as ``variable `x` ``.
    pub unreadable: Vec<String>,
}

impl Store {
    /// Encrypts everything with the first key, in one transaction; nobody writes a secret meanwhile.
    pub async fn rotate_keys(&self, by: &By) -> Result<Rotation> {
        let mut done = Rotation::default();
        let anew = |token: Option<String>| {
            token.map(|token| self.keys().encrypt(&self.keys().decrypt(&token)?, by.at)).transpose()
        };
        let mut transaction = self.pool().begin().await?;
        sqlx::query!("-- secrets.lock\nLOCK TABLE variable, connection IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut *transaction)
            .await?;
        let variables = sqlx::query!("-- variable.tokens\nSELECT id, key, value FROM variable ORDER BY id")
            .fetch_all(&mut *transaction)
            .await?;
        let (mut ids, mut tokens) = (Vec::new(), Vec::new());
        for row in variables {
            match anew(Some(row.value)) {
                Ok(token) => {
                    ids.push(row.id);
                    tokens.extend(token);
                }
                Err(KeyError::Undecryptable) => done.unreadable.push(format!("variable `{}`", row.key)),
                Err(error) => return Err(crate::variable::about(&row.key)(error)),
            }
        }
        done.variables = ids.len();
        sqlx::query!(
            "-- variable.rotate
             UPDATE variable v SET value = new.token
             FROM unnest($1::bigint[], $2::text[]) AS new (id, token) WHERE v.id = new.id",
            &ids,
            &tokens
        )
        .execute(&mut *transaction)
        .await?;
        let connections =
            sqlx::query!("-- connection.tokens\nSELECT id, conn_id, password, extra FROM connection ORDER BY id")
                .fetch_all(&mut *transaction)
                .await?;
        let (mut ids, mut passwords, mut extras) = (Vec::new(), Vec::new(), Vec::new());
        for row in connections {
            match (anew(row.password), anew(row.extra)) {
                (Ok(password), Ok(extra)) => {
                    ids.push(row.id);
                    passwords.push(password);
                    extras.push(extra);
                }
                (Err(KeyError::Undecryptable), _) | (_, Err(KeyError::Undecryptable)) => {
                    done.unreadable.push(format!("connection `{}`", row.conn_id));
                }
                (Err(error), _) | (_, Err(error)) => return Err(crate::connection::about(&row.conn_id)(error)),
            }
        }
        done.connections = ids.len();
        sqlx::query!(
            "-- connection.rotate
             UPDATE connection c SET password = new.password, extra = new.extra
             FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, password, extra) WHERE c.id = new.id",
            &ids,
            &passwords as &[Option<String>],
            &extras as &[Option<String>]
        )
        .execute(&mut *transaction)
        .await?;
        let after = serde_json::json!({"variables": done.variables, "connections": done.connections});
        Event::new("rotate_key").after(after).commit(transaction, by).await?;
        Ok(done)
    }
}
