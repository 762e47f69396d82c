//! `…/xcomEntries`.

use api::{HttpError, XCom, XComCollection, XComCreateBody, XComEntry, XComUpdateBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::template::to_python;
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{Times, XComFilter, XComRow, XComValueRow};
use store::xcom::XComPlace;
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag};
use super::listing::{When, bounds, listing, pattern, unless_all};
use super::tries::ElementQuery;
use super::{Api, missing};
use crate::doors::{LoggedIn, XComRefusal};

/// Which XComs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct XComsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// With this name.
    xcom_key: Option<String>,
    /// Part of the name; `%` and `_` as in SQL, `|` between alternatives.
    xcom_key_pattern: Option<String>,
    /// How the name begins; no wildcards, `|` between alternatives.
    xcom_key_prefix_pattern: Option<String>,
    /// Part of the DAG's id.
    dag_display_name_pattern: Option<String>,
    /// How the DAG's id begins.
    dag_display_name_prefix_pattern: Option<String>,
    /// Part of the run's name.
    run_id_pattern: Option<String>,
    /// How the run's name begins.
    run_id_prefix_pattern: Option<String>,
    /// Part of the task's id.
    task_id_pattern: Option<String>,
    /// How the task's id begins.
    task_id_prefix_pattern: Option<String>,
    /// Of this element of a mapped task.
    map_index: Option<i32>,
    /// The same.
    map_index_filter: Option<i32>,
    logical_date_gte: Option<When>,
    logical_date_gt: Option<When>,
    logical_date_lte: Option<When>,
    logical_date_lt: Option<When>,
    run_after_gte: Option<When>,
    run_after_gt: Option<When>,
    run_after_lte: Option<When>,
    run_after_lt: Option<When>,
    /// `dag_id`, `run_id`, `task_id`, `map_index`, `key`, `timestamp`, `run_after`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of what a task instance pushed (`~`: all tasks, all runs, all DAGs), without values.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", tag = "XCom",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), XComsQuery),
    responses((status = 200, body = XComCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_xcom_entries(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<XComsQuery>,
) -> ApiResult<Json<XComCollection>> {
    let filter = XComFilter {
        readable: who.scope.dag_ids(),
        dag_id: unless_all(dag_id),
        run_id: unless_all(run_id),
        task_id: unless_all(task_id),
        map_index: query.map_index.or(query.map_index_filter),
        key: query.xcom_key,
        key_is: pattern(query.xcom_key_pattern, query.xcom_key_prefix_pattern),
        dag_id_is: pattern(query.dag_display_name_pattern, query.dag_display_name_prefix_pattern),
        run_id_is: pattern(query.run_id_pattern, query.run_id_prefix_pattern),
        task_id_is: pattern(query.task_id_pattern, query.task_id_prefix_pattern),
        times: Times {
            logical_date: bounds(
                query.logical_date_gte,
                query.logical_date_gt,
                query.logical_date_lte,
                query.logical_date_lt,
            ),
            run_after: bounds(query.run_after_gte, query.run_after_gt, query.run_after_lte, query.run_after_lt),
            ..Times::default()
        },
    };
    let page = api.store.api_xcoms(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    missing::check(&api, filter.dag_id.as_deref(), filter.run_id.as_deref(), &page).await?;
    let xcom_entries = page.rows.into_iter().map(wire).collect();
    Ok(Json(XComCollection { xcom_entries, total_entries: page.total }))
}

/// Of which element, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct XComQuery {
    /// Of this element of a mapped task; −1, the default, when it is not mapped.
    map_index: Option<i32>,
    /// The value as the text that Python prints: `[1, 'a']`, `{'b': None}`; null stays null.
    #[serde(default, deserialize_with = "flag")]
    stringify: Option<bool>,
    /// Of a text that holds JSON, the JSON.
    #[serde(default, deserialize_with = "flag")]
    deserialize: Option<bool>,
}

/// One XCom with its value.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom", params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path),
        ("xcom_key" = String, Path), XComQuery),
    responses((status = 200, body = XCom), (status = 400, body = HttpError), (status = 404, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn get_xcom_entry(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, key)): Path<(String, String, String, String)>,
    Query(query): Query<XComQuery>,
) -> ApiResult<Json<XCom>> {
    let place = XComPlace { dag_id, run_id, task_id, map_index: query.map_index.unwrap_or(-1), key };
    let row = load(&api, &place).await?;
    let row = row.ok_or_else(|| ApiError::not_found(format!("XCom entry with key: `{}` not found", place.key)))?;
    let value = match row.value {
        Value::String(text) if query.deserialize == Some(true) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        value => value,
    };
    let value = match value {
        Value::Null => Value::Null,
        value if query.stringify == Some(true) => Value::String(to_python(&value)),
        value => value,
    };
    Ok(Json(XCom { entry: wire(row.entry), value }))
}

async fn load(api: &Api, place: &XComPlace) -> ApiResult<Option<XComValueRow>> {
    let filter = XComFilter {
        dag_id: Some(place.dag_id.clone()),
        run_id: Some(place.run_id.clone()),
        task_id: Some(place.task_id.clone()),
        map_index: Some(place.map_index),
        key: Some(place.key.clone()),
        ..XComFilter::default()
    };
    Ok(api.store.api_xcom(&filter).await?)
}

/// Pushes a value in the name of a task instance. Templates that are rendered from then on see it, until the task
/// instance's next try begins: that forgets what was pushed before.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", tag = "XCom",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path)),
    request_body = XComCreateBody,
    responses((status = 201, body = XCom), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn create_xcom_entry(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Body(body): Body<XComCreateBody>,
) -> ApiResult<(StatusCode, Json<XCom>)> {
    check_element(body.map_index)?;
    let place = XComPlace { dag_id, run_id, task_id, map_index: body.map_index, key: body.key };
    api.doors.create_xcom(&who, &place, &body.value).await.map_err(airflow(&place))?;
    Ok((StatusCode::CREATED, Json(changed(&api, &place).await?)))
}

/// Gives an XCom another value.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom", params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path),
        ("xcom_key" = String, Path)), request_body = XComUpdateBody,
    responses((status = 200, body = XCom), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn update_xcom_entry(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, key)): Path<(String, String, String, String)>,
    Body(body): Body<XComUpdateBody>,
) -> ApiResult<Json<XCom>> {
    check_element(body.map_index)?;
    let place = XComPlace { dag_id, run_id, task_id, map_index: body.map_index, key };
    api.doors.update_xcom(&who, &place, &body.value).await.map_err(airflow(&place))?;
    changed(&api, &place).await.map(Json)
}

