//! Changes of a run: its remark, the end that a person says it has, and cancelling.

use api::{DagRun, DagRunPatchBody, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::log_path::run_logs;
use serde::Deserialize;
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection, DagRunEnd};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::{Api, dag_runs, missing};
use crate::doors::LoggedIn;
use crate::log;

/// What of a run is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagRunPatchQuery {
    /// Names of the fields that count: `state`, `note`; all that the body has if it is not given.
    #[serde(default)]
    update_mask: Vec<String>,
}

/// Marks a run as success or failed, clears it (queued), or sets its remark.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), DagRunPatchQuery),
    request_body = DagRunPatchBody, responses((status = 200, body = DagRun), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<DagRunPatchQuery>,
    Body(body): Body<DagRunPatchBody>,
) -> ApiResult<Json<DagRun>> {
    if let Some(field) = query.update_mask.iter().find(|field| !matches!(field.as_str(), "state" | "note")) {
        return Err(ApiError::bad_request(format!("update_mask: `{field}` cannot be updated; `state` and `note` can")));
    }
    let is_meant = |field: &str| query.update_mask.is_empty() || query.update_mask.iter().any(|name| name == field);
    if let Some(state) = body.state.as_deref().filter(|_| is_meant("state")) {
        set_state(&api, &who, &dag_id, &run_id, state).await?;
    }
    // A mask that names the remark takes it away when the body has none.
    if is_meant("note") && (body.note.is_some() || !query.update_mask.is_empty()) {
        let lost = missing::or(missing::dag_run(&dag_id, &run_id));
        let note = body.note.as_deref().filter(|note| !note.is_empty());
        api.doors.set_note(&who, &dag_id, &run_id, note).await.map_err(lost)?;
    }
    dag_runs::load(&api, &dag_id, &run_id).await.map(Json)
}

/// Marks a run as success or failed, or clears it (queued).
pub(super) async fn set_state(api: &Api, who: &LoggedIn, dag_id: &str, run_id: &str, state: &str) -> ApiResult<()> {
    let end = match state {
        "queued" => None,
        "success" => Some(DagRunEnd::Success),
        "failed" => Some(DagRunEnd::Failed),
        _ => {
            let place = [json!("body"), json!("state")];
            let message = "Input should be 'queued', 'success' or 'failed'";
            return Err(ApiError::unprocessable("enum", &place, message));
        }
    };
    let lost = missing::or(missing::dag_run(dag_id, run_id));
    let done = if let Some(end) = end {
        api.doors.mark(who, dag_id, run_id, end).await
    } else {
        let (runs, all) = (ClearRuns::One(run_id.to_owned()), ClearSelection::default());
        api.doors.clear_task_instances(who, dag_id, &runs, &all).await.map(drop)
    };
    done.map_err(lost)
}

/// Deletes a run with its task instances, values, messages and logs, unless it is running.
#[utoipa::path(delete, path = "/dags/{dag_id}/dagRuns/{dag_run_id}", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn delete_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    delete(&api, &who, &dag_id, &run_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a run and its logs.
pub(super) async fn delete(api: &Api, who: &LoggedIn, dag_id: &str, run_id: &str) -> ApiResult<()> {
    let lost = missing::or(missing::dag_run(dag_id, run_id));
    api.doors.delete_dag_run(who, dag_id, run_id).await.map_err(lost)?;
    log::remove(&run_logs(&api.home, dag_id, run_id), (api.clock)().as_microsecond()).await;
    Ok(())
}

/// Cancels a run: stops what runs, skips what has not started. flowctl's own.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/cancel", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 200, body = DagRun), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn cancel_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<Json<DagRun>> {
    let lost = missing::or(missing::dag_run(&dag_id, &run_id));
    api.doors.cancel(&who, &dag_id, &run_id).await.map_err(lost)?;
    dag_runs::load(&api, &dag_id, &run_id).await.map(Json)
}
