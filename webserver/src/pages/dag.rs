//! One DAG: its runs, graph, grid, details, code and versions, one tab each.

use std::collections::HashMap;
use std::fmt::Write;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Shared};
use jiff::Timestamp;
use model::dag::{Dag, Schedule};
use model::state::TaskInstanceState;
use serde::Deserialize;
use store::read::pages::{DagDetails, GridCell, RunRow, VersionRow};

use super::format::{
    Fact, Moment, State, absolute, dag_href, duration, escape, fact, glyph, markdown, run_href, segment, span,
    task_href,
};
use super::graph::{self, About};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::LoggedIn;
use crate::layout::Layout;

/// Runs on one page of the list.
const PAGE_SIZE: i64 = 50;
/// Columns of the grid unless the address asks for more.
const GRID_RUNS: i64 = 25;
/// Height of the grid's bars in pixels.
const BAR: f64 = 56.0;
/// A grid of more cells than this is written without a link in each: 50,000 of them would be 7 MB. The script opens a
/// cell's page from its row and column then.
const LINKED_CELLS: usize = 5_000;
const TABS: [(&str, &str); 6] = [
    ("runs", "Runs"),
    ("graph", "Graph"),
    ("grid", "Grid"),
    ("details", "Details"),
    ("code", "Code"),
    ("versions", "Versions"),
];

/// The page's state.
#[derive(Deserialize)]
pub(super) struct DagQuery {
    #[serde(default)]
    tab: String,
    version: Option<i32>,
    #[serde(default)]
    offset: i64,
    runs: Option<i64>,
}

struct Tab {
    text: &'static str,
    href: String,
    is_current: bool,
}

struct RunView {
    run_id: String,
    href: String,
    note: String,
    state: State,
    run_type: String,
    logical_date: String,
    started: Option<Moment>,
    duration: String,
    version_number: i32,
}

struct GridRun {
    href: String,
    title: String,
    state: String,
    top: f64,
    height: f64,
}

struct GridRow {
    task_id: String,
    cells: String,
}

struct Grid {
    longest: String,
    runs: Vec<GridRun>,
    rows: Vec<GridRow>,
}

struct Details {
    facts: Vec<Fact>,
    doc_html: String,
}

struct VersionView {
    version_number: i32,
    created: Moment,
    tasks: i64,
    runs: i64,
}

enum Body {
    Runs(Vec<RunView>),
    Graph(String),
    Grid(Grid),
    Details(Details),
    Code(Vec<String>),
    Versions(Vec<VersionView>),
}

#[derive(Template)]
#[template(path = "dag.html")]
struct DagView {
    shell: Shell,
    dag_id: String,
    href: String,
    is_paused: bool,
    is_stale: bool,
    has_import_errors: bool,
    schedule: String,
    description: String,
    next: Option<Moment>,
    version_number: i32,
    fileloc: String,
    tabs: Vec<Tab>,
    body: Body,
    graph_note: String,
    legend: Vec<State>,
    previous: String,
    following: String,
}

/// The page.
pub(super) async fn show(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagQuery>,
) -> PageResult {
    let shell = Shell::load(&pages, &who, "dags").await?;
    let found = pages.store.pages_dag(&dag_id, query.version).await?;
    let row = found.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    let dag: Dag = serde_json::from_value(row.spec.clone())?;
    let href = dag_href(&dag_id);
    let tab = TABS.iter().find(|(name, _)| *name == query.tab).map_or("runs", |(name, _)| *name);
    let now = (pages.clock)();
    let (mut graph_note, mut previous, mut following) = (String::new(), String::new(), String::new());
    let body = match tab {
        "graph" => {
            let (svg, note) = graph_tab(&pages, &dag, &row).await?;
            graph_note = note;
            Body::Graph(svg)
        }
        "grid" => grid_tab(&pages, &dag, query.runs.unwrap_or(GRID_RUNS).clamp(1, 100), now).await?,
        "details" => Body::Details(details(&dag, &row)),
        "code" => Body::Code(row.source.lines().map(str::to_owned).collect()),
        "versions" => Body::Versions(pages.store.pages_versions(&dag_id).await?.iter().map(version_view).collect()),
        _ => {
            let offset = query.offset.max(0);
            let mut runs = pages.store.pages_runs(&dag_id, "", PAGE_SIZE + 1, offset).await?;
            if runs.len() > 50 {
                runs.truncate(50);
                following = format!("{href}?offset={}", offset + PAGE_SIZE);
            }
            if offset > 0 {
                previous = format!("{href}?offset={}", (offset - PAGE_SIZE).max(0));
            }
            Body::Runs(runs.into_iter().map(|run| run_view(&dag_id, run, now)).collect())
        }
    };
    page(&DagView {
        shell,
        tabs: TABS.iter().map(|&(name, text)| tab_link(&href, name, text, tab)).collect(),
        href,
        is_paused: row.is_paused,
        is_stale: row.is_stale,
        has_import_errors: row.has_import_errors,
        schedule: schedule_text(&dag.schedule),
        description: dag.description.clone().unwrap_or_default(),
        next: row.next_run_after.filter(|_| !row.is_paused).map(Moment),
        version_number: row.version_number,
        fileloc: row.fileloc,
        body,
        graph_note,
        legend: TaskInstanceState::ALL.iter().take(10).map(|state| State(state.as_str().to_owned())).collect(),
        previous,
        following,
        dag_id,
    })
}