/// Deletes an XCom.
#[utoipa::path(delete, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom", params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path),
        ("xcom_key" = String, Path), ElementQuery),
    responses((status = 204), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn delete_xcom_entry(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, key)): Path<(String, String, String, String)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<StatusCode> {
    let place = XComPlace { dag_id, run_id, task_id, map_index: query.element(), key };
    api.doors.delete_xcom(&who, &place).await.map_err(airflow(&place))?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_element(map_index: i32) -> ApiResult<()> {
    if map_index >= -1 {
        return Ok(());
    }
    let place = [json!("body"), json!("map_index")];
    Err(ApiError::unprocessable("greater_than_equal", &place, "Input should be greater than or equal to -1"))
}

/// Airflow's words for an XCom that exists, or does not.
fn airflow(place: &XComPlace) -> impl FnOnce(XComRefusal) -> ApiError {
    let key = place.key.clone();
    move |refusal| match refusal {
        XComRefusal::Exists => {
            ApiError::conflict(format!("The XCom with key: `{key}` with mentioned task instance already exists."))
        }
        XComRefusal::Missing => {
            ApiError::not_found(format!("The XCom with key: `{key}` with mentioned task instance doesn't exist."))
        }
        XComRefusal::Invalid(reason) => ApiError::bad_request(reason),
        XComRefusal::Other(error) => error.into(),
    }
}

/// What it is now; somebody else may have deleted it meanwhile.
async fn changed(api: &Api, place: &XComPlace) -> ApiResult<XCom> {
    let row = load(api, place).await?;
    let row = row.ok_or_else(|| airflow(place)(XComRefusal::Missing))?;
    Ok(XCom { entry: wire(row.entry), value: row.value })
}

fn wire(row: XComRow) -> XComEntry {
    XComEntry {
        key: row.key,
        timestamp: row.created_at.0,
        logical_date: row.logical_date.map(|at| at.0),
        map_index: row.map_index,
        dag_display_name: row.dag_id.clone(),
        task_display_name: row.task_id.clone(),
        task_id: row.task_id,
        dag_id: row.dag_id,
        run_id: row.run_id,
        run_after: row.run_after.0,
    }
}
