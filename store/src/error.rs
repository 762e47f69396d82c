//! What can go wrong in the database.

/// Why a statement or a transaction was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, or cannot be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("the database's schema cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What the statement is about does not exist.
    #[error("no {what}")]
    NotFound {
        /// For instance ``DAG `etl` ``.
        what: String,
    },
    /// The database holds something that this version cannot read.
    #[error("{what} in the database cannot be read: {reason}")]
    Unreadable {
        /// For instance `the spec of DAG version 7`.
        what: String,
        /// Why.
        reason: String,
    },
}
