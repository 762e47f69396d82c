//! `…/state-store`: values that programs keep beside task instances and assets.

use api::{
    AssetState, AssetStateBody, AssetStateCollection, AssetStateWriter, HttpError, TaskState, TaskStateBody,
    TaskStateCollection, TaskStatePatchBody,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::state::{StateOwner, StateValue};
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag};
use super::listing::listing;
use crate::doors::{ActionError, LoggedIn};

/// Airflow's defaults.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
const MAX_BYTES: usize = 65_535;
/// Characters of a key at most.
const MAX_KEY: usize = 512;

/// Which task instance, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TaskStatesQuery {
    /// Its element of a mapping; -1, if it is not given, for none.
    #[param(minimum = -1)]
    map_index: Option<i32>,
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
}

/// Which task instance.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TaskStateQuery {
    /// Its element of a mapping; -1, if it is not given, for none.
    #[param(minimum = -1)]
    map_index: Option<i32>,
}

/// Which task instances.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ClearTaskStatesQuery {
    /// Its element of a mapping; -1, if it is not given, for none.
    #[param(minimum = -1)]
    map_index: Option<i32>,
    /// Those of all elements; `map_index` does not count then.
    #[serde(default, deserialize_with = "flag")]
    all_map_indices: Option<bool>,
}

fn element(map_index: Option<i32>) -> ApiResult<i32> {
    match map_index.unwrap_or(-1) {
        map_index if map_index < -1 => {
            let place = [json!("query"), json!("map_index")];
            Err(ApiError::unprocessable("greater_than_equal", &place, "Input should be greater than or equal to -1"))
        }
        map_index => Ok(map_index),
    }
}

fn check_key(key: &str) -> ApiResult<()> {
    if key.chars().count() <= MAX_KEY {
        return Ok(());
    }
    let message = format!("String should have at most {MAX_KEY} characters");
    Err(ApiError::unprocessable("string_too_long", &[json!("path"), json!("key")], &message))
}

fn check_value(value: &Value) -> ApiResult<()> {
    let problem = if value.is_null() {
        "value cannot be null".to_owned()
    } else if value.to_string().len() > MAX_BYTES {
        format!("value exceeds {MAX_BYTES} bytes of JSON")
    } else {
        return Ok(());
    };
    Err(ApiError::unprocessable("value_error", &[json!("body"), json!("value")], &problem))
}

/// When a value expires.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
fn expiry(given: Option<Option<String>>, now: Timestamp) -> ApiResult<Option<Timestamp>> {
    match given {
        Some(None) => Ok(None),
        None => Ok(Some(now + RETENTION)),
        Some(Some(word)) if word == "default" => Ok(Some(now + RETENTION)),
        Some(Some(text)) => text.parse().map(Some).map_err(|_| {
            let place = [json!("body"), json!("expires_at")];
            ApiError::unprocessable("value_error", &place, "Input should be 'default', null or a time with a zone")
        }),
    }
}

type TaskPath = (String, String, String);

async fn owner(api: &Api, (dag_id, run_id, task_id): TaskPath, map_index: Option<i32>) -> ApiResult<StateOwner> {
    let found = api.store.state_owner_run(&dag_id, &run_id, &task_id, map_index).await.map_err(ActionError::from)?;
    let dag_run = found.ok_or_else(|| {
        let which = map_index.map_or_else(|| "all_map_indices=True".to_owned(), |index| format!("map_index={index}"));
        ApiError::not_found(format!(
            "Task instance not found for dag_id='{dag_id}', run_id='{run_id}', task_id='{task_id}', {which}"
        ))
    })?;
    Ok(StateOwner { dag_id, run_id, dag_run, task_id, map_index: map_index.unwrap_or(-1) })
}

fn wire(value: StateValue) -> TaskState {
    TaskState { key: value.key, value: value.value, updated_at: value.updated_at, expires_at: value.expires_at }
}

fn no_task_key(key: &str) -> ApiError {
    ApiError::not_found(format!("Task state store key '{key}' not found"))
}