fn tab_link(href: &str, name: &str, text: &'static str, current: &str) -> Tab {
    let href = if name == "runs" { href.to_owned() } else { format!("{href}?tab={name}") };
    Tab { text, href, is_current: name == current }
}

fn schedule_text(schedule: &Schedule) -> String {
    match schedule {
        Schedule::None => "by trigger".to_owned(),
        Schedule::Cron { text, .. } | Schedule::Every { text, .. } => text.clone(),
    }
}

fn run_view(dag_id: &str, run: RunRow, now: Timestamp) -> RunView {
    RunView {
        href: run_href(dag_id, &run.run_id),
        run_id: run.run_id,
        note: run.note.unwrap_or_default(),
        state: State(run.state),
        run_type: run.run_type,
        logical_date: run.logical_date.map_or_else(|| "–".to_owned(), absolute),
        started: run.started_at.map(Moment),
        duration: duration(run.started_at, run.ended_at, now),
        version_number: run.version_number,
    }
}

fn version_view(version: &VersionRow) -> VersionView {
    VersionView {
        version_number: version.version_number,
        created: Moment(version.created_at),
        tasks: version.tasks,
        runs: version.runs,
    }
}

/// The graph of the shown version, coloured by the newest run.
async fn graph_tab(pages: &Pages, dag: &Dag, row: &DagDetails) -> Result<(String, String), PageError> {
    let newest = pages.store.pages_runs(&row.dag_id, "", 1, 0).await?.into_iter().next();
    let cells = match &newest {
        Some(run) => pages.store.pages_grid(&[run.id]).await?,
        None => Vec::new(),
    };
    let states: HashMap<&str, &str> = cells.iter().map(|cell| (cell.task_id.as_str(), cell.state.as_str())).collect();
    let layout = lay_out(pages, row.version_id, dag).await;
    let svg = graph::svg(dag, &layout, |position| {
        let task = &dag.tasks[position];
        let state = states.get(task.task_id.as_str()).copied().unwrap_or("none");
        let href = match &newest {
            Some(run) if states.contains_key(task.task_id.as_str()) => {
                task_href(&row.dag_id, &run.run_id, &task.task_id, -1)
            }
            _ => format!("{}?tab=code#L{}", dag_href(&row.dag_id), task.line),
        };
        About {
            state: state.to_owned(),
            href,
            title: format!("{} · {} · {}", task.task_id, task.operator.name(), task.trigger_rule),
            detail: task.operator.name().to_owned(),
        }
    })?;
    let note = newest.map_or_else(
        || format!("{} tasks; no run yet", dag.tasks.len()),
        |run| format!("{} tasks, coloured by the newest run, {}", dag.tasks.len(), run.run_id),
    );
    Ok((svg, note))
}

/// The layout of a version. A big one takes half a second of computing, which is no work for an async thread.
pub(super) async fn lay_out(pages: &Pages, version_id: i64, dag: &Dag) -> std::sync::Arc<Layout> {
    let (layouts, owned) = (std::sync::Arc::clone(&pages.layouts), dag.clone());
    match tokio::task::spawn_blocking(move || layouts.of(version_id, &owned)).await {
        Ok(layout) => layout,
        Err(problem) => {
            tracing::error!(error = %problem, "the graph of DAG {} could not be laid out", dag.dag_id);
            std::sync::Arc::default()
        }
    }
}

async fn grid_tab(pages: &Pages, dag: &Dag, limit: i64, now: Timestamp) -> Result<Body, PageError> {
    let mut runs = pages.store.pages_runs(&dag.dag_id, "", limit, 0).await?;
    runs.reverse();
    let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
    let cells = pages.store.pages_grid(&ids).await?;
    Ok(Body::Grid(grid(dag, &runs, &cells, now)))
}

