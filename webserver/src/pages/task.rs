//! One task instance: its tries, the log of one of them, what it pushed, and the facts.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Shared};
use jiff::Timestamp;
use model::dag::{Dag, Task};
use model::ids::{DagRunKey, TaskIndex};
use model::log_path::log_path;
use serde::Deserialize;
use serde_json::Value;
use store::disabled_task::DisabledTask;
use store::read::api::{HitlFilter, Listing};
use store::read::pages::{AttemptRow, TaskInstanceRow};

use super::approvals::{self, Ask};
use super::format::{
    Fact, Moment, State, dag_href, duration, escape, fact, glyph, markdown, run_href, segment, setting, span, task_href,
};
use super::not_started::or_not_started;
use super::why::Why;
use super::{PageError, PageResult, Pages, Shell, log, page, pools, run, why};
use crate::access::Permission;
use crate::doors::{ActionError, LoggedIn};
use crate::rendered;

/// The page's state.
#[derive(Deserialize)]
pub(super) struct TaskQuery {
    #[serde(default = "unmapped")]
    map_index: i32,
    #[serde(rename = "try")]
    try_number: Option<u32>,
}

const fn unmapped() -> i32 {
    -1
}

struct Try {
    number: u32,
    href: String,
    state: String,
    sign: &'static str,
    title: String,
    is_current: bool,
}

/// A button that says how it ended.
struct Mark {
    state: &'static str,
    text: &'static str,
    question: String,
}

/// A button that has the task skipped when its turn comes, or undoes that.
struct Disable {
    in_run: bool,
    undo: bool,
    text: &'static str,
    /// Asked before; empty: nothing is.
    question: String,
}

struct XCom {
    key: String,
    value: String,
    created: Moment,
}

/// A field whose templates are rendered.
struct Rendered {
    field: String,
    value: String,
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    shell: Shell,
    dag_id: String,
    dag_href: String,
    run_id: String,
    run_href: String,
    task_id: String,
    map_index: i32,
    state: State,
    duration: String,
    is_running: bool,
    is_failed: bool,
    /// Why it cannot be cleared, as attributes of the button; empty: it can.
    locked: String,
    why: String,
    /// A person's remark with its author; empty: there is none.
    remark: String,
    /// Deadlines that it missed, in sentences that are HTML.
    missed: Vec<String>,
    /// Of a mapped task: all its elements.
    elements: Vec<ElementLink>,
    /// That the task is disabled, in words; empty: it is not.
    disabled: String,
    marks: Vec<Mark>,
    disables: Vec<Disable>,
    href: String,
    /// The question that it waits for an answer to.
    ask: Option<Ask>,
    answer_locked: String,
    tries: Vec<Try>,
    log_href: String,
    log_html: String,
    log_offset: u64,
    log_empty: &'static str,
    is_cut: bool,
    /// What the templates of the shown try became.
    rendered: Vec<Rendered>,
    xcoms: Vec<XCom>,
    facts: Vec<Fact>,
    doc_html: String,
}

