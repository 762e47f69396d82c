//! All of flowctl's SQL, and nothing but SQL.
//!
//! One file per table or per read model; every statement is checked at compile time against the schema in
//! `migrations/`, begins with a comment that is its name (so that `pg_stat_activity` is readable), and works on sets.
//! Decisions are not made here: each write repeats what its caller believes and says when that was not so.

pub mod account;
pub mod asset;
pub mod backfill;
pub mod callback;
pub mod check;
pub mod clean;
pub mod connection;
pub mod dag;
pub mod dag_run;
pub mod disabled_task;
pub mod embedded;
pub mod error;
pub mod event_log;
pub mod hint;
pub mod idempotency;
pub mod import_error;
pub mod journal;
pub mod keyring;
pub mod listen;
mod past;
mod pool;
pub mod pools;
pub mod read;
pub mod rotate;
pub mod schema;
pub mod service;
pub mod skip;
pub mod state;
mod task_instance_note;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod variable;
pub mod waiting;
pub mod worker;
pub mod xcom;

pub use error::{Error, SqlError, is_passing};
pub use keyring::{KeyError, Keyring};
pub use listen::Hints;
pub use pool::Store;

/// What a function of this crate gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An instant at the border to SQL.
fn to_sql(at: jiff::Timestamp) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(at.as_microsecond()).unwrap_or_default()
}

/// An instant from SQL.
fn from_sql(at: chrono::DateTime<chrono::Utc>) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.timestamp_micros()).unwrap_or_default()
}
