//! What a clear would let start over, before it does; and then doing it.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::response::Redirect;
use serde::{Deserialize, Serialize};
use store::dag_run::{ClearRuns, ClearSelection};
use store::read::api::{TaskInstanceFilter, TaskInstanceRow};

use super::format::{State, dag_href, run_href, task_href};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::{ActionError, LoggedIn};

/// Task instances listed before confirming; more are counted only.
const LISTED: usize = 500;

/// What is to start over; the page's state, and what its button sends.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
pub(super) struct ClearForm {
    /// This task; else all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    task_id: String,
    /// One element of it; else all.
    #[serde(default)]
    map_index: Option<i32>,
    #[serde(default)]
    upstream: bool,
    #[serde(default)]
    downstream: bool,
    #[serde(default)]
    past: bool,
    #[serde(default)]
    future: bool,
    #[serde(default)]
    only_failed: bool,
    #[serde(default)]
    only_running: bool,
    #[serde(default)]
    latest_version: bool,
}

impl ClearForm {
    fn runs(&self, run_id: &str) -> ClearRuns {
        let (past, future, run_id) = (self.past, self.future, run_id.to_owned());
        if past || future { ClearRuns::Around { run_id, past, future } } else { ClearRuns::One(run_id) }
    }

    fn selection(&self, is_dry_run: bool) -> ClearSelection {
        ClearSelection {
            tasks: (!self.task_id.is_empty()).then(|| vec![(self.task_id.clone(), self.map_index)]),
            with_upstream: self.upstream,
            with_downstream: self.downstream,
            only_failed: self.only_failed,
            only_running: self.only_running,
            on_latest_version: self.latest_version,
            is_dry_run,
            ..ClearSelection::default()
        }
    }

    /// The choices that make sense: name in the form, words, whether it is made.
    fn choices(&self, has_date: bool) -> Vec<Choice> {
        let choice = |name, text, is_chosen| Choice { name, text, is_chosen };
        let mut choices = Vec::new();
        if !self.task_id.is_empty() {
            choices.push(choice("downstream", "what depends on it", self.downstream));
            choices.push(choice("upstream", "what it depends on", self.upstream));
        }
        if has_date || self.past || self.future {
            choices.push(choice("past", "earlier runs", self.past));
            choices.push(choice("future", "later runs", self.future));
        }
        choices.push(choice("only_failed", "only failed", self.only_failed));
        choices.push(choice("only_running", "only running", self.only_running));
        choices.push(choice("latest_version", "with the newest version of the DAG", self.latest_version));
        choices
    }
}

struct Choice {
    name: &'static str,
    text: &'static str,
    is_chosen: bool,
}

struct Affected {
    run_id: String,
    name: String,
    href: String,
    /// Empty: the task is new.
    state: Option<State>,
}

#[derive(Template)]
#[template(path = "clear.html")]
struct ClearPage {
    shell: Shell,
    dag_id: String,
    dag_href: String,
    run_id: String,
    run_href: String,
    what: String,
    form: ClearForm,
    element: String,
    choices: Vec<Choice>,
    affected: Vec<Affected>,
    count: usize,
    runs: usize,
    problem: String,
}

/// The page: what would start over.
pub(super) async fn show(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(form): Query<ClearForm>,
) -> PageResult {
    let run = pages.store.pages_run(&dag_id, &run_id).await?;
    let run = run.ok_or_else(|| PageError::NotFound(format!("run `{run_id}` of DAG `{dag_id}`")))?;
    let found = pages.doors.clear_task_instances(&who, &dag_id, &form.runs(&run_id), &form.selection(true)).await;
    let (cleared, problem) = match found {
        Ok(cleared) => (cleared, String::new()),
        Err(problem @ (ActionError::Invalid(_) | ActionError::Conflict(_) | ActionError::NotFound(_))) => {
            (store::dag_run::Cleared::default(), problem.to_string())
        }
        Err(problem) => return Err(problem.into()),
    };
    let mut runs: std::collections::BTreeSet<_> = cleared.keys.iter().map(|(run, _, _)| run.0).collect();
    runs.extend((!cleared.added.is_empty()).then_some(run.id));
    let count = cleared.keys.len() + cleared.added.len();
    let keys: Vec<_> = cleared.keys.into_iter().take(LISTED).collect();
    let filter = TaskInstanceFilter { keys: Some(keys), ..TaskInstanceFilter::default() };
    let rows = pages.store.api_all_task_instances(&filter).await.map_err(|problem| {
        tracing::error!(error = %problem, "what would be cleared cannot be listed");
        ActionError::Unavailable("the database did not answer; try again".to_owned())
    })?;
    let new =
        cleared.added.into_iter().map(|(run_id, name)| Affected { run_id, name, href: String::new(), state: None });
    let affected: Vec<_> = rows.into_iter().map(affected).chain(new).take(LISTED).collect();
    let shell = Shell::load(&pages, &who, "dags", String::new()).await?;
    let element = form.map_index.map(|index| index.to_string()).unwrap_or_default();
    page(&ClearPage {
        shell,
        what: match (form.task_id.as_str(), form.map_index) {
            ("", _) => run_id.clone(),
            (task_id, Some(index)) if index >= 0 => format!("{task_id}[{index}]"),
            (task_id, _) => task_id.to_owned(),
        },
        choices: form.choices(run.logical_date.is_some()),
        dag_href: dag_href(&dag_id),
        run_href: run_href(&dag_id, &run_id),
        element,
        form,
        affected,
        count,
        runs: runs.len(),
        problem,
        dag_id,
        run_id,
    })
}

fn affected(row: TaskInstanceRow) -> Affected {
    Affected {
        href: task_href(&row.dag_id, &row.run_id, &row.task_id, row.map_index),
        name: if row.map_index < 0 { row.task_id } else { format!("{}[{}]", row.task_id, row.map_index) },
        run_id: row.run_id,
        state: Some(State(row.state)),
    }
}

/// Lets it start over.
pub(super) async fn submit(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Form(form): Form<ClearForm>,
) -> Result<Redirect, PageError> {
    let cleared = pages.doors.clear_task_instances(&who, &dag_id, &form.runs(&run_id), &form.selection(false)).await?;
    if cleared.keys.is_empty() {
        let problem = "nothing to clear: no task instance is as asked for".to_owned();
        return Err(ActionError::Conflict(problem).into());
    }
    Ok(Redirect::to(&match form.task_id.as_str() {
        "" => run_href(&dag_id, &run_id),
        task_id => task_href(&dag_id, &run_id, task_id, form.map_index.unwrap_or(-1)),
    }))
}
