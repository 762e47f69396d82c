//! Databases of others, which `sql` sensors ask.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// An address that is none, or none of a database that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    /// Another kind of database.
    #[error("connections of type `{0}` are not supported yet; `postgres` is")]
    Kind(String),
    /// Not an address.
    #[error("it is not an Airflow connection URI such as postgres://user:password@host:5432/database")]
    Malformed,
}

/// An Airflow connection URI of a PostgreSQL.
#[derive(Clone)]
pub struct ConnectionUrl(PgConnectOptions);

impl std::fmt::Debug for ConnectionUrl {
    /// Without its password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConnectionUrl(…)")
    }
}

impl FromStr for ConnectionUrl {
    type Err = NoConnection;

    fn from_str(uri: &str) -> Result<Self, NoConnection> {
        let (kind, rest) = uri.split_once("://").ok_or(NoConnection::Malformed)?;
        if !matches!(kind, "postgres" | "postgresql") {
            return Err(NoConnection::Kind(kind.to_owned()));
        }
        let options = PgConnectOptions::from_str(&format!("postgres://{rest}")).map_err(|_| NoConnection::Malformed)?;
        Ok(Self(options.disable_statement_logging()))
    }
}

/// The first value of the first row of a query, as JSON; none when there is no row.
pub async fn first_value(url: &ConnectionUrl, sql: &str) -> Result<Option<serde_json::Value>, sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect_with(&url.0).await?;
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

    use super::{ConnectionUrl, NoConnection, first_value};
    use crate::testing::TestDatabase;

    #[test]
    fn only_postgresql_can_be_asked() {
        assert!("postgres://a:b@host:5432/db".parse::<ConnectionUrl>().is_ok());
        let kind = "mysql://a:b@host/db".parse::<ConnectionUrl>().unwrap_err();
        assert_eq!(kind, NoConnection::Kind("mysql".to_owned()));
        assert_eq!("nonsense".parse::<ConnectionUrl>().unwrap_err(), NoConnection::Malformed);
    }

    #[tokio::test]
    async fn the_first_value_of_the_first_row_is_asked_for() {
        let database = TestDatabase::create().await;
        let url = ConnectionUrl(database.store().pool().connect_options().as_ref().clone());
        let first = async |sql: &str| first_value(&url, sql).await.unwrap();
        assert_eq!(first("SELECT 3 AS a, true AS b;").await, Some(json!(3)));
        assert_eq!(first("SELECT 1 WHERE false").await, None);
        assert!(first_value(&url, "SELECT nothing").await.is_err());
    }
}