/// A page of the values beside a task instance; empty when there is no such task instance.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), TaskStatesQuery),
    responses((status = 200, body = TaskStateCollection)))]
pub(super) async fn list_task_states(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<TaskPath>,
    Query(query): Query<TaskStatesQuery>,
) -> ApiResult<Json<TaskStateCollection>> {
    let map_index = element(query.map_index)?;
    let part = listing(query.limit, query.offset, &[]);
    let part = (i64::from(part.limit), i64::from(part.offset));
    let found = api.store.task_states((&dag_id, &run_id), (&task_id, map_index), part, (api.clock)()).await;
    let (values, total) = found.map_err(ActionError::from)?;
    let task_state_store = values.into_iter().map(wire).collect();
    Ok(Json(TaskStateCollection { task_state_store, total_entries: u64::try_from(total).unwrap_or(0) }))
}

/// Deletes all values beside a task instance.
#[utoipa::path(delete, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ClearTaskStatesQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn clear_task_states(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(path): Path<TaskPath>,
    Query(query): Query<ClearTaskStatesQuery>,
) -> ApiResult<StatusCode> {
    let of_all = query.all_map_indices == Some(true);
    let map_index = element(query.map_index)?;
    let owner = owner(&api, path, (!of_all).then_some(map_index)).await?;
    api.doors.delete_task_states(&who, &owner, None, of_all).await?;
    Ok(StatusCode::NO_CONTENT)
}

type TaskKeyPath = (String, String, String, String);

/// A value beside a task instance.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("key" = String, Path), TaskStateQuery),
    responses((status = 200, body = TaskState), (status = 404, body = HttpError)))]
pub(super) async fn get_task_state(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, key)): Path<TaskKeyPath>,
    Query(query): Query<TaskStateQuery>,
) -> ApiResult<Json<TaskState>> {
    let map_index = element(query.map_index)?;
    let found = api.store.task_state((&dag_id, &run_id), (&task_id, map_index), &key, (api.clock)()).await;
    found.map_err(ActionError::from)?.map(|value| Json(wire(value))).ok_or_else(|| no_task_key(&key))
}

/// Sets a value beside a task instance, whether or not it is there.
#[utoipa::path(put, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("key" = String, Path), TaskStateQuery), request_body = TaskStateBody,
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn set_task_state(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, key)): Path<TaskKeyPath>,
    Query(query): Query<TaskStateQuery>,
    Body(body): Body<TaskStateBody>,
) -> ApiResult<StatusCode> {
    check_key(&key)?;
    check_value(&body.value)?;
    let expires_at = expiry(body.expires_at, (api.clock)())?;
    let owner = owner(&api, (dag_id, run_id, task_id), Some(element(query.map_index)?)).await?;
    api.doors.set_task_state(&who, &owner, &key, &body.value, expires_at).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a value beside a task instance that is there; when it expires stays as it is.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("key" = String, Path), TaskStateQuery), request_body = TaskStatePatchBody,
    responses((status = 200, body = Option<String>), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn patch_task_state(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, key)): Path<TaskKeyPath>,
    Query(query): Query<TaskStateQuery>,
    Body(body): Body<TaskStatePatchBody>,
) -> ApiResult<Json<Option<String>>> {
    check_value(&body.value)?;
    let owner = owner(&api, (dag_id, run_id, task_id), Some(element(query.map_index)?)).await?;
    if api.doors.change_task_state(&who, &owner, &key, &body.value).await? {
        return Ok(Json(None));
    }
    Err(no_task_key(&key))
}

