//! One DAG: its runs, graph, grid, details, code and versions, one tab each.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Shared};
use jiff::Timestamp;
use model::dag::{Dag, Overlap, Schedule};
use model::state::TaskInstanceState;
use model::timetable;
use serde::Deserialize;
use store::read::pages::{DagDetails, VersionRow};
use store::skip::Skips;

use super::backfills::{self, BackfillView};
use super::format::{Fact, Moment, State, absolute, dag_href, fact, markdown, segment, setting};
use super::grid::{self, Grid, Window};
use super::{PageError, PageResult, Pages, Shell, dag_graph, dag_runs, page};
use crate::access::Permission;
use crate::api::pretty;
use crate::diff;
use crate::doors::LoggedIn;

const TABS: [(&str, &str); 7] = [
    ("runs", "Runs"),
    ("graph", "Graph"),
    ("grid", "Grid"),
    ("backfills", "Backfills"),
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
    /// Of a diff: the other version.
    base: Option<i32>,
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

/// A link to another view of the same.
pub(super) struct Tab {
    pub(super) text: &'static str,
    pub(super) href: String,
    pub(super) is_current: bool,
}

/// What changed between two versions.
struct DiffView {
    title: String,
    is_same: bool,
    source: Vec<DiffLine>,
    normalized: Vec<DiffLine>,
}

struct DiffLine {
    kind: &'static str,
    text: String,
}

enum Body {
    Backfills(Vec<BackfillView>),
    Diff(DiffView),
    Runs(dag_runs::Runs),
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
    pause_reason: String,
    is_stale: bool,
    has_import_errors: bool,
    schedule: String,
    /// How far the assets are that it is scheduled by; empty: it is not.
    waits_for: String,
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
    let tab = TABS.iter().find(|(name, _)| *name == query.tab).map_or("runs", |(name, _)| *name);
    who.may_here(permission_of(tab))?;
    let since = pages.hub.count();
    let found = pages.store.pages_dag(&dag_id, query.version).await?;
    let row = found.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    let dag: Dag = serde_json::from_value(row.spec.clone())?;
    let href = dag_href(&dag_id);
    let tasks = if matches!(tab, "graph" | "grid") { "&tasks=true" } else { "" };
    let shell =
        Shell::load(&pages, &who, "dags", format!("/events?since={since}&dag={}{tasks}", segment(&dag_id))).await?;
    let now = (pages.clock)();
    let mut graph_note = String::new();
    let body = match tab {
        "graph" => {
            let (svg, note) = dag_graph::draw(&pages, &dag, &row).await?;
            graph_note = note;
            Body::Graph(svg)
        }
        "grid" => Body::Grid(grid::load(&pages, (&dag, row.version_number), &query.window(), now).await?),
        "backfills" => Body::Backfills(backfills::load(&pages, &dag_id).await?),
        "versions" if query.base.is_some() => Body::Diff(diff_view(&pages, &row, query.base).await?),
        "details" => Body::Details(details(&dag, &row, pages.store.skips(&dag_id).await?.as_ref())),
        "code" => Body::Code(row.source.lines().map(str::to_owned).collect()),
        "versions" => Body::Versions(pages.store.pages_versions(&dag_id).await?.iter().map(version_view).collect()),
        _ => Body::Runs(dag_runs::load(&pages, &dag_id, &query.state, query.offset, now).await?),
    };
    page(&DagView {
        shell,
        tabs: TABS.iter().map(|&(name, text)| tab_link(&href, name, text, tab)).collect(),
        href,
        is_paused: row.is_paused,
        pause_reason: row.pause_reason.unwrap_or_default(),
        is_stale: row.is_stale,
        has_import_errors: row.has_import_errors,
        schedule: dag.schedule.text().unwrap_or_else(|| "by trigger".to_owned()),
        waits_for: waits_for(&pages, &dag).await?,
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

/// What a tab needs beyond what the page needs.
fn permission_of(tab: &str) -> Permission {
    match tab {
        "backfills" => Permission::BackfillRead,
        "code" | "versions" => Permission::DagSourceRead,
        "details" => Permission::DagRead,
        _ => Permission::DagRunRead,
    }
}

async fn waits_for(pages: &Pages, dag: &Dag) -> Result<String, PageError> {
    let Some(schedule) = dag.schedule.assets() else { return Ok(String::new()) };
    let queued = pages.store.queued_events(&dag.dag_id).await.map_err(crate::doors::ActionError::from)?;
    Ok(schedule.waits_for(&queued))
}

fn tab_link(href: &str, name: &str, text: &'static str, current: &str) -> Tab {
    let href = if name == "runs" { href.to_owned() } else { format!("{href}?tab={name}") };
    Tab { text, href, is_current: name == current }
}

fn schedule_text(schedule: &Schedule) -> String {
    match schedule.text() {
        None => "by trigger".to_owned(),
        Some(text) => {
            let words = timetable::describe(schedule);
            if words.eq_ignore_ascii_case(&text) { text } else { format!("{text} ({words})") }
        }
    }
}

fn overlap_text(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Queue => "runs wait for each other as far as they must",
        Overlap::Skip => "a run that is due while the one before is not finished is left out",
        Overlap::CancelRunning => "a run that is due cancels the one before",
    }
}

async fn diff_view(pages: &Pages, row: &DagDetails, base: Option<i32>) -> Result<DiffView, PageError> {
    let missing = || PageError::NotFound(format!("version {} of DAG `{}`", base.unwrap_or_default(), row.dag_id));
    let old = pages.store.pages_dag(&row.dag_id, base).await?.ok_or_else(missing)?;
    let (from, to) = (format!("v{}", old.version_number), format!("v{}", row.version_number));
    let source = diff::unified((&from, &old.source), (&to, &row.source));
    let normalized = diff::unified((&from, &pretty(&old.spec)), (&to, &pretty(&row.spec)));
    Ok(DiffView {
        title: format!("{from} to {to}"),
        is_same: source.is_empty() && normalized.is_empty(),
        source: source.lines().map(diff_line).collect(),
        normalized: normalized.lines().map(diff_line).collect(),
    })
}

fn diff_line(line: &str) -> DiffLine {
    let kind = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "file",
        [b'@', ..] => "place",
        [b'+', ..] => "added",
        [b'-', ..] => "taken",
        _ => "",
    };
    DiffLine { kind, text: line.to_owned() }
}

fn version_view(version: &VersionRow) -> VersionView {
    VersionView {
        version_number: version.version_number,
        created: Moment(version.created_at),
        tasks: version.tasks,
        runs: version.runs,
    }
}

/// How many of the next runs are left out, and which was last.
fn skips_text(skips: Option<&Skips>) -> String {
    let Some(skips) = skips else { return "–".to_owned() };
    let last = skips.runs.first().map(|skip| format!("last {}: {}", absolute(skip.data_interval.start), skip.reason));
    match (skips.next, last) {
        (0, last) => last.unwrap_or_else(|| "–".to_owned()),
        (next, None) => format!("the next {next}"),
        (next, Some(last)) => format!("the next {next}; {last}"),
    }
}

fn details(dag: &Dag, row: &DagDetails, skips: Option<&Skips>) -> Details {
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
            fact("Catch-up", timetable::describe_catchup(dag)),
            fact("Fires", dag.calendar.as_ref().map_or_else(|| "every day".to_owned(), timetable::describe_calendar)),
            fact("Jitter", dag.jitter.map_or_else(|| "–".to_owned(), |most| setting(most.absolute()))),
            fact("Overlap", overlap_text(dag.overlap)),
            fact("Skipped runs", skips_text(skips)),
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
