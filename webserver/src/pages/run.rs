//! One run: its graph and its task instances, with why each is not running.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Shared};
use jiff::Timestamp;
use model::dag::Dag;
use model::state::TaskInstanceState;
use serde::Deserialize;
use store::callback::{CallbackFilter, MissedDeadlineInfo};
use store::read::pages::{RunDetails, TaskInstanceRow};

use super::format::{
    Fact, Moment, State, absolute, dag_href, duration, escape, fact, run_href, segment, span, task_href, words,
};
use super::graph::{self, About};
use super::not_started::or_not_started;
use super::why::Why;
use super::{PageError, PageResult, Pages, Shell, dag_graph, page, why};
use crate::doors::LoggedIn;

/// Rows of tasks on one page.
const PAGE_SIZE: usize = 200;
/// Messages on one page, in each state; `flowctl callbacks list` has all.
const MAX_CALLBACKS: i64 = 50;

/// The page's state.
#[derive(Deserialize, Default)]
pub(super) struct RunQuery {
    /// Of the tasks listed.
    #[serde(default)]
    state: String,
    #[serde(default)]
    offset: usize,
}

struct Sum {
    count: usize,
    state: State,
    href: String,
    is_current: bool,
}

struct TaskView {
    task_id: String,
    map_index: i32,
    name: String,
    /// Empty: its task is gone.
    href: String,
    state: State,
    operator: String,
    tries: String,
    started: Option<Moment>,
    duration: String,
    why: String,
}