/// Deletes a value beside a task instance; one that is not there is as good as deleted.
#[utoipa::path(delete, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("key" = String, Path), TaskStateQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_task_state(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, key)): Path<TaskKeyPath>,
    Query(query): Query<TaskStateQuery>,
) -> ApiResult<StatusCode> {
    let owner = owner(&api, (dag_id, run_id, task_id), Some(element(query.map_index)?)).await?;
    api.doors.delete_task_states(&who, &owner, Some(&key), false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetStatesQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
}

fn wire_of_asset(value: StateValue) -> AssetState {
    let writer =
        AssetStateWriter { kind: "api".to_owned(), dag_id: None, run_id: None, task_id: None, map_index: None };
    AssetState { key: value.key, value: value.value, updated_at: value.updated_at, last_updated_by: Some(writer) }
}

fn no_asset(asset_id: i64) -> ApiError {
    ApiError::not_found(format!("Asset with id {asset_id} not found"))
}

async fn check_asset(api: &Api, asset_id: i64) -> ApiResult<()> {
    if api.store.asset_exists(asset_id).await.map_err(ActionError::from)? { Ok(()) } else { Err(no_asset(asset_id)) }
}

/// A page of the values beside an asset.
#[utoipa::path(get, path = "/assets/{asset_id}/state-store", tag = "Asset State Store",
    params(("asset_id" = i64, Path), AssetStatesQuery),
    responses((status = 200, body = AssetStateCollection), (status = 404, body = HttpError)))]
pub(super) async fn list_asset_states(
    State(api): State<Api>,
    Path(asset_id): Path<i64>,
    Query(query): Query<AssetStatesQuery>,
) -> ApiResult<Json<AssetStateCollection>> {
    let part = listing(query.limit, query.offset, &[]);
    let found = api.store.asset_states(asset_id, i64::from(part.limit), i64::from(part.offset)).await;
    let (values, total) = found.map_err(ActionError::from)?.ok_or_else(|| no_asset(asset_id))?;
    let asset_state_store = values.into_iter().map(wire_of_asset).collect();
    Ok(Json(AssetStateCollection { asset_state_store, total_entries: u64::try_from(total).unwrap_or(0) }))
}

/// Deletes all values beside an asset.
#[utoipa::path(delete, path = "/assets/{asset_id}/state-store", tag = "Asset State Store",
    params(("asset_id" = i64, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn clear_asset_states(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(asset_id): Path<i64>,
) -> ApiResult<StatusCode> {
    check_asset(&api, asset_id).await?;
    api.doors.delete_asset_states(&who, asset_id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A value beside an asset.
#[utoipa::path(get, path = "/assets/{asset_id}/state-store/{key}", tag = "Asset State Store",
    params(("asset_id" = i64, Path), ("key" = String, Path)),
    responses((status = 200, body = AssetState), (status = 404, body = HttpError)))]
pub(super) async fn get_asset_state(
    State(api): State<Api>,
    Path((asset_id, key)): Path<(i64, String)>,
) -> ApiResult<Json<AssetState>> {
    check_asset(&api, asset_id).await?;
    let found = api.store.asset_state(asset_id, &key).await.map_err(ActionError::from)?;
    let missing = || ApiError::not_found(format!("Asset state store key '{key}' not found"));
    found.map(|value| Json(wire_of_asset(value))).ok_or_else(missing)
}

/// Sets a value beside an asset, whether or not it is there.
#[utoipa::path(put, path = "/assets/{asset_id}/state-store/{key}", tag = "Asset State Store",
    params(("asset_id" = i64, Path), ("key" = String, Path)), request_body = AssetStateBody,
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn set_asset_state(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((asset_id, key)): Path<(i64, String)>,
    Body(body): Body<AssetStateBody>,
) -> ApiResult<StatusCode> {
    check_key(&key)?;
    check_value(&body.value)?;
    if api.doors.set_asset_state(&who, asset_id, &key, &body.value).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(no_asset(asset_id))
}

/// Deletes a value beside an asset; one that is not there is as good as deleted.
#[utoipa::path(delete, path = "/assets/{asset_id}/state-store/{key}", tag = "Asset State Store",
    params(("asset_id" = i64, Path), ("key" = String, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_asset_state(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((asset_id, key)): Path<(i64, String)>,
) -> ApiResult<StatusCode> {
    check_asset(&api, asset_id).await?;
    api.doors.delete_asset_states(&who, asset_id, Some(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}
