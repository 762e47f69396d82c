//! The table `connection`.

use jiff::Timestamp;
use model::connection::Connection;
use serde_json::{Value, json};

use crate::event_log::{By, Event};
use crate::{Error, KeyError, Keyring, Result, Store};

pub(crate) fn about(conn_id: &str) -> impl FnOnce(KeyError) -> Error {
    let what = format!("connection `{conn_id}`");
    move |source| Error::Key { what, source }
}

/// A row as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Sealed {
    pub(crate) conn_id: String,
    conn_type: String,
    description: Option<String>,
    host: Option<String>,
    login: Option<String>,
    password: Option<String>,
    schema: Option<String>,
    port: Option<i32>,
    extra: Option<String>,
}

impl Sealed {
    /// What can be read without a key, and the whole when there is one.
    pub(crate) fn open(self, keys: &Keyring) -> (Connection, Option<KeyError>) {
        let mut problem = None;
        let mut open = |token: Option<String>| match token.map(|token| keys.decrypt(&token)).transpose() {
            Ok(text) => text,
            Err(error) => {
                problem = Some(error);
                None
            }
        };
        let connection = Connection {
            password: open(self.password),
            extra: open(self.extra),
            conn_type: self.conn_type,
            description: self.description,
            host: self.host,
            login: self.login,
            schema: self.schema,
            port: self.port.and_then(|port| u16::try_from(port).ok()),
        };
        (connection, problem)
    }

    fn opened(self, keys: &Keyring) -> Result<(String, Connection)> {
        let conn_id = self.conn_id.clone();
        let (connection, problem) = self.open(keys);
        match problem {
            Some(problem) => Err(about(&conn_id)(problem)),
            None => Ok((conn_id, connection)),
        }
    }
}

/// The texts of a connection that are written encrypted.
fn seal(keys: &Keyring, conn_id: &str, text: Option<&str>, now: Timestamp) -> Result<Option<String>> {
    text.filter(|text| !text.is_empty()).map(|text| keys.encrypt(text, now)).transpose().map_err(about(conn_id))
}

impl Store {
    /// A connection.
    pub async fn connection(&self, conn_id: &str) -> Result<Option<Connection>> {
        let row = sqlx::query_as!(
            Sealed,
            "-- connection.value
             SELECT conn_id, conn_type, description, host, login, password, schema, port, extra FROM connection
             WHERE conn_id = $1",
            conn_id
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| row.opened(self.keys()).map(|(_, connection)| connection)).transpose()
    }

    /// The ids of all connections.
    pub async fn connection_ids(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar!("-- connection.ids\nSELECT conn_id FROM connection ORDER BY conn_id")
            .fetch_all(self.pool())
            .await?)
    }

    /// All connections with their secrets, for an export.
    pub async fn connections(&self) -> Result<Vec<(String, Connection)>> {
        let rows = sqlx::query_as!(
            Sealed,
            "-- connection.all
             SELECT conn_id, conn_type, description, host, login, password, schema, port, extra FROM connection
             ORDER BY conn_id"
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(|row| row.opened(self.keys())).collect()
    }

    /// Creates a connection; false when there is one of that id.
    pub async fn create_connection(&self, conn_id: &str, new: &Connection, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let created = sqlx::query!(
            "-- connection.create
             INSERT INTO connection (conn_id, conn_type, description, host, login, password, schema, port, extra)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (conn_id) DO NOTHING",
            conn_id,
            new.conn_type,
            new.description,
            new.host,
            new.login,
            seal(self.keys(), conn_id, new.password.as_deref(), by.at)?,
            new.schema,
            new.port.map(i32::from),
            seal(self.keys(), conn_id, new.extra.as_deref(), by.at)?
        )
        .execute(&mut *transaction)
        .await?;
        if created.rows_affected() == 1 {
            let after = told(&mut transaction, conn_id).await?;
            let event = Event::new("post_connection").object("connection", conn_id).after(after);
            event.commit(transaction, by).await?;
        }
        Ok(created.rows_affected() == 1)
    }

    /// Makes a connection what is given; false when there is none of that id.
    pub async fn update_connection(&self, conn_id: &str, new: &Connection, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let Some(before) = told(&mut transaction, conn_id).await? else { return Ok(false) };
        sqlx::query!(
            "-- connection.update
             UPDATE connection SET conn_type = $2, description = $3, host = $4, login = $5, password = $6, schema = $7,
                    port = $8, extra = $9
             WHERE conn_id = $1",
            conn_id,
            new.conn_type,
            new.description,
            new.host,
            new.login,
            seal(self.keys(), conn_id, new.password.as_deref(), by.at)?,
            new.schema,
            new.port.map(i32::from),
            seal(self.keys(), conn_id, new.extra.as_deref(), by.at)?
        )
        .execute(&mut *transaction)
        .await?;
        let after = told(&mut transaction, conn_id).await?;
        let event = Event::new("patch_connection").object("connection", conn_id).before(before).after(after);
        event.commit(transaction, by).await?;
        Ok(true)
    }

    /// Deletes a connection; false when there is none of that id.
    pub async fn delete_connection(&self, conn_id: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let Some(before) = told(&mut transaction, conn_id).await? else { return Ok(false) };
        sqlx::query!("-- connection.delete\nDELETE FROM connection WHERE conn_id = $1", conn_id)
            .execute(&mut *transaction)
            .await?;
        let event = Event::new("delete_connection").object("connection", conn_id).before(before);
        event.commit(transaction, by).await?;
        Ok(true)
    }
}

/// A connection as the event log tells of it: without its secrets. It stays as it is until the transaction ends.
async fn told(transaction: &mut sqlx::PgTransaction<'_>, conn_id: &str) -> Result<Option<Value>> {
    let row = sqlx::query_as!(
        Sealed,
        "-- connection.lock
         SELECT conn_id, conn_type, description, host, login, password, schema, port, extra FROM connection
         WHERE conn_id = $1 FOR UPDATE",
        conn_id
    )
    .fetch_optional(&mut **transaction)
    .await?;
    let hidden = |token: Option<String>| token.map(|_| "***");
    Ok(row.map(|row| {
        json!({
            "conn_type": row.conn_type, "description": row.description, "host": row.host, "login": row.login,
            "password": hidden(row.password), "schema": row.schema, "port": row.port, "extra": hidden(row.extra),
        })
    }))
}
