//! `…/dagVersions` and `/dagSources`.

use api::{DagSource, DagVersion, DagVersionCollection, DagVersionDiff, HttpError};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use store::read::api::{DagSourceRow, DagVersionFilter, DagVersionRow};
use utoipa::IntoParams;

use super::error::ApiResult;
use super::extract::{Path, Query, flag};
use super::listing::{listing, unless_all};
use super::{Api, missing};
use crate::diff;
use crate::doors::LoggedIn;

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
    /// There are no bundles: finds nothing.
    bundle_name: Option<String>,
    /// There are no bundles: finds nothing.
    bundle_version: Option<String>,
    /// `id`, `version_number`, `dag_id`, `created_at`, `bundle_name`, `bundle_version`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the versions of a DAG (`~`: of all), oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagVersions", tag = "DagVersion",
    params(("dag_id" = String, Path), DagVersionsQuery),
    responses((status = 200, body = DagVersionCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_versions(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagVersionsQuery>,
) -> ApiResult<Json<DagVersionCollection>> {
    let filter = DagVersionFilter {
        readable: who.scope.dag_ids(),
        dag_id: unless_all(dag_id),
        number: query.version_number,
        is_in_a_bundle: query.bundle_name.is_some() || query.bundle_version.is_some(),
    };
    let page = api.store.api_dag_versions(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    missing::check_dag(&api, filter.dag_id.as_deref(), page.total).await?;
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

/// Between which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagDiffQuery {
    /// From this version; else from the one before the other.
    base: Option<i32>,
    /// To this version; else to the newest.
    version_number: Option<i32>,
    /// Of what flowctl understood, with defaults applied, as JSON, instead of the file's text.
    #[serde(default, deserialize_with = "flag")]
    normalized: Option<bool>,
}

/// What changed from one version of a DAG to another, as a unified diff. flowctl's own.
#[utoipa::path(get, path = "/dags/{dag_id}/diff", tag = "DagVersion", params(("dag_id" = String, Path), DagDiffQuery),
    responses((status = 200, body = DagVersionDiff), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_diff(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagDiffQuery>,
) -> ApiResult<Json<DagVersionDiff>> {
    let text = async |number| {
        let row = api.store.api_dag_source(&dag_id, number).await?;
        row.ok_or_else(|| number.map_or_else(|| missing::dag(&dag_id), |number| missing::dag_version(&dag_id, number)))
    };
    let new = text(query.version_number).await?;
    let old = text(Some(query.base.unwrap_or((new.version_number - 1).max(1)))).await?;
    let normalized = query.normalized.unwrap_or(false);
    let content = |row: &DagSourceRow| if normalized { pretty(&row.spec) } else { row.source.clone() };
    let name = |row: &DagSourceRow| format!("{dag_id} v{}", row.version_number);
    let diff = diff::unified((&name(&old), &content(&old)), (&name(&new), &content(&new)));
    Ok(Json(DagVersionDiff { base: old.version_number, version_number: new.version_number, diff, dag_id }))
}

/// One value a line, so that a diff tells what changed.
pub(crate) fn pretty(spec: &serde_json::Value) -> String {
    serde_json::to_string_pretty(spec).unwrap_or_default() + "\n"
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
