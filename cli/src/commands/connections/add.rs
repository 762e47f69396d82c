//! `flowctl connections add`.

use api::ConnectionBody;
use clap::Args;
use model::connection::Connection;

use crate::commands::variables::text;
use crate::failure::Failure;

/// A connection: a URI, JSON, or its fields.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Its id.
    #[arg(value_name = "ID")]
    id: String,
    /// All of it as a URI, such as `postgres://login:password@host:5432/schema`; `-` reads it from stdin, where no list of
    /// processes shows it.
    #[arg(long, value_name = "URI", conflicts_with_all = FIELDS)]
    conn_uri: Option<String>,
    /// All of it as a JSON object; `-` reads it from stdin.
    #[arg(long, value_name = "JSON", conflicts_with_all = FIELDS, conflicts_with = "conn_uri")]
    conn_json: Option<String>,
    /// Such as `postgres` or `http`.
    #[arg(long, value_name = "TYPE", required_unless_present_any = ["conn_uri", "conn_json"])]
    conn_type: Option<String>,
    /// For people.
    #[arg(long, value_name = "TEXT")]
    conn_description: Option<String>,
    /// Its host.
    #[arg(long, value_name = "HOST")]
    conn_host: Option<String>,
    /// Who logs in.
    #[arg(long, value_name = "LOGIN")]
    conn_login: Option<String>,
    /// Its password; `-` reads it from stdin.
    #[arg(long, value_name = "PASSWORD")]
    conn_password: Option<String>,
    /// The database, or what the type calls so.
    #[arg(long, value_name = "SCHEMA")]
    conn_schema: Option<String>,
    /// Its port.
    #[arg(long, value_name = "PORT")]
    conn_port: Option<u16>,
    /// A JSON object with what the type needs beside this.
    #[arg(long, value_name = "JSON", conflicts_with = "conn_json")]
    conn_extra: Option<String>,
}

/// What a URI or JSON says as a whole.
const FIELDS: [&str; 6] = ["conn_type", "conn_host", "conn_login", "conn_password", "conn_schema", "conn_port"];

impl Add {
    /// What to send.
    pub(super) fn body(self) -> anyhow::Result<ConnectionBody> {
        let mut connection = match (self.conn_uri, self.conn_json) {
            (Some(uri), _) => Connection::from_uri(text(uri)?.trim()).map_err(refused)?,
            (None, Some(json)) => Connection::from_json(&text(json)?).map_err(refused)?,
            (None, None) => Connection {
                conn_type: self.conn_type.unwrap_or_default(),
                host: self.conn_host,
                login: self.conn_login,
                password: self.conn_password.map(text).transpose()?,
                schema: self.conn_schema,
                port: self.conn_port,
                ..Connection::default()
            },
        };
        connection.description = self.conn_description.or(connection.description);
        connection.extra = self.conn_extra.or(connection.extra);
        let connection = connection.checked().map_err(refused)?;
        Ok(super::body(self.id, connection))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn refused(error: model::connection::ConnectionError) -> Failure {
    Failure::usage(error.to_string())
}
