//! `POST …/list`: lists whose conditions are a body. They are of all DAGs and runs, so their paths say `~`.

use api::{DagRunCollection, DagRunsBatchBody, HttpError, TaskInstanceCollection, TaskInstancesBatchBody};
use axum::extract::State;
use axum::{Extension, Json};
use model::state::{DagRunState, TaskInstanceState};
use serde_json::json;
use store::read::api::{DagRunFilter, TaskInstanceFilter};

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, words};
use super::listing::{body_times, listing};
use super::{Api, dag_runs, task_instances};
use crate::doors::LoggedIn;

/// A page of task instances of all DAGs.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", tag = "Task Instance",
    params(("dag_id" = String, Path, description = "`~`"), ("dag_run_id" = String, Path, description = "`~`")),
    request_body = TaskInstancesBatchBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instances_batch(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Body(body): Body<TaskInstancesBatchBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    of_all("dag_id", &dag_id)?;
    of_all("dag_run_id", &run_id)?;
    let states = body.state.unwrap_or_default().into_iter().map(|state| state.unwrap_or_else(|| "none".to_owned()));
    let page = listing(Some(body.page_limit), Some(body.page_offset), body.order_by.as_slice());
    let filter = TaskInstanceFilter {
        readable: who.scope.dag_ids(),
        states: words::<TaskInstanceState>("state", &states.collect::<Vec<_>>())?,
        times: body_times!(body),
        dag_ids: body.dag_ids.unwrap_or_default(),
        run_ids: body.dag_run_ids.unwrap_or_default(),
        task_ids: body.task_ids.unwrap_or_default(),
        pools: body.pool.unwrap_or_default(),
        queues: body.queue.unwrap_or_default(),
        executors: body.executor.unwrap_or_default(),
        ..TaskInstanceFilter::default()
    };
    let found = api.store.api_task_instances(&filter, &page, None).await?;
    Ok(Json(task_instances::collection(found)))
}

/// A page of runs of all DAGs.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/list", tag = "DagRun",
    params(("dag_id" = String, Path, description = "`~`")), request_body = DagRunsBatchBody,
    responses((status = 200, body = DagRunCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_list_dag_runs_batch(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<DagRunsBatchBody>,
) -> ApiResult<Json<DagRunCollection>> {
    of_all("dag_id", &dag_id)?;
    let page = listing(Some(body.page_limit), Some(body.page_offset), body.order_by.as_slice());
    let states: Vec<_> = body.states.unwrap_or_default().into_iter().flatten().collect();
    let filter = DagRunFilter {
        readable: who.scope.dag_ids(),
        states: words::<DagRunState>("states", &states)?,
        times: body_times!(body),
        dag_ids: body.dag_ids.unwrap_or_default(),
        conf_contains: body.conf_contains,
        ..DagRunFilter::default()
    };
    let found = api.store.api_dag_runs(&filter, &page, None).await?;
    Ok(Json(dag_runs::collection(found)))
}

fn of_all(name: &str, value: &str) -> ApiResult<()> {
    if value == "~" {
        return Ok(());
    }
    Err(ApiError::unprocessable("literal_error", &[json!("path"), json!(name)], "Input should be '~'"))
}
