//! Task instances of a run that has not started. Their rows are written when it starts; until then its version says
//! which ones there will be.

use model::dag::Dag;
use model::state::TaskInstanceState;
use store::read::pages::TaskInstanceRow;

/// The rows of a run: its own, or what they will be at its start.
pub(super) fn or_not_started(rows: Vec<TaskInstanceRow>, dag: &Dag) -> Vec<TaskInstanceRow> {
    if rows.is_empty() { not_started(dag) } else { rows }
}

fn not_started(dag: &Dag) -> Vec<TaskInstanceRow> {
    let rows = (0_i32..).zip(&dag.tasks).map(|(task_index, task)| TaskInstanceRow {
        task_index,
        map_index: -1,
        state: TaskInstanceState::None.as_str().to_owned(),
        try_number: 0,
        max_tries: i32::try_from(task.retries).unwrap_or(i32::MAX).saturating_add(1),
        queued_at: None,
        started_at: None,
        ended_at: None,
        retry_at: None,
        pid: None,
        reason: None,
        rendered_map_index: None,
        removed: None,
    });
    rows.collect()
}
