//! What the templates of an attempt became: from the file beside its log, or from what the scheduler keeps of a wait.

use std::path::Path;

use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::log_path::rendered_path;
use model::rendered::{has_template, of_wait, shown};
use serde_json::{Map, Value};
use store::Store;

use crate::doors::ActionError;

/// The fields of one attempt by their names in the DAG file, without secrets: empty before its templates are rendered,
/// and where there are none. `log` is the attempt's.
pub(crate) async fn fields(
    store: &Store,
    log: &Path,
    key: TaskInstanceKey,
    try_number: u32,
) -> Result<Map<String, Value>, ActionError> {
    if let Some(fields) = written(&rendered_path(log)).await {
        return Ok(fields);
    }
    let Some(templates) = store.templates(key, try_number).await? else { return Ok(Map::new()) };
    if let Some(awaited) = templates.awaited {
        return Ok(of_wait(&awaited));
    }
    // What is no template is what it becomes.
    let is_known = !templates.sources.values().any(has_template);
    Ok(if is_known { shown(templates.sources) } else { Map::new() })
}

/// A row's key, from its columns.
pub(crate) const fn key(dag_run_id: i64, task_index: i32, map_index: i32) -> TaskInstanceKey {
    TaskInstanceKey { dag_run: DagRunKey(dag_run_id), task: TaskIndex(task_index.cast_unsigned()), map_index }
}

/// What the worker wrote; none when it wrote nothing, or is writing.
async fn written(path: &Path) -> Option<Map<String, Value>> {
    let bytes = tokio::fs::read(path).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}
