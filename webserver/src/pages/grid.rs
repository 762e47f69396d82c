//! The grid: tasks × runs, a window of it. Which one is in the address: `runs` columns ending `offset` runs before the
//! newest, and the tasks from `row` on whose id contains `search`.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use model::dag::{Dag, Task};
use model::state::TaskInstanceState;
use store::read::pages::{GridCell, RunRow};

use super::dag::is_waiting;
use super::format::{absolute, dag_href, escape, glyph, run_href, segment, span, words};
use super::{PageError, Pages};

/// How many columns one may choose; the second unless the address says otherwise.
const COLUMNS: [i64; 4] = [10, 25, 50, 100];
/// Rows of one page: what a browser lays out in a moment at a hundred columns.
const ROWS: usize = 250;
/// Height of the bars in pixels.
const BAR: f64 = 56.0;
/// A grid of more cells than this is written without a link in each, at a fifth of the size. The script opens a cell's
/// page from its row and column then.
const LINKED_CELLS: usize = 2_500;

/// The window as the address gives it.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    pub(super) runs: Option<i64>,
    pub(super) offset: i64,
    pub(super) row: usize,
    pub(super) search: String,
}

impl Window {
    fn columns(&self) -> i64 {
        let asked = self.runs.unwrap_or(COLUMNS[1]);
        COLUMNS.into_iter().find(|columns| *columns >= asked).unwrap_or(COLUMNS[3])
    }

    fn href(&self, dag_id: &str) -> String {
        let mut href = format!("{}?tab=grid", dag_href(dag_id));
        if self.columns() != COLUMNS[1] {
            let _ = write!(href, "&runs={}", self.columns());
        }
        if self.offset > 0 {
            let _ = write!(href, "&offset={}", self.offset);
        }
        if self.row > 0 {
            let _ = write!(href, "&row={}", self.row);
        }
        if !self.search.is_empty() {
            let _ = write!(href, "&search={}", segment(&self.search));
        }
        href
    }
}

pub(super) struct Choice {
    pub(super) text: String,
    pub(super) href: String,
    pub(super) is_current: bool,
}

pub(super) struct Column {
    pub(super) href: String,
    pub(super) title: String,
    pub(super) state: String,
    pub(super) top: f64,
    pub(super) height: f64,
}

pub(super) struct Row {
    pub(super) task_id: String,
    /// The groups it is in, with a dot behind each.
    pub(super) group: String,
    pub(super) name: String,
    pub(super) cells: String,
}

pub(super) struct Grid {
    pub(super) longest: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    pub(super) search: String,
    pub(super) choices: Vec<Choice>,
    /// Links to the neighbouring windows; empty where there is none.
    pub(super) older: String,
    pub(super) newer: String,
    pub(super) above: String,
    pub(super) below: String,
    pub(super) rows_told: String,
}

/// The window with what became of its tasks.
pub(super) async fn load(
    pages: &Pages,
    (dag, version_number): (&Dag, i32),
    window: &Window,
    now: Timestamp,
) -> Result<Grid, PageError> {
    let columns = window.columns();
    let mut runs = pages.store.pages_runs(&dag.dag_id, "", columns + 1, window.offset).await?;
    let shown = usize::try_from(columns).unwrap_or(usize::MAX);
    let has_older = runs.len() > shown;
    runs.truncate(shown);
    runs.reverse();
    let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
    let tasks = Tasks::of(dag, window);
    let task_ids: Vec<_> = tasks.shown.iter().map(|task| task.task_id.clone()).collect();
    let mut cells = pages.store.pages_grid(&ids, &task_ids).await?;
    cells.extend(not_started(&runs, &cells, &task_ids, version_number));
    Ok(draw(dag, &runs, &cells, &tasks, window, has_older, now))
}

/// The cells of runs that have not started: their version says which tasks they will have.
fn not_started(runs: &[RunRow], cells: &[GridCell], task_ids: &[String], version_number: i32) -> Vec<GridCell> {
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

/// The tasks of a window.
struct Tasks<'a> {
    shown: Vec<&'a Task>,
    first: usize,
    /// How many the search found.
    found: usize,
}

impl<'a> Tasks<'a> {
    fn of(dag: &'a Dag, window: &Window) -> Self {
        let wanted = window.search.to_lowercase();
        let is_wanted = |task: &&Task| task.task_id.to_lowercase().contains(&wanted);
        let found: Vec<&Task> = dag.tasks.iter().map(AsRef::as_ref).filter(is_wanted).collect();
        let first = window.row.min(found.len());
        Self { shown: found.iter().skip(first).take(ROWS).copied().collect(), first, found: found.len() }
    }
}

fn draw(
    dag: &Dag,
    runs: &[RunRow],
    cells: &[GridCell],
    tasks: &Tasks<'_>,
    window: &Window,
    has_older: bool,
    now: Timestamp,
) -> Grid {
    let at = |change: &dyn Fn(&mut Window)| {
        let mut other = window.clone();
        change(&mut other);
        other.href(&dag.dag_id)
    };
    let lengths: Vec<_> = runs.iter().map(|run| run_length(run, now)).collect();
    let longest = lengths.iter().max().copied().unwrap_or_default();
    let (first, step) = (tasks.first, window.columns());
    let is_there = |is: bool, change: &dyn Fn(&mut Window)| if is { at(change) } else { String::new() };
    Grid {
        longest: span(longest),
        columns: runs.iter().zip(&lengths).map(|(run, length)| column(&dag.dag_id, run, *length, longest)).collect(),
        rows: rows(dag, runs, cells, &tasks.shown),
        search: window.search.clone(),
        choices: COLUMNS
            .iter()
            .map(|&columns| Choice {
                text: columns.to_string(),
                href: at(&|window| window.runs = Some(columns)),
                is_current: columns == step,
            })
            .collect(),
        older: is_there(has_older, &|window| window.offset += step),
        newer: is_there(window.offset > 0, &|window| window.offset = (window.offset - step).max(0)),
        above: is_there(first > 0, &|window| window.row = first.saturating_sub(ROWS)),
        below: is_there(first + tasks.shown.len() < tasks.found, &|window| window.row = first + ROWS),
        rows_told: told(first, tasks.shown.len(), tasks.found, dag.tasks.len()),
    }
}