/// Tasks × runs. Cells are written by hand, without a template: there are 50,000 of them at 1,000 tasks × 50 runs.
fn grid(dag: &Dag, runs: &[RunRow], cells: &[GridCell], now: Timestamp) -> Grid {
    let lengths: Vec<_> = runs.iter().map(|run| run_length(run, now)).collect();
    let longest = lengths.iter().max().copied().unwrap_or_default();
    let columns: HashMap<i64, usize> = runs.iter().enumerate().map(|(column, run)| (run.id, column)).collect();
    let mut states: HashMap<&str, Vec<&str>> = HashMap::with_capacity(dag.tasks.len());
    for cell in cells {
        if let Some(&column) = columns.get(&cell.dag_run_id) {
            states.entry(&cell.task_id).or_insert_with(|| vec![""; runs.len()])[column] = &cell.state;
        }
    }
    let hrefs: Vec<_> = runs.iter().map(|run| run_href(&dag.dag_id, &run.run_id)).collect();
    let is_linked = dag.tasks.len() * runs.len() <= LINKED_CELLS;
    let write = |task_id: &str, row: &[&str]| {
        if is_linked { linked_cells(task_id, row, &hrefs) } else { plain_cells(row) }
    };
    let rows = dag.tasks.iter().map(|task| GridRow {
        cells: states.get(task.task_id.as_str()).map(|row| write(&task.task_id, row)).unwrap_or_default(),
        task_id: task.task_id.clone(),
    });
    Grid {
        longest: span(longest),
        rows: rows.collect(),
        runs: runs
            .iter()
            .zip(&lengths)
            .map(|(run, length)| {
                let share = length.as_secs_f64() / longest.as_secs_f64().max(0.001);
                let height = (share * BAR).clamp(3.0, BAR).round();
                GridRun {
                    href: run_href(&dag.dag_id, &run.run_id),
                    title: format!("{}: {}, {}", run.run_id, run.state, span(*length)),
                    state: run.state.clone(),
                    top: 60.0 - height,
                    height,
                }
            })
            .collect(),
    }
}

fn run_length(run: &RunRow, now: Timestamp) -> jiff::SignedDuration {
    run.started_at.map(|start| run.ended_at.unwrap_or(now).duration_since(start)).unwrap_or_default()
}

fn linked_cells(task_id: &str, states: &[&str], run_hrefs: &[String]) -> String {
    let mut html = String::with_capacity(states.len() * 120);
    let (path, name) = (segment(task_id), escape(task_id));
    for (state, run) in states.iter().zip(run_hrefs) {
        if state.is_empty() {
            html.push_str("<td><i></i></td>");
        } else {
            let sign = glyph(state);
            let _ = write!(
                html,
                "<td><a class=\"s-{state}\" href=\"{run}/tasks/{path}\" title=\"{name}: {state}\">{sign}</a></td>"
            );
        }
    }
    html
}

fn plain_cells(states: &[&str]) -> String {
    let mut html = String::with_capacity(states.len() * 26);
    for state in states {
        if state.is_empty() {
            html.push_str("<td>");
        } else {
            let _ = write!(html, "<td class=s-{state}>{}", glyph(state));
        }
    }
    html
}

fn details(dag: &Dag, row: &DagDetails) -> Details {
    let count =
        |value: Option<u32>| value.map_or_else(|| "the configured default".to_owned(), |limit| limit.to_string());
    let date = |value: Option<Timestamp>| value.map_or_else(|| "–".to_owned(), absolute);
    let params: Vec<_> = dag.params.keys().cloned().collect();
    Details {
        facts: vec![
            fact("Owner", &dag.owner),
            fact("Schedule", schedule_text(&dag.schedule)),
            fact("Time zone", &dag.timezone),
            fact("Start date", date(dag.start_date)),
            fact("End date", date(dag.end_date)),
            fact("Catch-up", if dag.catchup { "yes" } else { "no" }),
            fact("Active runs at once", count(dag.max_active_runs)),
            fact("Active tasks per run", count(dag.max_active_tasks)),
            fact("Run timeout", dag.dagrun_timeout.map_or_else(|| "–".to_owned(), |limit| span(limit.absolute()))),
            fact("Tasks", dag.tasks.len().to_string()),
            fact("Parameters", if params.is_empty() { "–".to_owned() } else { params.join(", ") }),
            fact("Tags", if dag.tags.is_empty() { "–".to_owned() } else { dag.tags.join(", ") }),
            fact("File", &row.fileloc),
            fact("Version", format!("v{}", row.version_number)),
            fact("Last read", format!("{}, in {:.1} ms", absolute(row.last_parsed_at), row.last_parse_duration_ms)),
        ],
        doc_html: dag.doc_md.as_deref().map(markdown).unwrap_or_default(),
    }
}
