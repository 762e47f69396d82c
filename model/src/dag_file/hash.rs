//! Whether a file's content is a new version.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dag::Dag;

/// SHA-256 of the DAG as JSON with sorted keys and without line numbers: layout does not matter, content does.
pub(super) fn content_hash(dag: &Dag) -> [u8; 32] {
    let mut value = serde_json::to_value(dag).unwrap_or_default();
    if let Some(tasks) = value.get_mut("tasks").and_then(Value::as_array_mut) {
        for task in tasks.iter_mut().filter_map(Value::as_object_mut) {
            task.remove("line");
        }
    }
    // The order of params is what a form shows, so it counts; the other mappings' order means nothing.
    let order: Vec<&String> = dag.params.keys().collect();
    let order = serde_json::json!(order);
    value.sort_all_objects();
    let mut hasher = Sha256::new();
    hasher.update(value.to_string());
    hasher.update(order.to_string());
    hasher.finalize().into()
}
