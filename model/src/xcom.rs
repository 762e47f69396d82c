//! Values between tasks.

use serde::{Deserialize, Serialize};

/// The key under which what a task returns (or prints last) is kept.
pub const RETURN_VALUE: &str = "return_value";

/// One value that an attempt pushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct XComValue {
    /// Its name within the task instance.
    pub key: String,
    /// Any JSON.
    pub value: serde_json::Value,
}
