//! `…/xcomEntries`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An XCom without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct XComEntry {
    /// Its name within the task instance.
    pub key: String,
    /// When it was recognised.
    pub timestamp: Timestamp,
    /// Of its run.
    pub logical_date: Option<Timestamp>,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// Who pushed it.
    pub task_id: String,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// The DAG's id.
    pub dag_display_name: String,
    /// The task's id.
    pub task_display_name: String,
    /// Of its run.
    pub run_after: Timestamp,
}

/// An XCom with its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct XCom {
    /// What it is.
    #[serde(flatten)]
    pub entry: XComEntry,
    /// Any JSON; its text when `stringify` was asked for.
    pub value: Value,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct XComCollection {
    /// The entries.
    pub xcom_entries: Vec<XComEntry>,
    /// On all pages.
    pub total_entries: u64,
}

/// A new XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct XComCreateBody {
    /// Its name within the task instance.
    pub key: String,
    /// Any JSON.
    #[serde(deserialize_with = "present")]
    pub value: Value,
    /// −1 when the task is not mapped.
    #[serde(default = "unmapped")]
    #[schema(minimum = -1)]
    pub map_index: i32,
}

/// Another value of an XCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct XComUpdateBody {
    /// Any JSON.
    #[serde(deserialize_with = "present")]
    pub value: Value,
    /// −1 when the task is not mapped.
    #[serde(default = "unmapped")]
    #[schema(minimum = -1)]
    pub map_index: i32,
}

const fn unmapped() -> i32 {
    -1
}

/// Null is a value; nothing is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}
