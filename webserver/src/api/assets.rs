//! `/assets`, their events, and what a run took of these.

use std::collections::HashMap;

use api::{
    Asset, AssetCollection, AssetDag, AssetEvent, AssetEventBody, AssetEventCollection, AssetTask, DagDetails, DagRun,
    HttpError, LastAssetEvent, TriggerDagRunBody,
};
use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use model::dag_run::DataInterval;
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{AssetEventFilter, AssetEventRow, AssetFilter, AssetRow, Listing};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag};
use super::idempotency::OfRequest;
use super::listing::{When, bounds, listing, pattern};
use super::{Api, dag_runs, missing};
use crate::doors::{ActionError, LoggedIn};

/// Which assets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the name; `%` and `_` as in SQL, `|` between alternatives.
    name_pattern: Option<String>,
    /// How the name begins; no wildcards, `|` between alternatives.
    name_prefix_pattern: Option<String>,
    /// Part of the URI.
    uri_pattern: Option<String>,
    /// How the URI begins.
    uri_prefix_pattern: Option<String>,
    /// Named by one of these DAGs.
    #[serde(default)]
    dag_ids: Vec<String>,
    /// False: also those that no DAG file names any more.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = Option<bool>)]
    only_active: Option<bool>,
    /// `id`, `name`, `uri`, `created_at`, `updated_at`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the assets, with who updates them and who waits.
#[utoipa::path(get, path = "/assets", tag = "Asset", params(AssetsQuery),
    responses((status = 200, body = AssetCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_assets(
    State(api): State<Api>,
    Query(query): Query<AssetsQuery>,
) -> ApiResult<Json<AssetCollection>> {
    let filter = AssetFilter {
        id: None,
        uri: None,
        name_is: pattern(query.name_pattern, query.name_prefix_pattern),
        uri_is: pattern(query.uri_pattern, query.uri_prefix_pattern),
        dag_ids: query.dag_ids,
        with_unnamed: query.only_active == Some(false),
    };
    let page = api.store.api_assets(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    Ok(Json(AssetCollection { assets: page.rows.into_iter().map(wire).collect(), total_entries: page.total }))
}

/// One asset.
#[utoipa::path(get, path = "/assets/{asset_id}", tag = "Asset", params(("asset_id" = i64, Path)),
    responses((status = 200, body = Asset), (status = 404, body = HttpError)))]
pub(super) async fn get_asset(State(api): State<Api>, Path(asset_id): Path<i64>) -> ApiResult<Json<Asset>> {
    load(&api, asset_id).await.map(|row| Json(wire(row)))
}

/// One asset, or Airflow's words that there is none.
pub(super) async fn load(api: &Api, asset_id: i64) -> ApiResult<AssetRow> {
    api.store.api_asset(asset_id).await?.ok_or_else(|| missing_asset(asset_id))
}

fn missing_asset(asset_id: i64) -> ApiError {
    ApiError::not_found(format!("The Asset with ID: `{asset_id}` was not found"))
}

/// Which updates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetEventsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Of this asset.
    asset_id: Option<i64>,
    /// By a task of this DAG.
    source_dag_id: Option<String>,
    /// By this task.
    source_task_id: Option<String>,
    /// In this run.
    source_run_id: Option<String>,
    /// By this element of a mapping; −1: not mapped.
    source_map_index: Option<i32>,
    /// Part of the asset's name; `%` and `_` as in SQL, `|` between alternatives.
    name_pattern: Option<String>,
    /// How the asset's name begins; no wildcards, `|` between alternatives.
    name_prefix_pattern: Option<String>,
    timestamp_gte: Option<When>,
    timestamp_gt: Option<When>,
    timestamp_lte: Option<When>,
    timestamp_lt: Option<When>,
    /// `id`, `timestamp`, `asset_id`, `source_dag_id`, `source_task_id`, `source_run_id`,
    /// `source_map_index`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the updates of assets, with the runs that took each.
#[utoipa::path(get, path = "/assets/events", tag = "Asset", params(AssetEventsQuery),
    responses((status = 200, body = AssetEventCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_asset_events(
    State(api): State<Api>,
    Query(query): Query<AssetEventsQuery>,
) -> ApiResult<Json<AssetEventCollection>> {
    let at = bounds(query.timestamp_gte, query.timestamp_gt, query.timestamp_lte, query.timestamp_lt);
    let filter = AssetEventFilter {
        asset_id: query.asset_id,
        source_dag_id: query.source_dag_id,
        source_task_id: query.source_task_id,
        source_run_id: query.source_run_id,
        source_map_index: query.source_map_index,
        name_is: pattern(query.name_pattern, query.name_prefix_pattern),
        at,
        ..AssetEventFilter::default()
    };
    events(&api, &filter, &listing(query.limit, query.offset, &query.order_by)).await
}

async fn events(api: &Api, filter: &AssetEventFilter, listing: &Listing) -> ApiResult<Json<AssetEventCollection>> {
    let page = api.store.api_asset_events(filter, listing).await?;
    let asset_events = page.rows.into_iter().map(shown).collect::<ApiResult<_>>()?;
    Ok(Json(AssetEventCollection { asset_events, total_entries: page.total }))
}

/// Tells that an asset was updated by something outside. DAGs that wait for it run, paused ones once they are not.
#[utoipa::path(post, path = "/assets/events", tag = "Asset", request_body = AssetEventBody,
    responses((status = 200, body = AssetEvent), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 501, body = HttpError)))]
