//! `…/xcomEntries`.

use api::{HttpError, XCom, XComCollection, XComEntry};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use store::read::api::{XComFilter, XComRow};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query, flag};
use super::listing::{listing, unless_all};
use super::{Api, missing};

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
    /// Of this element of a mapped task.
    map_index: Option<i32>,
    /// `dag_id`, `run_id`, `task_id`, `map_index`, `key`, `timestamp`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of what a task instance pushed (`~`: all tasks, all runs, all DAGs), without values.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", tag = "XCom",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), XComsQuery),
    responses((status = 200, body = XComCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError)))]
pub(super) async fn get_xcom_entries(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<XComsQuery>,
) -> ApiResult<Json<XComCollection>> {
    let filter = XComFilter {
        dag_id: unless_all(dag_id),
        run_id: unless_all(run_id),
        task_id: unless_all(task_id),
        map_index: query.map_index,
        key: query.xcom_key,
        key_pattern: query.xcom_key_pattern,
    };
    let page = api.store.api_xcoms(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    match (filter.dag_id.as_deref(), filter.run_id.as_deref()) {
        (Some(dag_id), Some(run_id)) => missing::check_dag_run(&api, Some((dag_id, run_id)), page.total).await?,
        (dag_id, _) => missing::check_dag(&api, dag_id, page.total).await?,
    }
    let xcom_entries = page.rows.into_iter().map(wire).collect();
    Ok(Json(XComCollection { xcom_entries, total_entries: page.total }))
}

/// Of which element, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct XComQuery {
    /// Of this element of a mapped task; −1, the default, when it is not mapped.
    map_index: Option<i32>,
    /// The value as a text that holds its JSON.
    #[serde(default, deserialize_with = "flag")]
    stringify: Option<bool>,
    /// Taken and without meaning: values are JSON.
    #[serde(default, deserialize_with = "flag")]
    #[expect(dead_code, reason = "Airflow's clients send it")]
    deserialize: Option<bool>,
}

/// One XCom with its value.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom", params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path),
        ("xcom_key" = String, Path), XComQuery),
    responses((status = 200, body = XCom), (status = 404, body = HttpError)))]
pub(super) async fn get_xcom_entry(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, key)): Path<(String, String, String, String)>,
    Query(query): Query<XComQuery>,
) -> ApiResult<Json<XCom>> {
    let filter = XComFilter {
        dag_id: Some(dag_id),
        run_id: Some(run_id),
        task_id: Some(task_id),
        map_index: Some(query.map_index.unwrap_or(-1)),
        key: Some(key.clone()),
        key_pattern: None,
    };
    let row = api.store.api_xcom(&filter).await?;
    let row = row.ok_or_else(|| ApiError::not_found(format!("XCom entry with key: `{key}` not found")))?;
    let value = match row.value {
        value @ (Value::String(_) | Value::Null) => value,
        value if query.stringify == Some(true) => Value::String(value.to_string()),
        value => value,
    };
    Ok(Json(XCom { entry: wire(row.entry), value }))
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
