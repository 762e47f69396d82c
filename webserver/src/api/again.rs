//! Running a run again with another conf, and disabling tasks. flowctl's own.

use api::{DagRun, DisableTaskBody, DisabledTask, DisabledTaskCollection, HttpError, RerunBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::ApiResult;
use super::extract::{Body, Path, Query};
use super::{Api, dag_runs, missing};
use crate::doors::LoggedIn;

/// Lets a run start over from its beginning with keys of its conf changed.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/rerun", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)), request_body = RerunBody,
    responses((status = 200, body = DagRun), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn rerun_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Body(body): Body<RerunBody>,
) -> ApiResult<Json<DagRun>> {
    let lost = missing::or(missing::dag_run(&dag_id, &run_id));
    api.doors.rerun(&who, &dag_id, &run_id, body.conf, body.run_on_latest_version).await.map_err(lost)?;
    dag_runs::load(&api, &dag_id, &run_id).await.map(Json)
}

/// The disabled tasks of a DAG: until further notice, and in single runs.
#[utoipa::path(get, path = "/dags/{dag_id}/disabledTasks", tag = "Task", params(("dag_id" = String, Path)),
    responses((status = 200, body = DisabledTaskCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_disabled_tasks(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
) -> ApiResult<Json<DisabledTaskCollection>> {
    let rows = api.store.disabled_tasks(&dag_id).await.map_err(crate::doors::ActionError::from)?;
    let disabled_tasks: Vec<_> = rows
        .into_iter()
        .map(|row| DisabledTask {
            task_id: row.task_id,
            dag_run_id: row.run_id,
            disabled_by: row.disabled_by,
            disabled_at: row.disabled_at,
        })
        .collect();
    let total_entries = disabled_tasks.len() as u64;
    missing::check_dag(&api, Some(&dag_id), total_entries).await?;
    Ok(Json(DisabledTaskCollection { disabled_tasks, total_entries }))
}

/// From now on the task is skipped when its turn comes.
#[utoipa::path(post, path = "/dags/{dag_id}/disabledTasks", tag = "Task", params(("dag_id" = String, Path)),
    request_body = DisableTaskBody,
    responses((status = 200, body = DisabledTaskCollection), (status = 403, body = HttpError),
        (status = 404, body = HttpError)))]
pub(super) async fn disable_task(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<DisableTaskBody>,
) -> ApiResult<Json<DisabledTaskCollection>> {
    api.doors.disable_task(&who, &dag_id, body.dag_run_id.as_deref(), &body.task_id).await?;
    get_disabled_tasks(State(api), Path(dag_id)).await
}

/// In which run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EnableTaskQuery {
    /// In this run; else in all.
    dag_run_id: Option<String>,
}

/// From now on the task runs again when its turn comes.
#[utoipa::path(delete, path = "/dags/{dag_id}/disabledTasks/{task_id}", tag = "Task",
    params(("dag_id" = String, Path), ("task_id" = String, Path), EnableTaskQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn enable_task(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, task_id)): Path<(String, String)>,
    Query(query): Query<EnableTaskQuery>,
) -> ApiResult<StatusCode> {
    api.doors.enable_task(&who, &dag_id, query.dag_run_id.as_deref(), &task_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
