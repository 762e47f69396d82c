//! Connections to other systems, as Airflow has them: eight fields, and two texts that say the same, a URI ([`uri`]) and
//! JSON ([`json`]).

mod json;
mod python;
#[cfg(test)]
mod tests;
mod uri;

use std::fmt;

use serde_json::{Map, Value};

pub use python::dumps;
pub(crate) use uri::quoted;

/// The longest id, in characters.
pub const MAX_ID: usize = 200;
/// The key of a URI's query under which `extra` stands that is more than texts by name.
const EXTRA_KEY: &str = "__extra__";

/// How to reach another system.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Such as `postgres` or `http`.
    pub conn_type: String,
    /// For people.
    pub description: Option<String>,
    /// Its host; with the protocol before it where that is not the type.
    pub host: Option<String>,
    /// Who logs in.
    pub login: Option<String>,
    /// With which password.
    pub password: Option<String>,
    /// The database, or what the type calls so.
    pub schema: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// What the type needs beside this: the text of a JSON object.
    pub extra: Option<String>,
}

impl fmt::Debug for Connection {
    /// Without what is secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("conn_type", &self.conn_type)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Why a text or a field does not describe a connection. Never repeats a part of it, because any may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Not a URI with a type.
    #[error("it is not a connection URI such as postgres://login:password@host:5432/schema: {0}")]
    Uri(&'static str),
    /// Not a JSON object with these fields.
    #[error("it is not the JSON of a connection: {0}")]
    Json(String),
    /// `extra` is something else.
    #[error("extra must be a JSON object")]
    Extra,
    /// The id cannot be one.
    #[error("`{0}` cannot be a connection's id: letters, digits, `_`, `.` and `-`, {MAX_ID} at most")]
    Id(String),
    /// There is no type.
    #[error("a connection needs a type (conn_type)")]
    NoType,
}

/// Whether a text can be the id of a connection, as Airflow's API has it.
pub fn check_id(id: &str) -> Result<(), ConnectionError> {
    let is_good = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '-');
    if id.is_empty() || id.chars().count() > MAX_ID || !id.chars().all(is_good) {
        return Err(ConnectionError::Id(id.chars().take(MAX_ID + 1).collect()));
    }
    Ok(())
}

/// `extra` as an object: no text is an empty one.
pub fn parse_extra(extra: &str) -> Result<Map<String, Value>, ConnectionError> {
    if extra.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(extra).map_err(|_| ConnectionError::Extra)
}

impl Connection {
    /// Reads what stands in an environment variable or a file: JSON where it begins with a brace, else a URI.
    pub fn parse(text: &str) -> Result<Self, ConnectionError> {
        let text = text.trim();
        if text.starts_with('{') { Self::from_json(text) } else { Self::from_uri(text) }
    }

    /// `extra` as an object.
    pub fn extra_object(&self) -> Map<String, Value> {
        self.extra.as_deref().and_then(|extra| parse_extra(extra).ok()).unwrap_or_default()
    }

    /// The same connection when its fields can be those of one.
    pub fn checked(self) -> Result<Self, ConnectionError> {
        if self.conn_type.trim().is_empty() {
            return Err(ConnectionError::NoType);
        }
        if let Some(extra) = &self.extra {
            parse_extra(extra)?;
        }
        Ok(self)
    }
}

/// Types have one spelling.
fn normalized(conn_type: &str) -> String {
    if conn_type == "postgresql" { "postgres".to_owned() } else { conn_type.replace('-', "_") }
}
