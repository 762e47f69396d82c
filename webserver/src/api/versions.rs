//! `…/dagVersions` and `/dagSources`.

use api::{DagSource, DagVersion, DagVersionCollection, HttpError};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use store::read::api::DagVersionRow;
use utoipa::IntoParams;

use super::error::ApiResult;
use super::extract::{Path, Query};
use super::listing::{listing, unless_all};
use super::{Api, missing};

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagVersionsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// This one.
    version_number: Option<i32>,
    /// `id`, `version_number`, `dag_id`, `created_at`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the versions of a DAG (`~`: of all), oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagVersions", tag = "DagVersion",
    params(("dag_id" = String, Path), DagVersionsQuery),
    responses((status = 200, body = DagVersionCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_versions(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagVersionsQuery>,
) -> ApiResult<Json<DagVersionCollection>> {
    let dag_id = unless_all(dag_id);
    let listing = listing(query.limit, query.offset, &query.order_by);
    let page = api.store.api_dag_versions(dag_id.as_deref(), query.version_number, &listing).await?;
    missing::check_dag(&api, dag_id.as_deref(), page.total).await?;
    let dag_versions = page.rows.into_iter().map(wire).collect();
    Ok(Json(DagVersionCollection { dag_versions, total_entries: page.total }))
}

/// One version.
#[utoipa::path(get, path = "/dags/{dag_id}/dagVersions/{version_number}", tag = "DagVersion",
    params(("dag_id" = String, Path), ("version_number" = i32, Path)),
    responses((status = 200, body = DagVersion), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_version(
    State(api): State<Api>,
    Path((dag_id, number)): Path<(String, i32)>,
) -> ApiResult<Json<DagVersion>> {
    let row = api.store.api_dag_version(&dag_id, number).await?;
    row.map(|row| Json(wire(row))).ok_or_else(|| missing::dag_version(&dag_id, number))
}

/// Which version's text.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagSourceQuery {
    /// Of this version; else of the current one.
    version_number: Option<i32>,
}

/// The text of a DAG's file: as JSON, or as it is when `Accept` says `text/plain`.
#[utoipa::path(get, path = "/dagSources/{dag_id}", tag = "DagSource", params(("dag_id" = String, Path), DagSourceQuery),
    responses((status = 200, content((DagSource = "application/json"), (String = "text/plain"))),
        (status = 404, body = HttpError)))]
pub(super) async fn get_dag_source(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagSourceQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let row = api.store.api_dag_source(&dag_id, query.version_number).await?;
    let row = row.ok_or_else(|| match query.version_number {
        Some(number) => missing::dag_version(&dag_id, number),
        None => missing::dag(&dag_id),
    })?;
    if accepts(&headers, "text/plain") {
        return Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], row.source).into_response());
    }
    let version_number = Some(row.version_number);
    let dag_display_name = dag_id.clone();
    Ok(Json(DagSource { content: Some(row.source), dag_id, version_number, dag_display_name }).into_response())
}

/// Whether the first of a request's media types that is not a wildcard is this one.
pub(super) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut kinds = accept.split(',').map(|given| given.split(';').next().unwrap_or_default().trim());
    kinds.find(|given| !given.contains('*')).is_some_and(|given| given.eq_ignore_ascii_case(kind))
}

/// As the API tells it.
pub(super) fn wire(row: DagVersionRow) -> DagVersion {
    DagVersion {
        id: row.uuid.to_string(),
        version_number: row.version_number,
        dag_display_name: row.dag_id.clone(),
        dag_id: row.dag_id,
        bundle_name: None,
        bundle_version: None,
        created_at: row.created_at.0,
        bundle_url: None,
    }
}
