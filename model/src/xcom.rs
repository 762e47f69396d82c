//! Values between tasks.

use serde::{Deserialize, Serialize};

/// The key under which what a task returns (or prints last) is kept.
pub const RETURN_VALUE: &str = "return_value";

/// The key under which the scheduler keeps what a branch or short circuit chose, named as in Airflow.
pub const CHOICE: &str = "skipmixin_key";

/// One value that an attempt pushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct XComValue {
    /// Its name within the task instance.
    pub key: String,
    /// Any JSON.
    pub value: serde_json::Value,
}
