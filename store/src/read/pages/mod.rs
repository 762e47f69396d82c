//! Read models of the web pages: one file per page, one or two statements per file.

mod contention;
mod dag;
mod dags;
mod hints;
mod import_errors;
mod run;
mod task;

pub use contention::Contention;
pub use dag::{DagDetails, GridCell, RunRow, VersionRow};
pub use dags::{DagCounts, DagFilter, DagPage, DagRow, RecentRun};
pub use hints::Hints;
pub use import_errors::ImportErrorRow;
pub use run::{RunDetails, TaskInstanceRow};
pub use task::{AttemptRow, XComRow};

use jiff::Timestamp;

/// Why a page's data was not loaded.
pub type PagesError = sqlx::Error;

/// At the border to sqlx, which knows chrono and not jiff. PostgreSQL's own range is within jiff's but for infinity.
fn instant(at: chrono::DateTime<chrono::Utc>) -> Timestamp {
    Timestamp::from_microsecond(at.timestamp_micros()).unwrap_or_default()
}
