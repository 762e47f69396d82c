//! The rows of the grid: what became of each task in each run.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use jiff::SignedDuration;
use model::dag::{Dag, Task};
use model::state::TaskInstanceState;
use store::read::pages::{GridCell, RunRow};

use super::super::dag_graph::is_waiting;
use super::super::format::{escape, glyph, run_href, segment, span, words};
use super::super::why::{parse, telling};

/// A grid of more cells than this is written without a link in each, at a fifth of the size. The script opens a cell's
/// page from its row and column then.
const LINKED_CELLS: usize = 2_500;

/// A task.
pub(in crate::pages) struct Row {
    pub(in crate::pages) task_id: String,
    /// The groups it is in, with a dot behind each.
    pub(in crate::pages) group: String,
    pub(in crate::pages) name: String,
    pub(in crate::pages) cells: String,
}

/// The cells of runs that have not started: their version says which tasks they will have.
pub(super) fn not_started(
    runs: &[RunRow],
    cells: &[GridCell],
    task_ids: &[String],
    version_number: i32,
) -> Vec<GridCell> {
    let started: HashSet<i64> = cells.iter().map(|cell| cell.dag_run_id).collect();
    let waiting = runs.iter().filter(|run| is_waiting(run, version_number) && !started.contains(&run.id));
    let cell = |run: &RunRow, task_id: &String| GridCell {
        dag_run_id: run.id,
        task_id: task_id.clone(),
        state: TaskInstanceState::None.as_str().to_owned(),
        duration_ms: None,
    };
    waiting.flat_map(|run| task_ids.iter().map(move |task_id| cell(run, task_id))).collect()
}

/// Cells are written by hand, without a template: there may be 25,000 of them.
pub(super) fn rows(dag: &Dag, runs: &[RunRow], cells: &[GridCell], shown: &[&Task]) -> Vec<Row> {
    let columns: HashMap<i64, usize> = runs.iter().enumerate().map(|(column, run)| (run.id, column)).collect();
    let mut by_task: HashMap<&str, Vec<Option<&GridCell>>> =
        shown.iter().map(|task| (task.task_id.as_str(), vec![None; runs.len()])).collect();
    for cell in cells {
        if let Some(row) = by_task.get_mut(cell.task_id.as_str())
            && let Some(&column) = columns.get(&cell.dag_run_id)
        {
            // Of the elements of a mapped task, the one that tells most.
            let is_telling = |known: &GridCell| telling(parse(&cell.state)) > telling(parse(&known.state));
            if row[column].is_none_or(is_telling) {
                row[column] = Some(cell);
            }
        }
    }
    let hrefs: Vec<_> = runs.iter().map(|run| run_href(&dag.dag_id, &run.run_id)).collect();
    let is_linked = shown.len() * runs.len() <= LINKED_CELLS;
    let row = |task: &&Task| {
        let name = task.task_id.rsplit('.').next().unwrap_or(&task.task_id).to_owned();
        let row = by_task.get(task.task_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        Row {
            cells: if is_linked { linked_cells(&task.task_id, row, &hrefs) } else { plain_cells(row) },
            group: task.task_id[..task.task_id.len() - name.len()].to_owned(),
            task_id: task.task_id.clone(),
            name,
        }
    };
    shown.iter().map(row).collect()
}

fn linked_cells(task_id: &str, row: &[Option<&GridCell>], run_hrefs: &[String]) -> String {
    let mut html = String::with_capacity(row.len() * 150);
    let (path, name) = (segment(task_id), escape(task_id));
    for (cell, run) in row.iter().zip(run_hrefs) {
        let Some(cell) = cell else {
            html.push_str("<td><i></i></td>");
            continue;
        };
        let (state, sign) = (&cell.state, glyph(&cell.state));
        let took =
            cell.duration_ms.map(|ms| format!(", {}", span(SignedDuration::from_millis(ms)))).unwrap_or_default();
        let title = format!("{name}: {}{}", words(state), escape(&took));
        let _ = write!(
            html,
            "<td><a class=\"s-{state}\" href=\"{run}/tasks/{path}\" title=\"{title}\" aria-label=\"{title}\">{sign}</a></td>"
        );
    }
    html
}

fn plain_cells(row: &[Option<&GridCell>]) -> String {
    let mut html = String::with_capacity(row.len() * 26);
    for cell in row {
        match cell {
            Some(cell) => {
                let _ = write!(html, "<td class=s-{}>{}", cell.state, glyph(&cell.state));
            }
            None => html.push_str("<td>"),
        }
    }
    html
}
