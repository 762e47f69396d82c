//! Databases of others, which `sql` sensors ask.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// A connection by which no database can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    /// Another kind of database.
    #[error("connections of type `{0}` are not supported yet; `postgres` is")]
    Kind(String),
    /// A setting of `extra` that is not one.
    #[error("extra: `sslmode` cannot be `{0}`")]
    SslMode(String),
}

/// A PostgreSQL of somebody else.
#[derive(Clone)]
pub struct OtherDatabase(PgConnectOptions);

impl std::fmt::Debug for OtherDatabase {
    /// Without its password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OtherDatabase(…)")
    }
}

impl OtherDatabase {
    /// Where a connection leads.
    pub fn of(connection: &model::connection::Connection) -> Result<Self, NoConnection> {
        if !matches!(connection.conn_type.as_str(), "postgres" | "postgresql") {
            return Err(NoConnection::Kind(connection.conn_type.clone()));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let extra = connection.extra_object();
        let of_extra = |name: &str| extra.get(name).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        let mut options = PgConnectOptions::new_without_pgpass();
        let host = of_extra("host").map(str::to_owned).or(given(&connection.host));
        options = options.host(host.as_deref().unwrap_or("localhost")).port(connection.port.unwrap_or(5432));
        if let Some(login) = given(&connection.login) {
            options = options.username(&login);
        }
        if let Some(password) = given(&connection.password) {
            options = options.password(&password);
        }
        if let Some(schema) = given(&connection.schema) {
            options = options.database(&schema);
        }
        if let Some(mode) = of_extra("sslmode") {
            options = options.ssl_mode(mode.parse().map_err(|_| NoConnection::SslMode(mode.to_owned()))?);
        }
        if let Some(path) = of_extra("sslrootcert") {
            options = options.ssl_root_cert(path);
        }
        if let (Some(certificate), Some(key)) = (of_extra("sslcert"), of_extra("sslkey")) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        if let Some(name) = of_extra("application_name") {
            options = options.application_name(name);
        }
        Ok(Self(options.disable_statement_logging()))
    }

    /// Connects and asks for nothing; the server's version.
    pub async fn probe(&self) -> Result<String, sqlx::Error> {
        let mut connection = sqlx::PgConnection::connect_with(&self.0).await?;
        let version = sqlx::query_scalar("-- connection.probe\nSHOW server_version").fetch_one(&mut connection).await?;
        let _ = connection.close().await;
        Ok(version)
    }
}

/// The first value of the first row of a query, as JSON; none when there is no row.
pub async fn first_value(database: &OtherDatabase, sql: &str) -> Result<Option<serde_json::Value>, sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect_with(&database.0).await?;
    let query = format!(
        "-- sensor.sql\nSELECT row_to_json(q)::text FROM (\n{}\n) AS q LIMIT 1",
        sql.trim().trim_end_matches(';')
    );
    let row: Option<String> = sqlx::query_scalar(AssertSqlSafe(query)).fetch_optional(&mut connection).await?;
    let _ = connection.close().await;
    let Some(row) = row else { return Ok(None) };
    let row: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&row).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(row.into_iter().next().map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NoConnection, OtherDatabase, first_value};
    use crate::testing::TestDatabase;

    fn of(uri: &str) -> Result<OtherDatabase, NoConnection> {
        OtherDatabase::of(&model::connection::Connection::from_uri(uri).unwrap())
    }

    #[test]
    fn only_postgresql_can_be_asked() {
        assert!(of("postgres://a:b@host:5432/db?sslmode=require").is_ok());
        assert_eq!(of("mysql://a:b@host/db").unwrap_err(), NoConnection::Kind("mysql".to_owned()));
        assert_eq!(of("postgres://h/db?sslmode=perhaps").unwrap_err(), NoConnection::SslMode("perhaps".to_owned()));
    }

    #[tokio::test]
    async fn the_first_value_of_the_first_row_is_asked_for() {
        let database = TestDatabase::create().await;
        let other = OtherDatabase(database.store().pool().connect_options().as_ref().clone());
        let first = async |sql: &str| first_value(&other, sql).await.unwrap();
        assert_eq!(first("SELECT 3 AS a, true AS b;").await, Some(json!(3)));
        assert_eq!(first("SELECT 1 WHERE false").await, None);
        assert!(first_value(&other, "SELECT nothing").await.is_err());
        assert!(other.probe().await.unwrap().starts_with(char::is_numeric));
    }
}