/// A message that was given up, or is tried again.
struct Undelivered {
    task: String,
    event: String,
    channel: String,
    state: String,
    tries: i32,
    happened: Moment,
    error: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunView {
    shell: Shell,
    dag_id: String,
    dag_href: String,
    run_id: String,
    href: String,
    state: State,
    duration: String,
    is_finished: bool,
    has_failed: bool,
    has_started: bool,
    waiting: String,
    reason: String,
    /// Sentences.
    missed: Vec<String>,
    undelivered: Vec<Undelivered>,
    facts: Vec<Fact>,
    graph: String,
    sums: Vec<Sum>,
    tasks: Vec<TaskView>,
    task_total: usize,
    /// Links to the neighbouring pages of tasks; empty where there is none.
    previous: String,
    following: String,
    conf: String,
    again_href: String,
}

/// The page.
pub(super) async fn show(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<RunQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let found = pages.store.pages_run(&dag_id, &run_id).await?;
    let run = found.ok_or_else(|| PageError::NotFound(format!("run `{run_id}` of DAG `{dag_id}`")))?;
    let events = format!("/events?since={since}&run={}&dag={}", run.id, segment(&dag_id));
    let shell = Shell::load(&pages, &who, "dags", events).await?;
    let dag: Dag = serde_json::from_value(run.spec.clone())?;
    let known = pages.store.pages_task_instances(run.id).await?;
    let has_started = !known.is_empty();
    let rows = or_not_started(known, &dag);
    let now = (pages.clock)();
    let states = why::states_by_task(&dag, &rows);
    let contention = why::contention(&pages.store, &run, &dag, &rows).await?;
    let run_key = model::ids::DagRunKey(run.id);
    let waits = pages.store.waits(run_key).await?;
    let why = Why::new(&dag, &run, &states, &rows, &contention, pages.limits, now).with_waits(waits);
    let layout = dag_graph::lay_out(&pages, run.version_id, &dag).await;
    let by_task = first_rows(&dag, &rows);
    let by_elements = elements_by_task(&dag, &rows);
    let picture = graph::svg(&dag, &layout, |position| {
        let task = &dag.tasks[position];
        let row = by_task[position];
        About {
            state: states[position].as_str().to_owned(),
            href: task_href(&dag_id, &run_id, &task.task_id, row.map_or(-1, |row| row.map_index)),
            title: format!("{} · {} · {}", task.task_id, task.operator.name(), states[position]),
            detail: match by_elements[position] {
                (_, 0) => row
                    .map_or_else(|| task.operator.name().to_owned(), |row| node_detail(row, task.operator.name(), now)),
                (finished, all) => format!("{finished} of {all} done"),
            },
        }
    })?;
    let href = run_href(&dag_id, &run_id);
    let listed: Vec<_> = rows.iter().filter(|row| query.state.is_empty() || row.state == query.state).collect();
    let (first, task_total) = (query.offset.min(listed.len()), listed.len());
    let tasks = listed.into_iter().skip(first).take(PAGE_SIZE).filter_map(|row| {
        let task = usize::try_from(row.task_index).ok().and_then(|at| dag.tasks.get(at));
        let (task_id, operator) = match (&row.removed, task) {
            (Some((task_id, operator)), _) => (task_id.clone(), operator.clone()),
            (None, task) => (task?.task_id.clone(), task?.operator.name().to_owned()),
        };
        let name = match &row.rendered_map_index {
            _ if row.map_index < 0 => task_id.clone(),
            Some(element) => format!("{task_id}[{element}]"),
            None => format!("{task_id}[{}]", row.map_index),
        };
        Some(TaskView {
            name,
            href: match row.removed {
                Some(_) => String::new(),
                None => task_href(&dag_id, &run_id, &task_id, row.map_index),
            },
            task_id,
            map_index: row.map_index,
            state: State(row.state.clone()),
            operator,
            tries: if row.try_number == 0 {
                "–".to_owned()
            } else {
                format!("{} of {}", row.try_number, row.max_tries)
            },
            started: row.started_at.map(Moment),
            duration: duration(row.started_at, ended(row, now), now),
            why: why.task(row),
        })
    });
    page(&RunView {
        tasks: tasks.collect(),
        task_total,
        previous: if first > 0 {
            list_href(&href, &query.state, first.saturating_sub(PAGE_SIZE))
        } else {
            String::new()
        },
        following: if first + PAGE_SIZE < task_total {
            list_href(&href, &query.state, first + PAGE_SIZE)
        } else {
            String::new()
        },
        sums: sums(&rows, &href, &query.state),
        graph: picture,
        missed: pages.store.missed_deadlines(run_key).await?.iter().map(missed).collect(),
        undelivered: undelivered(&pages, &dag_id, &run_id).await?,
        facts: facts(&dag_id, &run),
        state: State(run.state.clone()),
        duration: duration(run.started_at, run.ended_at, now),
        is_finished: run.ended_at.is_some(),
        has_started,
        has_failed: states.iter().any(|state| state.is_failed()),
        waiting: why.run().map(|waiting| waiting.to_string()).unwrap_or_default(),
        reason: run.reason.unwrap_or_default(),
        conf: serde_json::to_string_pretty(&run.conf)?,
        again_href: format!("{}/trigger?conf={}", dag_href(&dag_id), segment(&run.conf.to_string())),
        dag_href: dag_href(&dag_id),
        href,
        shell,
        dag_id,
        run_id,
    })
}

/// A deadline that passed, in a sentence that is HTML.
pub(super) fn missed(missed: &MissedDeadlineInfo) -> String {
    let who = match (missed.task_id.as_str(), missed.map_index) {
        ("", _) => "The run".to_owned(),
        (task_id, map_index) if map_index < 0 => escape(task_id),
        (task_id, map_index) => escape(&format!("{task_id}[{map_index}]")),
    };
    format!("{who} missed its deadline: {}", absolute(missed.due_at))
}

/// The messages of a run that did not arrive at once: those that were given up, and those that are tried again.
async fn undelivered(pages: &Pages, dag_id: &str, run_id: &str) -> Result<Vec<Undelivered>, PageError> {
    let filter = |state: &str| CallbackFilter {
        dag_id: Some(dag_id.to_owned()),
        run_id: Some(run_id.to_owned()),
        state: Some(state.to_owned()),
        ..CallbackFilter::default()
    };
    let (mut rows, _) = pages.store.callbacks(&filter("failed"), MAX_CALLBACKS, 0).await?;
    let (pending, _) = pages.store.callbacks(&filter("pending"), MAX_CALLBACKS, 0).await?;
    rows.extend(pending.into_iter().filter(|row| row.last_error.is_some()));
    let view = rows.into_iter().map(|row| Undelivered {
        task: row.task_id.unwrap_or_else(|| "–".to_owned()),
        event: row.event,
        channel: row.channel,
        state: if row.state == "failed" { "given up".to_owned() } else { "is tried again".to_owned() },
        tries: row.tries,
        happened: Moment(row.happened_at),
        error: row.last_error.unwrap_or_else(|| "the process that delivered it died".to_owned()),
    });
    Ok(view.collect())
}

/// Where counting stops: only what runs counts on.
pub(super) fn ended(row: &TaskInstanceRow, now: Timestamp) -> Option<Timestamp> {
    let is_going_on = matches!(why::parse(&row.state), TaskInstanceState::Running | TaskInstanceState::Restarting);
    row.ended_at.or(if is_going_on { None } else { Some(now) })
}

fn first_rows<'a>(dag: &Dag, rows: &'a [TaskInstanceRow]) -> Vec<Option<&'a TaskInstanceRow>> {
    let mut first = vec![None; dag.tasks.len()];
    for row in rows {
        if let Some(slot) = usize::try_from(row.task_index).ok().and_then(|at| first.get_mut(at)) {
            slot.get_or_insert(row);
        }
    }
    first
}

