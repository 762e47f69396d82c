//! What the buttons do.

use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::format::{dag_href, run_href};
use super::{PageError, Pages};
use crate::doors::{Clear, LoggedIn};

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

/// The clear buttons.
#[derive(Deserialize)]
pub(super) struct ClearForm {
    task_id: Option<String>,
    map_index: Option<i32>,
    #[serde(default)]
    only_failed: bool,
}

/// Lets task instances of a run start over.
pub(super) async fn clear(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Form(form): Form<ClearForm>,
) -> Result<Redirect, PageError> {
    let clear = Clear {
        task_id: form.task_id,
        map_index: form.map_index.filter(|map_index| *map_index >= 0),
        only_failed: form.only_failed,
    };
    pages.doors.clear(&who, &dag_id, &run_id, clear).await?;
    Ok(Redirect::to(&run_href(&dag_id, &run_id)))
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
