//! One DAG: its runs, graph, grid, details, code and versions, one tab each.

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Shared};
use jiff::Timestamp;
use model::dag::{Dag, Schedule};
use model::state::{DagRunState, TaskInstanceState};
use serde::Deserialize;
use store::read::pages::{DagDetails, RunRow, VersionRow};

use super::format::{
    Fact, Moment, State, absolute, dag_href, duration, fact, markdown, run_href, segment, setting, task_href, words,
};
use super::graph::{self, About};
use super::grid::{self, Grid, Window};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::LoggedIn;
use crate::layout::Layout;

/// Runs on one page of the list.
const PAGE_SIZE: i64 = 50;
const TABS: [(&str, &str); 6] = [
    ("runs", "Runs"),
    ("graph", "Graph"),
    ("grid", "Grid"),
    ("details", "Details"),
    ("code", "Code"),
    ("versions", "Versions"),
];

/// What the grid's legend explains: what occurs today.
const LEGEND: [TaskInstanceState; 9] = [
    TaskInstanceState::Success,
    TaskInstanceState::Running,
    TaskInstanceState::Failed,
    TaskInstanceState::UpstreamFailed,
    TaskInstanceState::UpForRetry,
    TaskInstanceState::Skipped,
    TaskInstanceState::Queued,
    TaskInstanceState::Scheduled,
    TaskInstanceState::None,
];

/// The page's state.
#[derive(Deserialize)]
pub(super) struct DagQuery {
    #[serde(default)]
    tab: String,
    version: Option<i32>,
    #[serde(default)]
    offset: i64,
    /// Of the runs in the list.
    #[serde(default)]
    state: String,
    runs: Option<i64>,
    #[serde(default)]
    row: usize,
    #[serde(default)]
    search: String,
}

impl DagQuery {
    fn window(&self) -> Window {
        Window { runs: self.runs, offset: self.offset.max(0), row: self.row, search: self.search.trim().to_owned() }
    }
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

struct Runs {
    states: Vec<Tab>,
    rows: Vec<RunView>,
    /// Links to the neighbouring pages; empty where there is none.
    newer: String,
    older: String,
}

enum Body {
    Runs(Runs),
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
}

/// The page.
pub(super) async fn show(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let found = pages.store.pages_dag(&dag_id, query.version).await?;
    let row = found.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    let dag: Dag = serde_json::from_value(row.spec.clone())?;
    let href = dag_href(&dag_id);
    let tab = TABS.iter().find(|(name, _)| *name == query.tab).map_or("runs", |(name, _)| *name);
    let tasks = if matches!(tab, "graph" | "grid") { "&tasks=true" } else { "" };
    let shell =
        Shell::load(&pages, &who, "dags", format!("/events?since={since}&dag={}{tasks}", segment(&dag_id))).await?;
    let now = (pages.clock)();
    let mut graph_note = String::new();
    let body = match tab {
        "graph" => {
            let (svg, note) = graph_tab(&pages, &dag, &row).await?;
            graph_note = note;
            Body::Graph(svg)
        }
        "grid" => Body::Grid(grid::load(&pages, (&dag, row.version_number), &query.window(), now).await?),
        "details" => Body::Details(details(&dag, &row)),
        "code" => Body::Code(row.source.lines().map(str::to_owned).collect()),
        "versions" => Body::Versions(pages.store.pages_versions(&dag_id).await?.iter().map(version_view).collect()),
        _ => Body::Runs(runs_tab(&pages, &dag_id, &query, now).await?),
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
        legend: LEGEND.iter().map(|state| State(state.as_str().to_owned())).collect(),
        dag_id,
    })
}

fn tab_link(href: &str, name: &str, text: &'static str, current: &str) -> Tab {
    let href = if name == "runs" { href.to_owned() } else { format!("{href}?tab={name}") };
    Tab { text, href, is_current: name == current }
}

async fn runs_tab(pages: &Pages, dag_id: &str, query: &DagQuery, now: Timestamp) -> Result<Runs, PageError> {
    let offset = query.offset.max(0);
    let state = query.state.parse::<DagRunState>().map(DagRunState::as_str).unwrap_or_default();
    let at = |state: &str, offset: i64| {
        let given = [("state", state.to_owned()), ("offset", offset.max(0).to_string())];
        let pairs: Vec<_> = given
            .iter()
            .filter(|(_, value)| !value.is_empty() && value != "0")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let href = dag_href(dag_id);
        if pairs.is_empty() { href } else { format!("{href}?{}", pairs.join("&")) }
    };
    let mut runs = pages.store.pages_runs(dag_id, state, PAGE_SIZE + 1, offset).await?;
    let size = usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let has_more = runs.len() > size;
    runs.truncate(size);
    let states =
        std::iter::once(("", "All")).chain(DagRunState::ALL.iter().map(|state| (state.as_str(), state.as_str())));
    Ok(Runs {
        states: states.map(|(value, text)| Tab { text, href: at(value, 0), is_current: value == state }).collect(),
        rows: runs.into_iter().map(|run| run_view(dag_id, run, now)).collect(),
        newer: if offset > 0 { at(state, offset - PAGE_SIZE) } else { String::new() },
        older: if has_more { at(state, offset + PAGE_SIZE) } else { String::new() },
    })
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
    let task_ids: Vec<_> = dag.tasks.iter().map(|task| task.task_id.clone()).collect();
    let cells = match &newest {
        Some(run) => pages.store.pages_grid(&[run.id], &task_ids).await?,
        None => Vec::new(),
    };
    let states: HashMap<&str, &str> = cells.iter().map(|cell| (cell.task_id.as_str(), cell.state.as_str())).collect();
    let layout = lay_out(pages, row.version_id, dag).await;
    let svg = graph::svg(dag, &layout, |position| {
        let task = &dag.tasks[position];
        let state = states.get(task.task_id.as_str()).copied().unwrap_or("none");
        let href = match &newest {
            Some(run) if states.contains_key(task.task_id.as_str()) || is_waiting(run, row.version_number) => {
                task_href(&row.dag_id, &run.run_id, &task.task_id, -1)
            }
            _ => format!("{}?tab=code#L{}", dag_href(&row.dag_id), task.line),
        };
        About {
            state: state.to_owned(),
            href,
            title: format!("{} · {} · {}", task.task_id, task.operator.name(), task.trigger_rule),
            detail: if newest.is_some() {
                format!("{} · {}", task.operator.name(), words(state))
            } else {
                task.operator.name().to_owned()
            },
        }
    })?;
    let note = newest.map_or_else(
        || format!("{} tasks; no run yet", dag.tasks.len()),
        |run| format!("{} tasks, coloured by the newest run, {}", dag.tasks.len(), run.run_id),
    );
    Ok((svg, note))
}

/// Whether a run of this version has not started: it has no task instances yet, but their pages.
pub(super) fn is_waiting(run: &RunRow, version_number: i32) -> bool {
    run.started_at.is_none() && run.version_number == version_number
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
            fact("Run timeout", dag.dagrun_timeout.map_or_else(|| "–".to_owned(), |limit| setting(limit.absolute()))),
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
