//! The grid: tasks × runs, a window of it. Which one is in the address: `runs` columns ending `offset` runs before the
//! newest, and the tasks from `row` on whose id contains `search`.

mod cells;
mod window;

use jiff::{SignedDuration, Timestamp};
use model::dag::{Dag, Task};
use store::read::pages::{GridCell, RunRow};

use super::format::{absolute, run_href, span};
use super::{PageError, Pages};
use cells::Row;
pub(super) use window::Window;

/// Rows of one page: what a browser lays out in a moment at a hundred columns.
const ROWS: usize = 250;
/// Height of the bars in pixels.
const BAR: f64 = 56.0;

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
    cells.extend(cells::not_started(&runs, &cells, &task_ids, version_number));
    Ok(draw(dag, &runs, &cells, &tasks, window, has_older, now))
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
        rows: cells::rows(dag, runs, cells, &tasks.shown),
        search: window.search.clone(),
        choices: window::COLUMNS
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
