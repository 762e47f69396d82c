//! `/eventLogs`: who did what.

use ::api::{EventLog, EventLogCollection, HttpError};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use store::read::api::{EventLogFilter, EventLogRow};
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::listing::{When, bounds, listing, pattern};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventLogsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// `event_log_id` (or `id`), `when` (or `dttm`), `dag_id`, `task_id`, `run_id`, `event`, `logical_date`, `owner`, `extra`;
    /// descending after a `-`. The oldest first, if it is not given.
    #[serde(default)]
    order_by: Vec<String>,
    /// Of this DAG.
    dag_id: Option<String>,
    /// Of this run.
    run_id: Option<String>,
    /// Of this task.
    task_id: Option<String>,
    /// Of this element of a mapped task.
    map_index: Option<i32>,
    /// Of this try of a task instance: what people do is of no try, so there is none.
    try_number: Option<i32>,
    /// Done by this account.
    owner: Option<String>,
    /// Of this name.
    event: Option<String>,
    /// Of one of these names.
    #[serde(default)]
    included_events: Vec<String>,
    /// Of none of these names.
    #[serde(default)]
    excluded_events: Vec<String>,
    /// To this kind of object, such as `pool`.
    object_type: Option<String>,
    /// To the object of this name.
    object_name: Option<String>,
    /// Before this time.
    before: Option<When>,
    /// After this time.
    after: Option<When>,
    /// Part of the DAG's id; `%` and `_` as in SQL, `|` between alternatives.
    dag_id_pattern: Option<String>,
    /// How the DAG's id begins; no wildcards, `|` between alternatives.
    dag_id_prefix_pattern: Option<String>,
    /// Part of the run's id.
    run_id_pattern: Option<String>,
    /// How the run's id begins.
    run_id_prefix_pattern: Option<String>,
    /// Part of the task's id.
    task_id_pattern: Option<String>,
    /// How the task's id begins.
    task_id_prefix_pattern: Option<String>,
    /// Part of the account's name.
    owner_pattern: Option<String>,
    /// How the account's name begins.
    owner_prefix_pattern: Option<String>,
    /// Part of the event's name.
    event_pattern: Option<String>,
    /// How the event's name begins.
    event_prefix_pattern: Option<String>,
}

/// A page of what people did; `total_entries` counts to 50,000.
#[utoipa::path(get, path = "/eventLogs", tag = "Event Log", params(EventLogsQuery),
    responses((status = 200, body = EventLogCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_event_logs(
    State(api): State<Api>,
    Query(query): Query<EventLogsQuery>,
) -> ApiResult<Json<EventLogCollection>> {
    let listing = listing(query.limit, query.offset, &query.order_by);
    let filter = EventLogFilter {
        id: None,
        dag_id: query.dag_id,
        run_id: query.run_id,
        task_id: query.task_id,
        map_index: query.map_index,
        is_of_a_try: query.try_number.is_some(),
        username: query.owner,
        event: query.event,
        included_events: query.included_events,
        excluded_events: query.excluded_events,
        object_type: query.object_type,
        object_name: query.object_name,
        at: bounds(None, query.after, None, query.before),
        dag_id_is: pattern(query.dag_id_pattern, query.dag_id_prefix_pattern),
        run_id_is: pattern(query.run_id_pattern, query.run_id_prefix_pattern),
        task_id_is: pattern(query.task_id_pattern, query.task_id_prefix_pattern),
        username_is: pattern(query.owner_pattern, query.owner_prefix_pattern),
        event_is: pattern(query.event_pattern, query.event_prefix_pattern),
    };
    let page = api.store.api_event_logs(&filter, &listing).await?;
    let event_logs = page.rows.into_iter().map(wire).collect();
    Ok(Json(EventLogCollection { event_logs, total_entries: page.total }))
}

/// One event.
#[utoipa::path(get, path = "/eventLogs/{event_log_id}", tag = "Event Log", params(("event_log_id" = i64, Path)),
    responses((status = 200, body = EventLog), (status = 404, body = HttpError)))]
pub(super) async fn get_event_log(State(api): State<Api>, Path(id): Path<i64>) -> ApiResult<Json<EventLog>> {
    let row = api.store.api_event_log(id).await?;
    let missing = || ApiError::not_found(format!("The Event Log with id: `{id}` not found"));
    row.map(|row| Json(wire(row))).ok_or_else(missing)
}

pub(crate) fn wire(row: EventLogRow) -> EventLog {
    let extra = json!({
        "address": row.address, "object_type": row.object_type, "object_name": row.object_name, "before": row.before,
        "after": row.after,
    });
    EventLog {
        event_log_id: row.id,
        when: row.at.0,
        dag_display_name: row.dag_id.clone(),
        dag_id: row.dag_id,
        run_id: row.run_id,
        task_display_name: row.task_id.clone(),
        task_id: row.task_id,
        map_index: row.map_index,
        try_number: None,
        event: row.event,
        logical_date: row.logical_date.map(|at| at.0),
        owner: Some(row.username),
        extra: Some(extra.to_string()),
        address: row.address,
        object_type: row.object_type,
        object_name: row.object_name,
        before: row.before,
        after: row.after,
    }
}
