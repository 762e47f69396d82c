//! Ends that people give to task instances.

use api::{HttpError, PatchTaskInstanceBody, TaskInstanceCollection};
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection, TaskInstanceEnd};
use store::read::api::TaskInstanceFilter;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path};
use super::{Api, task_instances};
use crate::doors::LoggedIn;

/// Marks a task, all its elements if it is mapped, as success, failed or skipped.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path)),
    request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_task_instance(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    mark(&api, &who, (&dag_id, &run_id), (task_id, None), &body, false).await
}

/// Marks one element of a mapped task.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_mapped_task_instance(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    mark(&api, &who, (&dag_id, &run_id), (task_id, Some(map_index)), &body, false).await
}

/// Says what would be marked.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path)), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_task_instance_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    mark(&api, &who, (&dag_id, &run_id), (task_id, None), &body, true).await
}

/// Says what of one element of a mapped task would be marked.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_mapped_task_instance_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    mark(&api, &who, (&dag_id, &run_id), (task_id, Some(map_index)), &body, true).await
}

async fn mark(
    api: &Api,
    who: &LoggedIn,
    (dag_id, run_id): (&str, &str),
    task: (String, Option<i32>),
    body: &PatchTaskInstanceBody,
    is_dry_run: bool,
) -> ApiResult<Json<TaskInstanceCollection>> {
    if body.note.is_some() {
        return Err(ApiError::not_implemented("note: remarks on task instances are not supported yet"));
    }
    let end = end(body.new_state.as_deref())?;
    // Airflow's words when there is no such one.
    task_instances::exists(api, dag_id, run_id, &task.0, task.1).await?;
    let (past, future) = (body.include_past, body.include_future);
    let run_id = run_id.to_owned();
    let runs = if past || future { ClearRuns::Around { run_id, past, future } } else { ClearRuns::One(run_id) };
    let chosen = ClearSelection {
        tasks: Some(vec![task]),
        with_upstream: body.include_upstream,
        with_downstream: body.include_downstream,
        is_dry_run,
        ..ClearSelection::default()
    };
    let keys = api.doors.mark_task_instances(who, dag_id, &runs, &chosen, end).await?;
    let filter = TaskInstanceFilter { keys: Some(keys), ..TaskInstanceFilter::default() };
    let rows = api.store.api_all_task_instances(&filter).await?;
    let task_instances: Vec<_> = rows.into_iter().map(task_instances::wire).collect();
    Ok(Json(TaskInstanceCollection { total_entries: task_instances.len() as u64, task_instances }))
}

fn end(state: Option<&str>) -> ApiResult<TaskInstanceEnd> {
    match state {
        Some("success") => Ok(TaskInstanceEnd::Success),
        Some("failed") => Ok(TaskInstanceEnd::Failed),
        Some("skipped") => Ok(TaskInstanceEnd::Skipped),
        _ => {
            let place = [json!("body"), json!("new_state")];
            Err(ApiError::unprocessable("enum", &place, "Input should be 'success', 'failed' or 'skipped'"))
        }
    }
}
