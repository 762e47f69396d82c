//! Files that were refused.

use jiff::Timestamp;
use serde_json::Value;

use super::instant;
use crate::Store;

/// A file that was refused.
#[derive(Debug, Clone)]
pub struct ImportErrorRow {
    /// Path below the DAG folder.
    pub filename: String,
    /// The DAG whose last good version stays in force.
    pub dag_id: Option<String>,
    /// All problems as the terminal shows them.
    pub stack_trace: String,
    /// `model::dag_file::Problem`, a list.
    pub problems: Value,
    /// When it was refused.
    pub created_at: Timestamp,
}

impl Store {
    /// All refused files, newest first.
    pub async fn pages_import_errors(&self) -> Result<Vec<ImportErrorRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.import_errors
            SELECT filename, dag_id, stack_trace, problems, created_at FROM import_error
             ORDER BY created_at DESC, filename LIMIT 500"#
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| ImportErrorRow {
                filename: row.filename,
                dag_id: row.dag_id,
                stack_trace: row.stack_trace,
                problems: row.problems,
                created_at: instant(row.created_at),
            })
            .collect())
    }
}
