//! `/workers`, flowctl's own.

use api::{HttpError, Worker, WorkerCollection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use store::worker::WorkerRow;
use utoipa::IntoParams;
use uuid::Uuid;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::listing::listing;
use crate::doors::LoggedIn;

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WorkersQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
}

/// A page of the processes that run attempts, those too that died and that nobody removed.
#[utoipa::path(get, path = "/workers", tag = "Worker", params(WorkersQuery),
    responses((status = 200, body = WorkerCollection)))]
pub(super) async fn get_workers(
    State(api): State<Api>,
    Query(query): Query<WorkersQuery>,
) -> ApiResult<Json<WorkerCollection>> {
    let rows = api.store.workers().await.map_err(crate::doors::ActionError::from)?;
    let page = listing(query.limit, query.offset, &[]);
    let total_entries = rows.len() as u64;
    let rows = rows.into_iter().skip(page.offset as usize).take(page.limit as usize);
    Ok(Json(WorkerCollection { workers: rows.map(wire).collect(), total_entries }))
}

/// From now on it takes no new attempts; what it has goes on. It ends with the process.
#[utoipa::path(post, path = "/workers/{worker_id}/drain", tag = "Worker", params(("worker_id" = Uuid, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn drain_worker(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<Uuid>,
) -> ApiResult<StatusCode> {
    set(&api, &who, id, true).await
}

/// It takes attempts again.
#[utoipa::path(post, path = "/workers/{worker_id}/undrain", tag = "Worker", params(("worker_id" = Uuid, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn undrain_worker(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<Uuid>,
) -> ApiResult<StatusCode> {
    set(&api, &who, id, false).await
}

/// Forgets a worker that is gone.
#[utoipa::path(delete, path = "/workers/{worker_id}", tag = "Worker", params(("worker_id" = Uuid, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn remove_worker(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<Uuid>,
) -> ApiResult<StatusCode> {
    api.doors.remove_worker(&who, id).await.map_err(ApiError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(api: &Api, who: &LoggedIn, id: Uuid, is_drained: bool) -> ApiResult<StatusCode> {
    api.doors.set_drained(who, id, is_drained).await.map_err(ApiError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(row: WorkerRow) -> Worker {
    Worker {
        id: row.id.to_string(),
        state: state(&row).to_owned(),
        hostname: row.hostname,
        pid: row.pid,
        attempts: row.attempts.unsigned_abs(),
        drained_at: row.drained_at,
        start_date: row.started_at,
        latest_heartbeat: row.heartbeat_at,
    }
}

const fn state(row: &WorkerRow) -> &'static str {
    match (row.is_alive, row.drained_at.is_some(), row.is_leading) {
        (false, ..) => "gone",
        (true, true, _) => "drained",
        (true, false, true) => "running",
        (true, false, false) => "standby",
    }
}
