//! `/backfills`.

use api::{
    BackfillBody, BackfillCollection, BackfillDay, BackfillDayCollection, BackfillPlan, BackfillPlanCollection,
    HttpError,
};
use axum::extract::State;
use axum::{Extension, Json};
use model::dag_run::to_microsecond;
use model::state::ReprocessBehavior;
use serde::Deserialize;
use serde_json::{Value, json};
use store::backfill::{Backfill, Part};
use utoipa::IntoParams;

use super::Api;
use super::built_in::PageQuery;
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::listing::listing;
use crate::doors::{ActionError, AskedBackfill, LoggedIn};

/// Which backfills.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BackfillsQuery {
    /// Of this DAG; else of all.
    dag_id: Option<String>,
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// `id` (if it is not given), or `-id`: the newest first.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the backfills, the oldest first.
#[utoipa::path(get, path = "/backfills", tag = "Backfill", params(BackfillsQuery),
    responses((status = 200, body = BackfillCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_backfills(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<BackfillsQuery>,
) -> ApiResult<Json<BackfillCollection>> {
    let page = listing(query.limit, query.offset, &query.order_by);
    let is_newest_first = match page.order_by.first().map(String::as_str) {
        None | Some("id") => false,
        Some("-id") => true,
        Some(name) => return Err(ApiError::bad_request(format!("cannot order by `{name}`; possible are id"))),
    };
    let part = Part { limit: page.limit.into(), offset: page.offset.into(), is_newest_first };
    let readable = who.scope.dag_ids();
    let found = api.store.backfills(query.dag_id.as_deref(), readable.as_deref(), part).await;
    let (rows, total) = found.map_err(ActionError::from)?;
    let backfills = rows.into_iter().map(wire).collect();
    Ok(Json(BackfillCollection { backfills, total_entries: u64::try_from(total).unwrap_or(0) }))
}

/// One backfill.
#[utoipa::path(get, path = "/backfills/{backfill_id}", tag = "Backfill", params(("backfill_id" = i64, Path)),
    responses((status = 200, body = api::Backfill), (status = 404, body = HttpError)))]
pub(super) async fn get_backfill(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> ApiResult<Json<api::Backfill>> {
    let row = api.store.backfill(id).await.map_err(ActionError::from)?;
    row.filter(|row| who.scope.has(&row.dag_id))
        .map(|row| Json(wire(row)))
        .ok_or_else(|| ApiError::not_found("Backfill not found"))
}

/// A page of the dates of a backfill with their runs, in the order in which they run. flowctl's own.
#[utoipa::path(get, path = "/backfills/{backfill_id}/dates", tag = "Backfill",
    params(("backfill_id" = i64, Path), PageQuery),
    responses((status = 200, body = BackfillDayCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_backfill_dates(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<BackfillDayCollection>> {
    let backfill = api.store.backfill(id).await.map_err(ActionError::from)?;
    let backfill =
        backfill.filter(|row| who.scope.has(&row.dag_id)).ok_or_else(|| ApiError::not_found("Backfill not found"))?;
    let page = query.listing();
    let days = api.store.backfill_days(id, page.limit.into(), page.offset.into()).await.map_err(ActionError::from)?;
    let dates = days.into_iter().map(|day| BackfillDay {
        logical_date: day.logical_date,
        dag_run_id: day.run_id,
        state: day.state,
        exception_reason: day.left_out,
    });
    let total_entries = u64::try_from(backfill.total).unwrap_or(0);
    Ok(Json(BackfillDayCollection { dates: dates.collect(), total_entries }))
}

/// Creates a backfill; the scheduler makes its runs as its `max_active_runs` allows.
#[utoipa::path(post, path = "/backfills", tag = "Backfill", request_body = BackfillBody,
    responses((status = 200, body = api::Backfill), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn create_backfill(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<BackfillBody>,
) -> ApiResult<Json<api::Backfill>> {
    Ok(Json(wire(api.doors.create_backfill(&who, asked(body)?).await?)))
}

/// Says which runs a backfill would make.
#[utoipa::path(post, path = "/backfills/dry_run", tag = "Backfill", request_body = BackfillBody,
    responses((status = 200, body = BackfillPlanCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn create_backfill_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<BackfillBody>,
) -> ApiResult<Json<BackfillPlanCollection>> {
    let planned = api.doors.plan_backfill(&who, &asked(body)?).await?;
    let backfills: Vec<_> = planned
        .into_iter()
        .map(|run| BackfillPlan {
            logical_date: run.data_interval.start,
            partition_key: None,
            partition_date: None,
            exception_reason: run.left_out.map(str::to_owned),
        })
        .collect();
    Ok(Json(BackfillPlanCollection { total_entries: backfills.len() as u64, backfills }))
}

/// Stops a backfill from making runs; those that are there go on.
#[utoipa::path(put, path = "/backfills/{backfill_id}/pause", tag = "Backfill", params(("backfill_id" = i64, Path)),
    responses((status = 200, body = api::Backfill), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn pause_backfill(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> ApiResult<Json<api::Backfill>> {
    Ok(Json(wire(api.doors.pause_backfill(&who, id, true).await?)))
}

/// Lets a backfill go on.
#[utoipa::path(put, path = "/backfills/{backfill_id}/unpause", tag = "Backfill", params(("backfill_id" = i64, Path)),
    responses((status = 200, body = api::Backfill), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn unpause_backfill(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> ApiResult<Json<api::Backfill>> {
    Ok(Json(wire(api.doors.pause_backfill(&who, id, false).await?)))
}

/// Ends a backfill: its queued runs fail, what runs goes on.
#[utoipa::path(put, path = "/backfills/{backfill_id}/cancel", tag = "Backfill", params(("backfill_id" = i64, Path)),
    responses((status = 200, body = api::Backfill), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn cancel_backfill(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> ApiResult<Json<api::Backfill>> {
    Ok(Json(wire(api.doors.cancel_backfill(&who, id).await?)))
}

fn asked(body: BackfillBody) -> ApiResult<AskedBackfill> {
    let reprocess_behavior = body.reprocess_behavior.parse::<ReprocessBehavior>().map_err(|_| {
        let place = [json!("body"), json!("reprocess_behavior")];
        ApiError::unprocessable("enum", &place, "Input should be 'failed', 'completed' or 'none'")
    })?;
    Ok(AskedBackfill {
        dag_id: body.dag_id,
        from_date: to_microsecond(body.from_date),
        to_date: to_microsecond(body.to_date),
        run_backwards: body.run_backwards,
        conf: body.dag_run_conf.unwrap_or_default(),
        reprocess_behavior,
        max_active_runs: body.max_active_runs,
        on_latest_version: body.run_on_latest_version,
    })
}

fn wire(row: Backfill) -> api::Backfill {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    api::Backfill {
        id: row.id,
        dag_display_name: row.dag_id.clone(),
        dag_id: row.dag_id,
        from_date: row.from_date,
        to_date: row.to_date,
        dag_run_conf: match row.conf {
            Value::Object(conf) => conf,
            _ => serde_json::Map::new(),
        },
        is_paused: row.is_paused,
        reprocess_behavior: row.reprocess_behavior,
        max_active_runs: u32::try_from(row.max_active_runs).unwrap_or(0),
        created_at: row.created_at,
        completed_at: row.completed_at,
        updated_at: row.updated_at,
        progress: api::BackfillProgress {
            total: count(row.total),
            pending: count(row.pending),
            active: count(row.active),
            success: count(row.succeeded),
            failed: count(row.failed),
            left_out: count(row.left_out),
        },
    }
}
