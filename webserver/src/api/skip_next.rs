//! `/dags/{dag_id}/skipNext`: leaving out the next runs of a schedule.

use ::api::{HttpError, SkipNext, SkipNextBody, SkippedRun};
use axum::Json;
use axum::extract::{Extension, State};
use store::read::api::ReadError;
use store::skip::Skip;

use super::error::ApiResult;
use super::extract::{Body, Path};
use super::{Api, missing};
use crate::doors::LoggedIn;

/// How many of the next runs are left out, and which were.
#[utoipa::path(get, path = "/dags/{dag_id}/skipNext", tag = "flowctl", params(("dag_id" = String, Path)),
    responses((status = 200, body = SkipNext), (status = 404, body = HttpError)))]
pub(super) async fn get_skip_next(State(api): State<Api>, Path(dag_id): Path<String>) -> ApiResult<Json<SkipNext>> {
    load(&api, dag_id).await.map(Json)
}

/// Leaves out the next runs of the schedule, instead of as many as before.
#[utoipa::path(put, path = "/dags/{dag_id}/skipNext", tag = "flowctl", params(("dag_id" = String, Path)),
    request_body = SkipNextBody, responses((status = 200, body = SkipNext), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn put_skip_next(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<SkipNextBody>,
) -> ApiResult<Json<SkipNext>> {
    api.doors.set_skip_next(&who, &dag_id, body.count).await.map_err(missing::or(missing::dag(&dag_id)))?;
    load(&api, dag_id).await.map(Json)
}

async fn load(api: &Api, dag_id: String) -> ApiResult<SkipNext> {
    let skips = api.store.skips(&dag_id).await.map_err(ReadError::from)?.ok_or_else(|| missing::dag(&dag_id))?;
    Ok(SkipNext { count: skips.next, skipped: skips.runs.into_iter().map(wire).collect(), dag_id })
}

fn wire(skip: Skip) -> SkippedRun {
    SkippedRun {
        logical_date: skip.data_interval.start,
        data_interval_start: skip.data_interval.start,
        data_interval_end: skip.data_interval.end,
        run_after: skip.run_after,
        reason: skip.reason,
        skipped_at: skip.skipped_at,
    }
}