/// The page.
pub(super) async fn show(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<TaskQuery>,
) -> PageResult {
    let since = pages.hub.count();
    let missing = || PageError::NotFound(format!("task `{task_id}` in run `{run_id}` of DAG `{dag_id}`"));
    let found = pages.store.pages_run(&dag_id, &run_id).await?.ok_or_else(missing)?;
    let events = format!("/events?since={since}&run={}&dag={}", found.id, segment(&dag_id));
    let shell = Shell::load(&pages, &who, "dags", events).await?;
    let dag: Dag = serde_json::from_value(found.spec.clone())?;
    let index = dag.index_of(&task_id).ok_or_else(missing)?;
    let known = pages.store.pages_task_instances(found.id).await?;
    let has_started = !known.is_empty();
    let rows = or_not_started(known, &dag);
    let of_task: Vec<&TaskInstanceRow> = rows.iter().filter(|row| is_of(row, index)).collect();
    let exact = of_task.iter().find(|row| row.map_index == query.map_index);
    // A link that names no element leads to the first of a mapped task; one to what is expanded now, too.
    let row = *exact.or_else(|| of_task.first().filter(|_| query.map_index < 0)).ok_or_else(missing)?;
    let attempts = pages.store.pages_attempts(found.id, row.task_index, row.map_index).await?;
    let xcoms = if who.may_here(Permission::XcomRead).is_ok() {
        pages.store.pages_xcoms(found.id, &task_id, row.map_index).await?
    } else {
        Vec::new()
    };
    let may_read_log = who.may_here(Permission::TaskLogRead).is_ok();
    let remark = pages.store.task_instance_note(DagRunKey(found.id), &task_id, row.map_index).await;
    let remark = remark.map_err(ActionError::from)?;
    let now = (pages.clock)();
    let newest = u32::try_from(row.try_number).unwrap_or(0);
    let shown = query.try_number.unwrap_or(newest.max(1));
    let log_path = log_path(&pages.home, &dag_id, &run_id, &task_id, row.map_index, shown);
    let chunk = if may_read_log {
        log::read(&log_path, None).await.unwrap_or_else(|problem| {
            tracing::error!(error = %problem, "the log {} cannot be read", log_path.display());
            log::Chunk::default()
        })
    } else {
        log::Chunk::default()
    };
    let of_row = rendered::key(found.id, row.task_index, row.map_index);
    let fields = rendered::fields(&pages.store, &log_path, of_row, shown).await?;
    let states = crate::why::states_by_task(&dag, &rows);
    let waits = pages.store.waits(DagRunKey(found.id)).await?;
    let missed = pages.store.missed_deadlines(DagRunKey(found.id)).await?;
    let contention = why::contention(&pages.store, &found, &dag, &rows).await?;
    let why = Why::new(&dag, &found, &states, &rows, &contention, pages.limits, now).with_waits(waits);
    let filter = HitlFilter {
        dag_id: Some(dag_id.clone()),
        run_id: Some(run_id.clone()),
        task_id: Some(task_id.clone()),
        map_index: Some(row.map_index),
        is_answered: Some(false),
        ..HitlFilter::default()
    };
    let ask = if row.state == "awaiting_input" {
        let newest = Listing { limit: 1, ..Listing::default() };
        let open = pages.store.api_hitl_details(&filter, &newest).await.map_err(pools::unread)?;
        open.rows.first().map(approvals::ask)
    } else {
        None
    };
    let href = task_href(&dag_id, &run_id, &task_id, row.map_index);
    let run_href = run_href(&dag_id, &run_id);
    let locked = if has_started {
        shell.locked("task_instance.edit")
    } else {
        " disabled title=\"its run has not started\"".to_owned()
    };
    let switched_off = pages.store.disabled_tasks(&dag_id).await.map_err(ActionError::from)?;
    let switched_off: Vec<_> = switched_off.into_iter().filter(|one| one.task_id == task_id).collect();
    let answer_locked = shell.locked("hitl.edit");
    page(&TaskPage {
        disabled: disabled(&switched_off, &run_id),
        marks: marks(&task_id, &row.state),
        disables: disables(&task_id, &switched_off, &run_id, &found.state),
        href: format!("{run_href}/tasks/{}", segment(&task_id)),
        ask,
        answer_locked,
        shell,
        locked,
        dag_href: dag_href(&dag_id),
        state: State(row.state.clone()),
        duration: duration(row.started_at, run::ended(row, now), now),
        is_running: why::parse(&row.state).holds_slot(),
        is_failed: why::parse(&row.state).is_failed(),
        why: why.task(row),
        remark: remark.map(|(text, by)| format!("{by}: {text}")).unwrap_or_default(),
        missed: missed
            .iter()
            .filter(|one| one.task_id == task_id && one.map_index == row.map_index)
            .map(run::missed)
            .collect(),
        tries: tries(row, &attempts, shown, &href),
        log_href: format!("{run_href}/tasks/{}/log?try={shown}&map_index={}", segment(&task_id), row.map_index),
        log_html: chunk.html,
        log_offset: chunk.next_offset,
        log_empty: if !may_read_log {
            "Your role may not read logs of tasks."
        } else if newest == 0 {
            "No attempt was made yet."
        } else {
            "This attempt has written nothing."
        },
        is_cut: chunk.is_cut,
        rendered: fields
            .into_iter()
            .map(|(field, value)| Rendered {
                field,
                value: value.as_str().map_or_else(|| pretty(&value), str::to_owned),
            })
            .collect(),
        xcoms: xcoms
            .into_iter()
            .map(|xcom| XCom { value: pretty(&xcom.value), key: xcom.key, created: Moment(xcom.created_at) })
            .collect(),
        facts: facts(dag.task(index), &dag, row),
        doc_html: dag.task(index).doc_md.as_deref().map(markdown).unwrap_or_default(),
        elements: elements(&of_task, row.map_index, &dag_id, &run_id, &task_id),
        map_index: row.map_index,
        run_href,
        dag_id: dag_id.clone(),
        run_id: run_id.clone(),
        task_id: task_id.clone(),
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// The ends that it does not have yet.
fn marks(task_id: &str, state: &str) -> Vec<Mark> {
    [("success", "✓ Mark success"), ("failed", "✕ Mark failed"), ("skipped", "» Mark skipped")]
        .into_iter()
        .filter(|(end, _)| *end != state)
        .map(|(state, text)| Mark { state, text, question: format!("Mark {task_id} as {state}? What is running of it is stopped, and what failed behind it is looked at again.") })
        .collect()
}

/// That the task is disabled in a run, in words.
fn disabled(of_task: &[DisabledTask], run_id: &str) -> String {
    let found = of_task.iter().find(|one| one.run_id.as_deref().is_none_or(|run| run == run_id));
    found.map_or_else(String::new, |one| {
        let scope = if one.run_id.is_some() { "in this run" } else { "until further notice" };
        format!("Disabled {scope} by {}: it is skipped when its turn comes.", one.disabled_by)
    })
}

/// What may be done about that.
fn disables(task_id: &str, of_task: &[DisabledTask], run_id: &str, run_state: &str) -> Vec<Disable> {
    let is_disabled = |run: Option<&str>| of_task.iter().any(|one| one.run_id.as_deref() == run);
    let mut buttons = Vec::new();
    if is_disabled(Some(run_id)) {
        buttons.push(Disable { in_run: true, undo: true, text: "Enable in this run", question: String::new() });
    } else if matches!(run_state, "queued" | "running") && !is_disabled(None) {
        let question = format!("Skip {task_id} in this run when its turn comes?");
        buttons.push(Disable { in_run: true, undo: false, text: "Disable in this run", question });
    }
    if is_disabled(None) {
        buttons.push(Disable { in_run: false, undo: true, text: "Enable", question: String::new() });
    } else {
        let question = format!("Skip {task_id} in all runs, until further notice?");
        buttons.push(Disable { in_run: false, undo: false, text: "Disable", question });
    }
    buttons
}

fn is_of(row: &TaskInstanceRow, index: TaskIndex) -> bool {
    u32::try_from(row.task_index).is_ok_and(|at| at == index.0)
}

/// One tab per try; the newest one's state is the task instance's own unless it is history already.
struct ElementLink {
    name: String,
    href: String,
    state: String,
    sign: &'static str,
    title: String,
    is_current: bool,
}

fn elements(of_task: &[&TaskInstanceRow], current: i32, dag_id: &str, run_id: &str, task_id: &str) -> Vec<ElementLink> {
    let expanded = of_task.iter().filter(|row| row.map_index >= 0);
    expanded
        .map(|row| ElementLink {
            name: row.rendered_map_index.clone().unwrap_or_else(|| row.map_index.to_string()),
            href: task_href(dag_id, run_id, task_id, row.map_index),
            sign: glyph(&row.state),
            title: format!("{task_id}[{}]: {}", row.map_index, row.state),
            state: row.state.clone(),
            is_current: row.map_index == current,
        })
        .collect()
}

fn tries(row: &TaskInstanceRow, attempts: &[AttemptRow], shown: u32, href: &str) -> Vec<Try> {
    let joint = if href.contains('?') { '&' } else { '?' };
    (1..=row.try_number)
        .map(|number| {
            let attempt = attempts.iter().find(|attempt| attempt.try_number == number);
            let state = attempt.map_or(row.state.as_str(), |attempt| attempt.state.as_str());
            let number = number.unsigned_abs();
            Try {
                number,
                href: format!("{href}{joint}try={number}"),
                sign: glyph(state),
                state: state.to_owned(),
                title: attempt.map_or_else(|| state.to_owned(), tell),
                is_current: number == shown,
            }
        })
        .collect()
}

fn tell(attempt: &AttemptRow) -> String {
    let took = attempt.started_at.map(|start| format!(" after {}", span(attempt.ended_at.duration_since(start))));
    let code = attempt.exit_code.map(|code| format!(", exit code {code}"));
    let reason = attempt.reason.as_ref().map(|reason| format!(": {reason}"));
    [Some(attempt.state.clone()), took, code, reason].into_iter().flatten().collect()
}

/// Values are HTML here: what people wrote is escaped.
fn facts(task: &Task, dag: &Dag, row: &TaskInstanceRow) -> Vec<Fact> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| Moment(at).to_string());
    let upstream: Vec<_> = task.upstream.iter().map(|index| dag.task(*index).task_id.as_str()).collect();
    let pid = row.pid.map_or_else(|| "–".to_owned(), |pid| pid.to_string());
    let slots = if task.pool_slots > 1 { format!(" ({} slots)", task.pool_slots) } else { String::new() };
    vec![
        fact("Operator", task.operator.name()),
        fact("Pool", format!("<a href=\"/pools\">{}</a>{slots}", escape(&task.pool))),
        fact("Trigger rule", task.trigger_rule.as_str()),
        fact("Upstream", if upstream.is_empty() { "–".to_owned() } else { escape(&upstream.join(", ")) }),
        fact("Tries", format!("{} of {}", row.try_number, row.max_tries)),
        fact("Retry delay", setting(task.retry_delay.absolute())),
        fact("Timeout", task.execution_timeout.map_or_else(|| "–".to_owned(), |limit| setting(limit.absolute()))),
        fact("Queued", moment(row.queued_at)),
        fact("Started", moment(row.started_at)),
        fact("Ended", moment(row.ended_at)),
        fact("Process", pid),
    ]
}