pub(super) async fn create_asset_event(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Body(body): Body<AssetEventBody>,
) -> ApiResult<Json<AssetEvent>> {
    if body.partition_key.is_some() {
        let detail = "partition_key: a partition is an interval here; send data_interval_start and data_interval_end";
        return Err(ApiError::not_implemented(detail));
    }
    let data_interval = match (body.data_interval_start, body.data_interval_end) {
        (Some(start), Some(end)) => Some(DataInterval { start, end }),
        (None, None) => None,
        _ => {
            let message = "Either both data_interval_start and data_interval_end must be provided or both must be None";
            return Err(ApiError::unprocessable("value_error", &[json!("body")], message));
        }
    };
    let mut extra = body.extra;
    // As Airflow marks what came this way.
    extra.insert("from_rest_api".to_owned(), json!(true));
    let posted = api.doors.post_asset_event(&who, body.asset_id, extra, data_interval).await;
    let id = posted.map_err(missing::or(missing_asset(body.asset_id)))?;
    let row = api.store.api_asset_event(id).await?.ok_or_else(|| missing_asset(body.asset_id))?;
    shown(row).map(Json)
}

fn shown(row: AssetEventRow) -> ApiResult<AssetEvent> {
    let unread = |problem| ApiError::internal("the runs that took an asset event cannot be read", &problem);
    wire_event(row).map_err(unread)
}

/// Runs the DAG that updates an asset.
#[utoipa::path(post, path = "/assets/{asset_id}/materialize", tag = "Asset", params(("asset_id" = i64, Path)),
    request_body = Option<TriggerDagRunBody>,
    responses((status = 200, body = DagRun), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 501, body = HttpError)))]
pub(super) async fn materialize_asset(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(asset_id): Path<i64>,
    request: OfRequest,
    Body(body): Body<Option<TriggerDagRunBody>>,
) -> ApiResult<Json<DagRun>> {
    let asset = wire(load(&api, asset_id).await?);
    let mut producers: Vec<String> = asset.producing_tasks.into_iter().map(|task| task.dag_id).collect();
    producers.dedup();
    let dag_id = match producers.as_slice() {
        [dag_id] => dag_id.clone(),
        [] => return Err(ApiError::not_found(format!("No DAG materializes asset with ID: {asset_id}"))),
        several => {
            let told: Vec<_> = several.iter().filter(|dag_id| who.scope.has(dag_id)).map(String::as_str).collect();
            let detail = format!("More than one DAG materializes asset with ID: {asset_id} ({})", told.join(", "));
            return Err(ApiError::conflict(detail));
        }
    };
    if !who.scope.has(&dag_id) {
        let message = format!("{} may not run the DAG that materializes asset with ID: {asset_id}", who.username);
        return Err(ActionError::Forbidden(message).into());
    }
    dag_runs::trigger(&api, &who, &dag_id, body.unwrap_or_default(), request).await.map(Json)
}

/// The updates that a run took.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 200, body = AssetEventCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_upstream_asset_events(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<Json<AssetEventCollection>> {
    let filter = AssetEventFilter { taken_by: Some((dag_id.clone(), run_id.clone())), ..AssetEventFilter::default() };
    let mut found = events(&api, &filter, &Listing { limit: u32::MAX, ..Listing::default() }).await?;
    missing::check_dag_run(&api, Some((&dag_id, &run_id)), found.0.total_entries).await?;
    for event in &mut found.0.asset_events {
        event.created_dagruns.retain(|run| who.scope.has(&run.dag_id));
    }
    Ok(found)
}

const NO_ALIASES: &str = "asset aliases are not supported: name assets by their URIs";