fn told(first: usize, shown: usize, found: usize, all: usize) -> String {
    match (shown == found, found == all) {
        (true, true) => format!("{all} tasks"),
        (true, false) => format!("{found} of {all} tasks"),
        (false, _) => format!("tasks {} to {} of {found}", first + 1, first + shown),
    }
}

/// Cells are written by hand, without a template: there may be 25,000 of them.
fn rows(dag: &Dag, runs: &[RunRow], cells: &[GridCell], shown: &[&Task]) -> Vec<Row> {
    let columns: HashMap<i64, usize> = runs.iter().enumerate().map(|(column, run)| (run.id, column)).collect();
    let mut by_task: HashMap<&str, Vec<Option<&GridCell>>> =
        shown.iter().map(|task| (task.task_id.as_str(), vec![None; runs.len()])).collect();
    for cell in cells {
        if let Some(row) = by_task.get_mut(cell.task_id.as_str())
            && let Some(&column) = columns.get(&cell.dag_run_id)
        {
            row[column] = Some(cell);
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

fn run_length(run: &RunRow, now: Timestamp) -> SignedDuration {
    run.started_at.map(|start| run.ended_at.unwrap_or(now).duration_since(start)).unwrap_or_default()
}

fn column(dag_id: &str, run: &RunRow, length: SignedDuration, longest: SignedDuration) -> Column {
    let share = length.as_secs_f64() / longest.as_secs_f64().max(0.001);
    let height = (share * BAR).clamp(3.0, BAR).round();
    let about = absolute(run.logical_date.unwrap_or(run.queued_at));
    let took = if run.started_at.is_some() { format!(", {}", span(length)) } else { String::new() };
    Column {
        href: run_href(dag_id, &run.run_id),
        title: format!("{}: {}{took}, of {about}", run.run_id, run.state),
        state: run.state.clone(),
        top: 60.0 - height,
        height,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dag(tasks: usize) -> Dag {
        let tasks: Vec<_> = (0..tasks)
            .map(|number| {
                json!({"task_id": format!("g.t{number}"), "group": "g", "upstream": [], "operator": "empty",
                    "trigger_rule": "all_success", "retries": 0, "retry_delay": {"millis": 0}, "priority_weight": 1,
                    "do_xcom_push": true, "line": 1})
            })
            .collect();
        let value = json!({"dag_id": "d", "owner": "o", "schedule": "none", "timezone": "UTC", "catchup": false,
            "tasks": tasks, "groups": [{"group_id": "g"}]});
        serde_json::from_value(value).expect("a DAG")
    }

    fn run(id: i64) -> RunRow {
        RunRow {
            id,
            run_id: format!("run {id}"),
            state: "success".to_owned(),
            run_type: "manual".to_owned(),
            logical_date: None,
            queued_at: Timestamp::UNIX_EPOCH,
            started_at: Some(Timestamp::UNIX_EPOCH),
            ended_at: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(id)),
            note: None,
            version_number: 1,
        }
    }

    fn drawn(tasks: usize, runs: i64, window: &Window) -> Grid {
        let runs: Vec<_> = (1..=runs).map(run).collect();
        let cells: Vec<_> = runs
            .iter()
            .map(|run| GridCell {
                dag_run_id: run.id,
                task_id: "g.t1".to_owned(),
                state: "up_for_retry".to_owned(),
                duration_ms: Some(1_500),
            })
            .collect();
        let dag = dag(tasks);
        draw(&dag, &runs, &cells, &Tasks::of(&dag, window), window, true, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_cell_leads_to_its_task_and_says_state_and_length() {
        let grid = drawn(2, 1, &Window::default());
        assert_eq!((grid.rows[1].group.as_str(), grid.rows[1].name.as_str()), ("g.", "t1"));
        assert_eq!(grid.rows[0].cells, "<td><i></i></td>");
        assert!(
            grid.rows[1].cells.contains("href=\"/dags/d/runs/run%201/tasks/g.t1\" title=\"g.t1: up for retry, 1.5s\"")
        );
    }

    #[test]
    fn a_thousand_tasks_in_fifty_runs_stay_a_small_page() {
        let grid = drawn(1_000, 50, &Window { runs: Some(50), ..Window::default() });
        assert_eq!(grid.rows.len(), ROWS);
        assert_eq!(grid.rows_told, "tasks 1 to 250 of 1000");
        assert_eq!(grid.below, "/dags/d?tab=grid&runs=50&row=250");
        assert!(grid.rows.iter().map(|row| row.cells.len()).sum::<usize>() < 200_000);
        assert!(!grid.rows[1].cells.contains("<a"));
    }

    #[test]
    fn the_address_is_the_whole_state_of_the_window() {
        let window = Window { offset: 25, search: "t9 &".to_owned(), ..Window::default() };
        let grid = drawn(10, 3, &window);
        assert_eq!(grid.rows_told, "0 of 10 tasks");
        assert_eq!(grid.older, "/dags/d?tab=grid&offset=50&search=t9%20%26");
        assert_eq!(grid.newer, "/dags/d?tab=grid&search=t9%20%26");
    }
}
