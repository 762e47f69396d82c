//! Connections.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How to reach another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its name.
    pub connection_id: String,
    /// Such as `postgres` or `http`.
    pub conn_type: String,
    /// For people.
    pub description: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// Who logs in.
    pub login: Option<String>,
    /// The database, or what the type calls so.
    pub schema: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// `***` when there is one.
    pub password: Option<String>,
    /// The text of a JSON object, with `***` for what is secret in it.
    pub extra: Option<String>,
    /// Always null: there are no teams.
    pub team_name: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionCollection {
    /// The entries.
    pub connections: Vec<Connection>,
    /// On all pages.
    pub total_entries: u64,
}

/// A connection to be made or tried, or what of one is changed: a field that is absent stays as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// Its name: letters, digits, `_`, `.` and `-`.
    #[serde(alias = "conn_id")]
    pub connection_id: String,
    /// Such as `postgres` or `http`.
    pub conn_type: String,
    /// For people.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Its host.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub host: Option<Option<String>>,
    /// Who logs in.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub login: Option<Option<String>>,
    /// The database, or what the type calls so.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub schema: Option<Option<String>>,
    /// Its port.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>)]
    pub port: Option<Option<u16>>,
    /// Its password; in a change, `***` stands for what it was.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Option<String>>,
    /// The text of a JSON object; in a change, `***` stands for what it was.
    #[serde(default, deserialize_with = "crate::given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub extra: Option<Option<String>>,
    /// Taken and without meaning: there are no teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}

impl std::fmt::Debug for ConnectionBody {
    /// Without what is secret in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { connection_id, conn_type, .. } = self;
        f.debug_struct("ConnectionBody")
            .field("connection_id", connection_id)
            .field("conn_type", conn_type)
            .finish_non_exhaustive()
    }
}

/// How trying a connection went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionTest {
    /// Whether it works.
    pub status: bool,
    /// What was done, or why it does not.
    pub message: String,
}
