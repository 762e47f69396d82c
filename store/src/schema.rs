//! Whether the schema is the one that this program was built for.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::{Result, Store};

/// The migrations of this program.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// SQLSTATE of a table that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

/// How a database's schema stands to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// It is the one.
    UpToDate,
    /// These migrations are missing, by name; all of them in an empty database.
    Behind(Vec<String>),
    /// A newer program has migrated it: these versions are not known here.
    Ahead(Vec<i64>),
    /// These migrations were applied with another content.
    Changed(Vec<i64>),
}

impl Store {
    /// Compares the database's schema with this program's. Changes nothing.
    pub async fn schema_state(&self) -> Result<SchemaState> {
        let mut connection = self.pool().acquire().await?;
        let applied = match connection.list_applied_migrations(&MIGRATIONS.table_name).await {
            Ok(applied) => applied,
            Err(MigrateError::Execute(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some(UNDEFINED_TABLE) =>
            {
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        let known = |version: i64| MIGRATIONS.iter().find(|migration| migration.version == version);
        let ahead: Vec<i64> =
            applied.iter().map(|applied| applied.version).filter(|version| known(*version).is_none()).collect();
        if !ahead.is_empty() {
            return Ok(SchemaState::Ahead(ahead));
        }
        let changed: Vec<i64> = applied
            .iter()
            .filter(|applied| known(applied.version).is_some_and(|migration| migration.checksum != applied.checksum))
            .map(|applied| applied.version)
            .collect();
        if !changed.is_empty() {
            return Ok(SchemaState::Changed(changed));
        }
        let missing: Vec<String> = MIGRATIONS
            .iter()
            .filter(|migration| applied.iter().all(|applied| applied.version != migration.version))
            .map(|migration| format!("{} {}", migration.version, migration.description))
            .collect();
        Ok(if missing.is_empty() { SchemaState::UpToDate } else { SchemaState::Behind(missing) })
    }
}

#[cfg(test)]
mod tests {
    use super::SchemaState;
    use crate::testing::TestDatabase;

    #[tokio::test]
    async fn a_migrated_database_is_up_to_date_and_an_empty_one_is_behind() {
        let database = TestDatabase::create().await;
        assert_eq!(database.store().schema_state().await.unwrap(), SchemaState::UpToDate);
        sqlx::query("DROP TABLE _sqlx_migrations").execute(database.store().pool()).await.unwrap();
        let SchemaState::Behind(missing) = database.store().schema_state().await.unwrap() else {
            panic!("an empty database is behind")
        };
        assert!(missing[0].ends_with("create the schema"), "{missing:?}");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_program_is_told() {
        let database = TestDatabase::create().await;
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99990101000000, 'from the future', true, '', 0)",
        )
        .execute(database.store().pool())
        .await
        .unwrap();
        assert_eq!(database.store().schema_state().await.unwrap(), SchemaState::Ahead(vec![99_990_101_000_000]));
    }
}
