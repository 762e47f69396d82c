//! What can go wrong in the database.

pub use sqlx::Error as SqlError;

/// Whether the same statement may succeed a little later: the database is not there, or not there yet.
pub fn is_passing(error: &SqlError) -> bool {
    match error {
        SqlError::Io(_) | SqlError::PoolTimedOut | SqlError::WorkerCrashed | SqlError::Protocol(_) => true,
        // Connection exceptions, insufficient resources, operator intervention (shutdown, crash, starting up).
        SqlError::Database(error) => {
            error.code().is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}

/// Why a statement or a transaction was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, or cannot be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// There is no server, or it refuses the connection.
    #[error("the database `{database}` at {address} cannot be reached")]
    Unreachable {
        /// Its name.
        database: String,
        /// Host and port, or the directory of its socket.
        address: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The schema cannot be brought up to date.
    #[error("the database's schema cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What the statement is about does not exist.
    #[error("no {what}")]
    NotFound {
        /// For instance ``DAG `etl` ``.
        what: String,
    },
    /// A DAG names pools that do not exist.
    #[error("no pool `{}`", .names.join("`, `"))]
    UnknownPools {
        /// Their names.
        names: Vec<String>,
    },
    /// A DAG says something about an asset that another DAG says otherwise.
    #[error("{reason}")]
    AssetConflict {
        /// What, and what to do, in words for a person.
        reason: String,
    },
    /// A secret cannot be written, or cannot be read.
    #[error("{what}: {source}")]
    Key {
        /// Such as ``variable `x` ``.
        what: String,
        /// Why.
        source: crate::KeyError,
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

impl Error {
    /// Whether the same may succeed a little later. False for what somebody has to put right, such as a wrong password
    /// or a database that does not exist.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) | Self::Unreachable { source: error, .. } => is_passing(error),
            Self::Migrate(_)
            | Self::Key { .. }
            | Self::NotFound { .. }
            | Self::UnknownPools { .. }
            | Self::AssetConflict { .. }
            | Self::Unreadable { .. } => false,
        }
    }
}
