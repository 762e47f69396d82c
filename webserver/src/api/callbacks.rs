//! `/callbacks` and `…/missedDeadlines`: messages, what became of them, and deadlines that passed.

use ::api::{
    Callback, CallbackCollection, CallbackDetails, CallbackTry, HttpError, MAX_LIMIT, MissedDeadline,
    MissedDeadlineCollection,
};
use axum::Json;
use axum::extract::State;
use model::ids::DagRunKey;
use serde::Deserialize;
use store::callback::{CallbackFilter, CallbackInfo, MissedDeadlineInfo};
use store::read::api::ReadError;
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::{Api, missing};

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Of this DAG.
    dag_id: Option<String>,
    /// Of this run.
    dag_run_id: Option<String>,
    /// Of this task.
    task_id: Option<String>,
    /// In this state: pending, success, failed.
    state: Option<String>,
}

/// A page of the messages that DAG files asked for, the newest first.
#[utoipa::path(get, path = "/callbacks", tag = "flowctl", params(CallbackQuery),
    responses((status = 200, body = CallbackCollection)))]
pub(super) async fn get_callbacks(
    State(api): State<Api>,
    Query(query): Query<CallbackQuery>,
) -> ApiResult<Json<CallbackCollection>> {
    let filter = CallbackFilter {
        dag_id: query.dag_id,
        run_id: query.dag_run_id,
        task_id: query.task_id,
        state: query.state,
        id: None,
    };
    let limit = i64::from(query.limit.unwrap_or(::api::DEFAULT_LIMIT).min(MAX_LIMIT));
    let offset = i64::from(query.offset.unwrap_or(0));
    let (rows, total) = api.store.callbacks(&filter, limit, offset).await.map_err(ReadError::from)?;
    let callbacks = rows.into_iter().map(wire).collect();
    Ok(Json(CallbackCollection { callbacks, total_entries: u64::try_from(total).unwrap_or(0) }))
}

/// A message with the log of its delivery.
#[utoipa::path(get, path = "/callbacks/{callback_id}", tag = "flowctl", params(("callback_id" = i64, Path)),
    responses((status = 200, body = CallbackDetails), (status = 404, body = HttpError)))]
pub(super) async fn get_callback(State(api): State<Api>, Path(id): Path<i64>) -> ApiResult<Json<CallbackDetails>> {
    let filter = CallbackFilter { id: Some(id), ..CallbackFilter::default() };
    let (rows, _) = api.store.callbacks(&filter, 1, 0).await.map_err(ReadError::from)?;
    let row = rows.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found(format!("The Callback with id: `{id}` was not found")))?;
    let tries = api.store.callback_tries(id).await.map_err(ReadError::from)?;
    let log = tries.into_iter().map(|tried| CallbackTry {
        number: tried.number,
        start_date: tried.started_at,
        end_date: tried.ended_at,
        answer: tried.answer,
        error: tried.error,
    });
    Ok(Json(CallbackDetails { callback: wire(row), log: log.collect() }))
}

/// Deadlines of a run and of its tasks that passed before they had finished.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/missedDeadlines", tag = "flowctl",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 200, body = MissedDeadlineCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_missed_deadlines(
    State(api): State<Api>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<Json<MissedDeadlineCollection>> {
    let run = api.store.pages_run(&dag_id, &run_id).await.map_err(ReadError::from)?;
    let run = run.ok_or_else(|| missing::dag_run(&dag_id, &run_id))?;
    let rows = api.store.missed_deadlines(DagRunKey(run.id)).await.map_err(ReadError::from)?;
    let missed_deadlines: Vec<MissedDeadline> = rows.into_iter().map(missed).collect();
    let total_entries = missed_deadlines.len() as u64;
    Ok(Json(MissedDeadlineCollection { missed_deadlines, total_entries }))
}

fn missed(row: MissedDeadlineInfo) -> MissedDeadline {
    MissedDeadline {
        task_id: Some(row.task_id).filter(|task_id| !task_id.is_empty()),
        map_index: row.map_index,
        deadline: row.due_at,
        missed_at: row.missed_at,
    }
}

fn wire(row: CallbackInfo) -> Callback {
    Callback {
        callback_id: row.id,
        dag_id: row.dag_id,
        dag_run_id: row.run_id,
        task_id: row.task_id,
        map_index: row.map_index,
        try_number: row.try_number,
        event: row.event,
        channel: row.channel,
        reason: row.reason,
        deadline: row.deadline,
        happened_at: row.happened_at,
        state: row.state,
        tries: row.tries,
        next_try_at: row.due_at,
        end_date: row.ended_at,
        last_error: row.last_error,
    }
}
