//! DAG files whose newest content was refused.

use jiff::Timestamp;
use model::dag_file::Problem;

use crate::{Error, Result, Store, to_sql};

/// A file that was refused.
#[derive(Debug, Clone, Copy)]
pub struct NewImportError<'a> {
    /// Path below the DAG folder.
    pub filename: &'a str,
    /// The DAG it described when it was last good.
    pub dag_id: Option<&'a str>,
    /// All problems, as the terminal shows them.
    pub stack_trace: &'a str,
    /// The problems.
    pub problems: &'a [Problem],
}

impl Store {
    /// Keeps a file's problems instead of those it had before; the last good version of its DAG stays in force.
    pub async fn record_import_error(&self, error: &NewImportError<'_>, now: Timestamp) -> Result<()> {
        let problems = serde_json::to_string(error.problems).map_err(|source| Error::Unreadable {
            what: format!("the problems of {}", error.filename),
            reason: source.to_string(),
        })?;
        sqlx::query!(
            "-- import_error.record
             WITH marked AS (
                 UPDATE dag SET has_import_errors = true WHERE relative_fileloc = $1 AND NOT is_stale RETURNING dag_id
             )
             INSERT INTO import_error (filename, dag_id, stack_trace, problems, created_at)
             VALUES ($1, COALESCE($2, (SELECT min(dag_id) FROM marked)), $3, $4::text::json, $5)
             ON CONFLICT (filename) DO UPDATE SET dag_id = excluded.dag_id, stack_trace = excluded.stack_trace,
                 problems = excluded.problems, created_at = excluded.created_at",
            error.filename,
            error.dag_id,
            error.stack_trace.replace('\0', "\u{fffd}"),
            problems.replace("\\u0000", "\\ufffd"),
            to_sql(now)
        )
        .execute(self.pool())
        .await?;
        self.notify_change().await
    }
}
