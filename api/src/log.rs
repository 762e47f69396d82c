//! `…/logs/{try_number}`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Part of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogContent {
    /// Its lines.
    pub content: Vec<LogMessage>,
    /// While the attempt runs: pass it back as `token` to get what follows. Null at the end.
    pub continuation_token: Option<String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogMessage {
    /// When it was read from the process.
    pub timestamp: Option<Timestamp>,
    /// The line.
    pub event: String,
    /// `stdout`, `stderr`, or `flowctl` for what the worker itself says (Airflow: any extra field).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
}