/// Not supported.
#[utoipa::path(get, path = "/assets/aliases", tag = "Asset", responses((status = 501, body = HttpError)))]
pub(super) async fn get_asset_aliases() -> ApiError {
    ApiError::not_implemented(NO_ALIASES)
}

/// Not supported.
#[utoipa::path(get, path = "/assets/aliases/{asset_alias_id}", tag = "Asset",
    params(("asset_alias_id" = String, Path)), responses((status = 501, body = HttpError)))]
pub(super) async fn get_asset_alias() -> ApiError {
    ApiError::not_implemented(NO_ALIASES)
}

/// What a DAG waits for, in Airflow's notation and in words.
pub(super) async fn add_to_details(api: &Api, details: &mut DagDetails, spec: &str) -> ApiResult<()> {
    let dag = serde_json::from_str::<model::dag::Dag>(spec).ok();
    let Some(schedule) = dag.as_ref().and_then(|dag| dag.schedule.assets()) else { return Ok(()) };
    let filter =
        AssetFilter { dag_ids: vec![details.dag.dag_id.clone()], with_unnamed: true, ..AssetFilter::default() };
    let known = api.store.api_assets(&filter, &Listing { limit: u32::MAX, ..Listing::default() }).await?;
    let by_uri: HashMap<&str, &AssetRow> = known.rows.iter().map(|row| (row.uri.as_str(), row)).collect();
    let describe = |uri: &str| match by_uri.get(uri) {
        Some(row) => json!({"id": row.id, "uri": row.uri, "name": row.name, "group": row.group_name}),
        None => json!({ "uri": uri }),
    };
    details.asset_expression = Some(schedule.condition.expression(&describe));
    let queued = api.store.queued_events(&details.dag.dag_id).await.map_err(ActionError::from)?;
    details.waits_for = Some(schedule.waits_for(&queued));
    Ok(())
}

/// Who names an asset.
#[derive(Deserialize)]
struct User {
    dag_id: String,
    role: String,
    task_id: String,
    created_at: Timestamp,
}

/// As the API shows it.
pub(crate) fn wire(row: AssetRow) -> Asset {
    let users: Vec<User> = serde_json::from_value(row.users).unwrap_or_default();
    let tasks = |role: &str| {
        let of_role = users.iter().filter(|user| user.role == role);
        of_role
            .map(|user| AssetTask {
                dag_id: user.dag_id.clone(),
                task_id: user.task_id.clone(),
                created_at: user.created_at,
                updated_at: user.created_at,
            })
            .collect()
    };
    let scheduled = users.iter().filter(|user| user.role == "schedule");
    let last = row.last_updated_at.map(|at| at.0);
    Asset {
        scheduled_dags: scheduled
            .map(|user| AssetDag {
                dag_id: user.dag_id.clone(),
                created_at: user.created_at,
                updated_at: user.created_at,
            })
            .collect(),
        producing_tasks: tasks("outlet"),
        consuming_tasks: tasks("inlet"),
        id: row.id,
        name: row.name,
        uri: row.uri,
        group: row.group_name,
        extra: serde_json::Map::new(),
        created_at: row.created_at.0,
        updated_at: last.unwrap_or(row.created_at.0),
        aliases: Vec::new(),
        watchers: Vec::new(),
        last_asset_event: last.map(|at| LastAssetEvent { id: row.last_event_id, timestamp: Some(at) }),
        owner: row.owner,
        description: row.description,
        layer: row.layer,
        schema: row.schema,
        described_by: row.described_by,
        fresh_within: row.fresh_within_ms.map(|millis| millis / 1000),
        is_overdue: row.fresh_within_ms.map(|_| row.is_overdue),
        overdue_since: row.turned_at.filter(|_| row.is_overdue).map(|at| at.0),
    }
}

/// As the API shows it.
pub(crate) fn wire_event(row: AssetEventRow) -> Result<AssetEvent, serde_json::Error> {
    Ok(AssetEvent {
        id: row.id,
        asset_id: row.asset_id,
        uri: row.uri,
        name: row.name,
        group: row.group_name,
        extra: match row.extra {
            Value::Object(extra) => extra,
            _ => serde_json::Map::new(),
        },
        source_task_id: row.source_task_id,
        source_dag_id: row.source_dag_id,
        source_run_id: row.source_run_id,
        source_map_index: row.source_map_index,
        created_dagruns: serde_json::from_value(row.created_dagruns)?,
        timestamp: row.at.0,
        partition_key: None,
        data_interval_start: row.data_interval_start.map(|at| at.0),
        data_interval_end: row.data_interval_end.map(|at| at.0),
        posted_by: row.posted_by,
    })
}
