//! `…/dagRuns`: lists, one run, and triggering.

use api::{DagRun, DagRunCollection, HttpError, TriggerDagRunBody};
use axum::extract::State;
use axum::{Extension, Json};
use model::dag_run::DataInterval;
use model::state::{DagRunState, DagRunType, TriggeredBy};
use serde::Deserialize;
use serde_json::Value;
use store::read::api::{DagRunFilter, DagRunRow, DagVersionRow, Window};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, words};
use super::idempotency::OfRequest;
use super::listing::{When, cursor, listing, pattern, times, tokens, unless_all};
use super::{Api, missing, versions};
use crate::doors::{LoggedIn, Trigger};

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagRunsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// In one of these states.
    #[serde(default)]
    state: Vec<String>,
    /// Of one of these types.
    #[serde(default)]
    run_type: Vec<String>,
    /// Pinned to one of these numbers of versions.
    #[serde(default)]
    dag_version: Vec<i32>,
    /// Where a page by cursor begins: empty for the first, then the `next_cursor` or `previous_cursor` of an answer.
    /// `offset` has no meaning then.
    cursor: Option<String>,
    /// Part of the run's name; `%` and `_` as in SQL, `|` between alternatives.
    run_id_pattern: Option<String>,
    /// How the run's name begins; no wildcards, `|` between alternatives.
    run_id_prefix_pattern: Option<String>,
    /// Part of the DAG's name.
    dag_id_pattern: Option<String>,
    /// How the DAG's name begins.
    dag_id_prefix_pattern: Option<String>,
    /// Part of the name of who triggered it.
    triggering_user_name_pattern: Option<String>,
    /// How the name of who triggered it begins.
    triggering_user_name_prefix_pattern: Option<String>,
    /// With this text in the JSON of its conf.
    conf_contains: Option<String>,
    /// Part of the name or the URI of an asset whose update it took, without regard to case; `%` and `_` as they are.
    consuming_asset_pattern: Option<String>,
    /// In this bundle. There are no bundles: with it nothing is found.
    bundle_version: Option<String>,
    /// Of this partition. There are no partitions: with it nothing is found.
    partition_key_pattern: Option<String>,
    /// As `partition_key_pattern`.
    partition_key_prefix_pattern: Option<String>,
    /// Refused: no DAG is partitioned.
    partition_date_gte: Option<String>,
    /// Refused: no DAG is partitioned.
    partition_date_lte: Option<String>,
    run_after_gte: Option<When>,
    run_after_gt: Option<When>,
    run_after_lte: Option<When>,
    run_after_lt: Option<When>,
    logical_date_gte: Option<When>,
    logical_date_gt: Option<When>,
    logical_date_lte: Option<When>,
    logical_date_lt: Option<When>,
    start_date_gte: Option<When>,
    start_date_gt: Option<When>,
    start_date_lte: Option<When>,
    start_date_lt: Option<When>,
    end_date_gte: Option<When>,
    end_date_gt: Option<When>,
    end_date_lte: Option<When>,
    end_date_lt: Option<When>,
    updated_at_gte: Option<When>,
    updated_at_gt: Option<When>,
    updated_at_lte: Option<When>,
    updated_at_lt: Option<When>,
    /// Seconds from its start to its end, or to now.
    duration_gte: Option<f64>,
    /// As `duration_gte`.
    duration_gt: Option<f64>,
    /// As `duration_gte`.
    duration_lte: Option<f64>,
    /// As `duration_gte`.
    duration_lt: Option<f64>,
    /// `id`, `state`, `dag_id`, `run_id` (or `dag_run_id`), `run_type`, `logical_date`, `partition_date`,
    /// `data_interval_start`, `data_interval_end`, `run_after`, `queued_at`, `start_date`, `end_date`, `updated_at`, `conf`,
    /// `duration`, `triggering_user_name`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the runs of a DAG (`~`: of all), oldest first. They are counted up to 50,000, and always beyond what was left
