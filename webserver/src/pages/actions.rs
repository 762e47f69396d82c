//! What the buttons do.

use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use store::dag_run::{ClearRuns, ClearSelection, DagRunEnd, TaskInstanceEnd};

use super::format::{dag_href, run_href, task_href};
use super::{PageError, Pages};
use crate::doors::LoggedIn;

/// The pause switch.
#[derive(Deserialize)]
pub(super) struct Pause {
    is_paused: bool,
}

/// Pauses or activates a DAG.
pub(super) async fn pause(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Form(form): Form<Pause>,
) -> Result<Redirect, PageError> {
    pages.doors.set_paused(&who, &dag_id, form.is_paused).await?;
    Ok(Redirect::to(&dag_href(&dag_id)))
}

/// The mark buttons of a run.
#[derive(Deserialize)]
pub(super) struct MarkForm {
    state: String,
}

/// Gives a run the end that somebody says it has.
pub(super) async fn mark(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Form(form): Form<MarkForm>,
) -> Result<Redirect, PageError> {
    let end = match form.state.as_str() {
        "success" => DagRunEnd::Success,
        _ => DagRunEnd::Failed,
    };
    pages.doors.mark(&who, &dag_id, &run_id, end).await?;
    Ok(Redirect::to(&run_href(&dag_id, &run_id)))
}

/// The mark buttons of a task instance.
#[derive(Deserialize)]
pub(super) struct MarkTaskForm {
    state: String,
    #[serde(default = "unmapped")]
    map_index: i32,
}

const fn unmapped() -> i32 {
    -1
}

/// Gives a task instance the end that somebody says it has.
pub(super) async fn mark_task(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Form(form): Form<MarkTaskForm>,
) -> Result<Redirect, PageError> {
    let end = match form.state.as_str() {
        "success" => TaskInstanceEnd::Success,
        "skipped" => TaskInstanceEnd::Skipped,
        _ => TaskInstanceEnd::Failed,
    };
    let tasks = Some(vec![(task_id.clone(), Some(form.map_index))]);
    let chosen = ClearSelection { tasks, ..ClearSelection::default() };
    pages.doors.mark_task_instances(&who, &dag_id, &ClearRuns::One(run_id.clone()), &chosen, end).await?;
    Ok(Redirect::to(&task_href(&dag_id, &run_id, &task_id, form.map_index)))
}

/// The buttons that disable a task, and undo it.
#[derive(Deserialize)]
pub(super) struct DisableForm {
    /// In the run of the page only.
    #[serde(default)]
    in_run: bool,
    #[serde(default)]
    undo: bool,
}

/// Disables a task, or enables it.
pub(super) async fn disable(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Form(form): Form<DisableForm>,
) -> Result<Redirect, PageError> {
    let run = form.in_run.then_some(run_id.as_str());
    if form.undo {
        pages.doors.enable_task(&who, &dag_id, run, &task_id).await?;
    } else {
        pages.doors.disable_task(&who, &dag_id, run, &task_id).await?;
    }
    Ok(Redirect::to(&task_href(&dag_id, &run_id, &task_id, -1)))
}

/// Cancels a run.
pub(super) async fn cancel(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> Result<Redirect, PageError> {
    pages.doors.cancel(&who, &dag_id, &run_id).await?;
    Ok(Redirect::to(&run_href(&dag_id, &run_id)))
}
