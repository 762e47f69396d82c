//! `/variables` and `/connections`.

use model::connection::Connection;

use super::{Listing, Page, ReadError, Statement, and_is, and_matches, order_and_cut, total};
use crate::connection::Sealed;
use crate::{KeyError, Store};

/// Which variables or connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFilter {
    /// This one.
    pub name: Option<String>,
    /// As `*_pattern`.
    pub name_pattern: Option<String>,
    /// How the name begins.
    pub name_prefix: Option<String>,
}

/// A variable.
#[derive(Clone, PartialEq, Eq)]
pub struct VariableRow {
    /// Its name.
    pub key: String,
    /// Its text, unless it cannot be decrypted.
    pub value: Result<String, KeyError>,
    /// For people.
    pub description: Option<String>,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its name.
    pub conn_id: String,
    /// What can be read of it.
    pub connection: Connection,
    /// Why its secrets are not in it, when they cannot be decrypted.
    pub problem: Option<KeyError>,
}

#[derive(sqlx::FromRow)]
struct SealedVariable {
    key: String,
    value: String,
    description: Option<String>,
}

const VARIABLES: &str = "-- api.variables\nSELECT v.key, v.value, v.description FROM variable v";
const COUNT_VARIABLES: &str = "-- api.variables_count\nSELECT count(*) FROM variable v";
/// Values are encrypted: an order by them, which Airflow has too, is that of the tokens.
const VARIABLE_ORDER: [(&str, &str); 6] = [
    ("key", "v.key"),
    ("id", "v.id"),
    ("_val", "v.value"),
    ("description", "v.description"),
    // All are encrypted, and there are no teams: all variables are equal in these.
    ("is_encrypted", "(v.id IS NULL)"),
    ("team_name", "(v.id IS NULL)"),
];
const CONNECTIONS: &str = "-- api.connections
    SELECT c.conn_id, c.conn_type, c.description, c.host, c.login, c.password, c.schema, c.port, c.extra
      FROM connection c";
const COUNT_CONNECTIONS: &str = "-- api.connections_count\nSELECT count(*) FROM connection c";
const CONNECTION_ORDER: [(&str, &str); 8] = [
    ("conn_id", "c.conn_id"),
    ("connection_id", "c.conn_id"),
    ("conn_type", "c.conn_type"),
    ("description", "c.description"),
    ("host", "c.host"),
    ("port", "c.port"),
    ("id", "c.id"),
    // There are no teams: all connections are equal in this.
    ("team_name", "(c.id IS NULL)"),
];

fn filtered(select: &'static str, column: &'static str, filter: &SecretFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, column, filter.name.clone());
    and_matches(&mut statement, column, filter.name_pattern.as_deref());
    if let Some(prefix) = &filter.name_prefix {
        statement.push(" AND starts_with(").push(column).push(", ").push_bind(prefix.clone()).push(")");
    }
    statement
}

impl Store {
    /// A page of the variables.
    pub async fn api_variables(
        &self,
        filter: &SecretFilter,
        listing: &Listing,
    ) -> Result<Page<VariableRow>, ReadError> {
        let mut statement = filtered(VARIABLES, "v.key", filter);
        order_and_cut(&mut statement, listing, &VARIABLE_ORDER, "v.id")?;
        let rows: Vec<SealedVariable> = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT_VARIABLES, "v.key", filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows: rows.into_iter().map(|row| self.open_variable(row)).collect(), total: total(count) })
    }

    /// One variable.
    pub async fn api_variable(&self, key: &str) -> Result<Option<VariableRow>, ReadError> {
        let filter = SecretFilter { name: Some(key.to_owned()), ..SecretFilter::default() };
        let row: Option<SealedVariable> =
            filtered(VARIABLES, "v.key", &filter).build_query_as().fetch_optional(self.pool()).await?;
        Ok(row.map(|row| self.open_variable(row)))
    }

    fn open_variable(&self, row: SealedVariable) -> VariableRow {
        VariableRow { value: self.keys().decrypt(&row.value), key: row.key, description: row.description }
    }

    /// A page of the connections.
    pub async fn api_connections(
        &self,
        filter: &SecretFilter,
        listing: &Listing,
    ) -> Result<Page<ConnectionRow>, ReadError> {
        let mut statement = filtered(CONNECTIONS, "c.conn_id", filter);
        order_and_cut(&mut statement, listing, &CONNECTION_ORDER, "c.id")?;
        let rows: Vec<Sealed> = statement.build_query_as().fetch_all(self.pool()).await?;
        let count =
            filtered(COUNT_CONNECTIONS, "c.conn_id", filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows: rows.into_iter().map(|row| self.open_connection(row)).collect(), total: total(count) })
    }

    /// One connection.
    pub async fn api_connection(&self, conn_id: &str) -> Result<Option<ConnectionRow>, ReadError> {
        let filter = SecretFilter { name: Some(conn_id.to_owned()), ..SecretFilter::default() };
        let row: Option<Sealed> =
            filtered(CONNECTIONS, "c.conn_id", &filter).build_query_as().fetch_optional(self.pool()).await?;
        Ok(row.map(|row| self.open_connection(row)))
    }

    fn open_connection(&self, row: Sealed) -> ConnectionRow {
        let conn_id = row.conn_id.clone();
        let (connection, problem) = row.open(self.keys());
        ConnectionRow { conn_id, connection, problem }
    }
}