/// out.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns", tag = "DagRun", params(("dag_id" = String, Path), DagRunsQuery),
    responses((status = 200, body = DagRunCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_dag_runs(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagRunsQuery>,
) -> ApiResult<Json<DagRunCollection>> {
    let cursor = cursor(query.cursor.as_deref())?;
    let page = listing(query.limit, query.offset, &query.order_by);
    let filter = DagRunFilter {
        readable: who.scope.dag_ids(),
        dag_id: unless_all(dag_id),
        states: words::<DagRunState>("state", &query.state)?,
        run_types: words::<DagRunType>("run_type", &query.run_type)?.iter().map(ToString::to_string).collect(),
        times: times!(query),
        version_numbers: query.dag_version,
        run_id_is: pattern(query.run_id_pattern, query.run_id_prefix_pattern),
        dag_id_is: pattern(query.dag_id_pattern, query.dag_id_prefix_pattern),
        triggering_user_is: pattern(query.triggering_user_name_pattern, query.triggering_user_name_prefix_pattern),
        conf_contains: query.conf_contains,
        consuming_asset: query.consuming_asset_pattern,
        in_a_bundle_or_partition: query.bundle_version.is_some()
            || query.partition_key_pattern.is_some()
            || query.partition_key_prefix_pattern.is_some(),
        ..DagRunFilter::default()
    };
    if query.partition_date_gte.is_some() || query.partition_date_lte.is_some() {
        return Err(not_partitioned(&api, filter.dag_id.as_deref()).await?);
    }
    let found = api.store.api_dag_runs(&filter, &page, cursor.as_ref()).await?;
    missing::check(&api, filter.dag_id.as_deref(), None, &found).await?;
    Ok(Json(collection(found)))
}

/// Airflow's words for a window of partitions of a DAG that has none.
async fn not_partitioned(api: &Api, dag_id: Option<&str>) -> ApiResult<ApiError> {
    Ok(match dag_id {
        None => ApiError::bad_request("partition_date_gte and partition_date_lte require a specific dag_id."),
        Some(dag_id) if !api.store.api_dag_exists(dag_id).await? => missing::dag(dag_id),
        Some(dag_id) => ApiError::bad_request(format!(
            "Dag with dag_id: '{dag_id}' is not partitioned; partition_date_gte and partition_date_lte are not supported."
        )),
    })
}

/// A part of a list as the API tells it.
pub(super) fn collection(found: Window<DagRunRow>) -> DagRunCollection {
    let (next_cursor, previous_cursor) = tokens(found.next.as_ref(), found.previous.as_ref());
    DagRunCollection {
        dag_runs: found.rows.into_iter().map(wire).collect(),
        total_entries: found.total,
        total_entries_limit: found.total_limit,
        next_cursor,
        previous_cursor,
    }
}

/// One run.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 200, body = DagRun), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_run(
    State(api): State<Api>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<Json<DagRun>> {
    load(&api, &dag_id, &run_id).await.map(Json)
}

/// One run, or Airflow's words that there is none.
pub(super) async fn load(api: &Api, dag_id: &str, run_id: &str) -> ApiResult<DagRun> {
    let row = api.store.api_dag_run(dag_id, run_id).await?;
    row.map(wire).ok_or_else(|| missing::dag_run(dag_id, run_id))
}

/// Creates a run. Without a logical date it has none, and is named after the time from which on it may start.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns", tag = "DagRun", params(("dag_id" = String, Path)),
    request_body = TriggerDagRunBody,
    responses((status = 200, body = DagRun), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 501, body = HttpError)))]
pub(super) async fn trigger_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    request: OfRequest,
    Body(body): Body<TriggerDagRunBody>,
) -> ApiResult<Json<DagRun>> {
    trigger(&api, &who, &dag_id, body, request).await.map(Json)
}

/// Creates a run as a body asks for it.
pub(super) async fn trigger(
    api: &Api,
    who: &LoggedIn,
    dag_id: &str,
    body: TriggerDagRunBody,
    request: OfRequest,
) -> ApiResult<DagRun> {
    if body.partition_key.is_some() {
        return Err(ApiError::not_implemented("partition_key: partitions are not supported yet"));
    }
    let data_interval = match (body.data_interval_start, body.data_interval_end) {
        (Some(start), Some(end)) => Some(DataInterval { start, end }),
        (None, None) => None,
        _ => {
            let message = "Either both data_interval_start and data_interval_end must be provided or both must be None";
            return Err(ApiError::unprocessable("value_error", &[Value::from("body")], message));
        }
    };
    let trigger = Trigger {
        dag_id: dag_id.to_owned(),
        run_id: body.dag_run_id,
        logical_date: body.logical_date,
        data_interval,
        run_after: body.run_after,
        conf: body.conf.unwrap_or_default(),
        note: body.note,
        triggered_by: TriggeredBy::RestApi,
    };
    let request = request.map(|Extension(key)| key);
    let triggered = api.doors.trigger_for(who, trigger, request).await;
    let run_id = triggered.map_err(missing::or(missing::dag(dag_id)))?;
    load(api, dag_id, &run_id).await
}

/// Runs that are all there are.
pub(super) fn whole(dag_runs: Vec<DagRun>) -> DagRunCollection {
    DagRunCollection {
        total_entries: dag_runs.len() as u64,
        dag_runs,
        total_entries_limit: None,
        next_cursor: None,
        previous_cursor: None,
    }
}

fn wire(row: DagRunRow) -> DagRun {
    let (start, end) = (row.started_at.map(|at| at.0), row.ended_at.map(|at| at.0));
    let version = DagVersionRow {
        uuid: row.version_uuid,
        version_number: row.version_number,
        dag_id: row.dag_id.clone(),
        created_at: row.version_created_at,
    };
    DagRun {
        dag_run_id: row.run_id,
        dag_display_name: row.dag_id.clone(),
        dag_id: row.dag_id,
        logical_date: row.logical_date.map(|at| at.0),
        queued_at: Some(row.queued_at.0),
        start_date: start,
        end_date: end,
        duration: start.zip(end).map(|(start, end)| end.duration_since(start).as_secs_f64()),
        data_interval_start: row.data_interval_start.map(|at| at.0),
        data_interval_end: row.data_interval_end.map(|at| at.0),
        run_after: row.run_after.0,
        last_scheduling_decision: None,
        run_type: row.run_type,
        state: row.state,
        triggered_by: Some(row.triggered_by),
        triggering_user_name: row.triggering_user,
        conf: match row.conf {
            Value::Object(conf) => Some(conf),
            _ => None,
        },
        note: row.note,
        dag_versions: vec![versions::wire(version)],
        bundle_version: None,
        partition_key: None,
        partition_date: None,
    }
}