/// How many elements of each task are finished, and how many there are; none of one that is not expanded.
fn elements_by_task(dag: &Dag, rows: &[TaskInstanceRow]) -> Vec<(usize, usize)> {
    let mut counts = vec![(0, 0); dag.tasks.len()];
    for row in rows.iter().filter(|row| row.map_index >= 0) {
        if let Some((finished, all)) = usize::try_from(row.task_index).ok().and_then(|at| counts.get_mut(at)) {
            *finished += usize::from(why::parse(&row.state).is_finished());
            *all += 1;
        }
    }
    counts
}

fn node_detail(row: &TaskInstanceRow, operator: &str, now: Timestamp) -> String {
    let state = words(&row.state);
    match (row.started_at, ended(row, now)) {
        (Some(start), Some(end)) if row.ended_at.is_some() => format!("{state} · {}", span(end.duration_since(start))),
        _ if row.state == "none" => operator.to_owned(),
        _ => state,
    }
}

/// The list of a run's tasks in a state (empty: any), from one of them on.
fn list_href(href: &str, state: &str, offset: usize) -> String {
    let offset = if offset > 0 { format!("offset={offset}") } else { String::new() };
    let state = if state.is_empty() { String::new() } else { format!("state={state}") };
    let pairs: Vec<_> = [state, offset].into_iter().filter(|pair| !pair.is_empty()).collect();
    if pairs.is_empty() { href.to_owned() } else { format!("{href}?{}", pairs.join("&")) }
}

/// How many tasks are in each state; a click lists those, another one all again.
fn sums(rows: &[TaskInstanceRow], href: &str, current: &str) -> Vec<Sum> {
    let count = |state: &&TaskInstanceState| rows.iter().filter(|row| row.state == state.as_str()).count();
    let counted = TaskInstanceState::ALL.iter().map(|state| (count(&state), state.as_str()));
    let shown = counted.filter(|(count, state)| *count > 0 || *state == current);
    shown
        .map(|(count, state)| Sum {
            count,
            state: State(state.to_owned()),
            href: list_href(href, if state == current { "" } else { state }, 0),
            is_current: state == current,
        })
        .collect()
}

/// Values are HTML here: what people wrote is escaped.
fn facts(dag_id: &str, run: &RunDetails) -> Vec<Fact> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| Moment(at).to_string());
    let interval = run.data_interval.map(|(start, end)| {
        if start == end { absolute(start) } else { format!("{} to {}", absolute(start), absolute(end)) }
    });
    let by = run.triggering_user.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
    let mut facts = vec![
        fact("Type", escape(&run.run_type)),
        fact("Triggered by", escape(&format!("{}{by}", run.triggered_by))),
        fact("Logical date", run.logical_date.map_or_else(|| "–".to_owned(), absolute)),
        fact("Data interval", interval.unwrap_or_else(|| "–".to_owned())),
        fact("Queued", moment(Some(run.queued_at))),
        fact("Started", moment(run.started_at)),
        fact("Ended", moment(run.ended_at)),
        fact("DAG version", version_link(dag_id, run.version_number)),
    ];
    if let Some(note) = &run.note {
        facts.push(fact("Note", escape(note)));
    }
    facts
}

fn version_link(dag_id: &str, version: i32) -> String {
    format!("<a href=\"{}?tab=code&amp;version={version}\">v{version}</a>", dag_href(dag_id))
}
