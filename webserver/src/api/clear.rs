//! Letting task instances start over: of a run, or chosen ones.

use api::{
    ClearDagRunBody, ClearTaskInstancesBody, DagRun, HttpError, TaskInstance, TaskInstanceCollection, TaskSelector,
};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use store::dag_run::{ClearSelection, Cleared};
use store::read::api::TaskInstanceFilter;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path};
use super::{Api, dag_runs, missing, task_instances};
use crate::doors::LoggedIn;

/// Lets a run start over; a dry run (the default) says which task instances would.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/clear", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)), request_body = ClearDagRunBody,
    responses((status = 200, content((DagRun = "application/json"), (TaskInstanceCollection = "application/json"))),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 501, body = HttpError)))]
pub(super) async fn clear_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Body(body): Body<ClearDagRunBody>,
) -> ApiResult<Response> {
    refuse(&[("only_new", body.only_new), ("run_on_latest_version", body.run_on_latest_version == Some(true))])?;
    let selection = ClearSelection {
        only_failed: body.only_failed,
        is_dry_run: body.dry_run,
        note: body.note,
        ..ClearSelection::default()
    };
    let lost = missing::or(missing::dag_run(&dag_id, &run_id));
    let cleared = api.doors.clear_task_instances(&who, &dag_id, &run_id, &selection).await.map_err(lost)?;
    if body.dry_run {
        return Ok(Json(collection(affected(&api, &dag_id, &run_id, cleared).await?)).into_response());
    }
    Ok(Json(dag_runs::load(&api, &dag_id, &run_id).await?).into_response())
}

/// Lets task instances start over; a dry run (the default) says which would.
#[utoipa::path(post, path = "/dags/{dag_id}/clearTaskInstances", tag = "Task Instance",
    params(("dag_id" = String, Path)), request_body = ClearTaskInstancesBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 501, body = HttpError)))]
pub(super) async fn post_clear_task_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<ClearTaskInstancesBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    refuse(&[
        ("start_date", body.start_date.is_some()),
        ("end_date", body.end_date.is_some()),
        ("include_past", body.include_past),
        ("include_future", body.include_future),
        ("run_on_latest_version", body.run_on_latest_version),
        ("reset_dag_runs=false", !body.reset_dag_runs),
        ("note", body.note.is_some()),
    ])?;
    let Some(run_id) = body.dag_run_id else {
        return Err(ApiError::not_implemented(
            "dag_run_id: name a run; clearing task instances of all runs is not supported yet",
        ));
    };
    if !api.store.api_dag_exists(&dag_id).await? {
        return Err(missing::dag(&dag_id));
    }
    let task = |selector| match selector {
        TaskSelector::Task(task_id) => (task_id, None),
        TaskSelector::Element(task_id, map_index) => (task_id, Some(map_index)),
    };
    let selection = ClearSelection {
        tasks: body.task_ids.map(|tasks| tasks.into_iter().map(task).collect()),
        with_upstream: body.include_upstream,
        with_downstream: body.include_downstream,
        only_failed: body.only_failed,
        only_running: body.only_running,
        refuses_running: body.prevent_running_task,
        is_dry_run: body.dry_run,
        note: None,
    };
    // What the door does not find is the run or one of the tasks, and it says which.
    let cleared = api.doors.clear_task_instances(&who, &dag_id, &run_id, &selection).await?;
    Ok(Json(collection(affected(&api, &dag_id, &run_id, cleared).await?)))
}

/// What Airflow can and flowctl cannot yet is refused, never ignored.
fn refuse(asked: &[(&str, bool)]) -> ApiResult<()> {
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((name, _)) => Err(ApiError::not_implemented(format!("{name}: not supported yet"))),
        None => Ok(()),
    }
}

async fn affected(api: &Api, dag_id: &str, run_id: &str, cleared: Cleared) -> ApiResult<Vec<TaskInstance>> {
    if cleared.positions.is_empty() {
        return Ok(Vec::new());
    }
    let filter = TaskInstanceFilter {
        dag_id: Some(dag_id.to_owned()),
        run_id: Some(run_id.to_owned()),
        positions: Some(cleared.positions.into_iter().map(|(task, element)| (task.0.cast_signed(), element)).unzip()),
        ..TaskInstanceFilter::default()
    };
    Ok(api.store.api_all_task_instances(&filter).await?.into_iter().map(task_instances::wire).collect())
}

fn collection(task_instances: Vec<TaskInstance>) -> TaskInstanceCollection {
    TaskInstanceCollection { total_entries: task_instances.len() as u64, task_instances }
}
