//! Changes of a run: its remark, the end that a person says it has, and cancelling.

use api::{DagRun, DagRunPatchBody, HttpError};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection, DagRunEnd};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::{Api, dag_runs, missing};
use crate::doors::LoggedIn;

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
    let change = match body.state.as_deref().filter(|_| is_meant("state")) {
        None => None,
        Some("queued") => Some(Change::Clear),
        Some("success") => Some(Change::End(DagRunEnd::Success)),
        Some("failed") => Some(Change::End(DagRunEnd::Failed)),
        Some(_) => {
            let place = [json!("body"), json!("state")];
            let message = "Input should be 'queued', 'success' or 'failed'";
            return Err(ApiError::unprocessable("enum", &place, message));
        }
    };
    let lost = || missing::or(missing::dag_run(&dag_id, &run_id));
    match change {
        None => {}
        Some(Change::Clear) => {
            let all = ClearSelection::default();
            api.doors
                .clear_task_instances(&who, &dag_id, &ClearRuns::One(run_id.clone()), &all)
                .await
                .map_err(lost())?;
        }
        Some(Change::End(end)) => api.doors.mark(&who, &dag_id, &run_id, end).await.map_err(lost())?,
    }
    // A mask that names the remark takes it away when the body has none.
    if is_meant("note") && (body.note.is_some() || !query.update_mask.is_empty()) {
        api.doors.set_note(&who, &dag_id, &run_id, body.note.as_deref()).await.map_err(lost())?;
    }
    dag_runs::load(&api, &dag_id, &run_id).await.map(Json)
}

enum Change {
    Clear,
    End(DagRunEnd),
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
