//! `/importErrors`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A DAG file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportError {
    /// Its row.
    pub import_error_id: i64,
    /// When it was refused.
    pub timestamp: Timestamp,
    /// Path below the DAG folder.
    pub filename: String,
    /// Always null: the DAG folder is the only bundle.
    pub bundle_name: Option<String>,
    /// All problems as a terminal shows them: file, line, column, source line, caret.
    pub stack_trace: String,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportErrorCollection {
    /// The entries.
    pub import_errors: Vec<ImportError>,
    /// On all pages.
    pub total_entries: u64,
}
