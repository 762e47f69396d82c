//! Changes of DAGs: pausing one or many, marks, deleting, and reading a file again.

use api::{Dag, DagCollection, DagPatchBody, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::log_path::dag_logs;
use serde::Deserialize;
use store::read::api::DagFilter;
use utoipa::IntoParams;

use super::dags::{all_tags, load, page};
use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag};
use super::listing::listing;
use super::{Api, missing};
use crate::doors::LoggedIn;
use crate::log;

/// What of a DAG is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagPatchQuery {
    /// Names of the fields that count: `is_paused`.
    #[serde(default)]
    update_mask: Vec<String>,
}

fn check_mask(update_mask: &[String]) -> ApiResult<()> {
    if update_mask.iter().all(|field| field == "is_paused") {
        return Ok(());
    }
    Err(ApiError::bad_request("Only `is_paused` field can be updated through the REST API"))
}

/// Pauses or activates a DAG.
#[utoipa::path(patch, path = "/dags/{dag_id}", tag = "DAG", params(("dag_id" = String, Path), DagPatchQuery),
    request_body = DagPatchBody, responses((status = 200, body = Dag), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn patch_dag(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<DagPatchQuery>,
    Body(body): Body<DagPatchBody>,
) -> ApiResult<Json<Dag>> {
    check_mask(&query.update_mask)?;
    api.doors.set_paused(&who, &dag_id, body.is_paused).await.map_err(missing::or(missing::dag(&dag_id)))?;
    load(&api, &dag_id).await.map(Json)
}

/// Which DAGs, and what of them is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagsPatchQuery {
    /// Entries of the answer at most: 50 if it is not given, never more than 100. All that match are changed.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Names of the fields that count: `is_paused`.
    #[serde(default)]
    update_mask: Vec<String>,
    /// With these tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Whether all of the tags are asked for (`all`) or one suffices (`any`, the default).
    tags_match_mode: Option<String>,
    /// Part of the owner's name; of one of these.
    #[serde(default)]
    owners: Vec<String>,
    /// Part of the id; `%` and `_` as in SQL, `|` between alternatives, `~` for all. Without it and without
    /// `dag_id_prefix_pattern` no DAG is meant.
    dag_id_pattern: Option<String>,
    /// Beginning of the id, with regard to case; `|` between alternatives.
    dag_id_prefix_pattern: Option<String>,
    /// Leave out those that no file describes any more (the default).
    #[serde(default, deserialize_with = "flag")]
    exclude_stale: Option<bool>,
    /// Whether they are paused.
    #[serde(default, deserialize_with = "flag")]
    paused: Option<bool>,
}

/// Pauses or activates all DAGs that match.
#[utoipa::path(patch, path = "/dags", tag = "DAG", params(DagsPatchQuery), request_body = DagPatchBody,
    responses((status = 200, body = DagCollection), (status = 400, body = HttpError), (status = 403, body = HttpError)))]
pub(super) async fn patch_dags(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<DagsPatchQuery>,
    Body(body): Body<DagPatchBody>,
) -> ApiResult<Json<DagCollection>> {
    check_mask(&query.update_mask)?;
    let all_tags = all_tags(query.tags_match_mode.as_deref())?;
    if query.dag_id_pattern.is_none() && query.dag_id_prefix_pattern.is_none() {
        return Ok(Json(DagCollection { dags: Vec::new(), total_entries: 0 }));
    }
    let filter = DagFilter {
        readable: who.scope.dag_ids(),
        tags: query.tags,
        all_tags,
        owners: query.owners,
        dag_id_pattern: query.dag_id_pattern,
        dag_id_prefix: query.dag_id_prefix_pattern,
        is_paused: query.paused,
        with_stale: query.exclude_stale == Some(false),
        ..DagFilter::default()
    };
    let dag_ids = api.store.api_dag_ids(&filter).await?;
    api.doors.set_all_paused(&who, &dag_ids, body.is_paused).await?;
    if dag_ids.is_empty() {
        return Ok(Json(DagCollection { dags: Vec::new(), total_entries: 0 }));
    }
    // By their names: they may not match the filter any more.
    let changed = DagFilter { dag_ids, with_stale: true, ..DagFilter::default() };
    page(&api, &changed, &listing(query.limit, query.offset, &[])).await
}

/// Deletes a DAG with its versions, runs, logs and backfills. If its file is still in the DAG folder, the DAG comes back
/// within seconds, without a history.
#[utoipa::path(delete, path = "/dags/{dag_id}", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError),
        (status = 409, body = HttpError)))]
pub(super) async fn delete_dag(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.delete_dag(&who, &dag_id).await.map_err(missing::or(missing::dag(&dag_id)))?;
    log::remove(&dag_logs(&api.home, &dag_id), (api.clock)().as_microsecond()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks a DAG for who asks.
#[utoipa::path(post, path = "/dags/{dag_id}/favorite", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 204), (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn favorite_dag(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.mark_favorite(&who, &dag_id).await.map_err(missing::or(missing::dag(&dag_id)))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the mark of who asks back.
#[utoipa::path(post, path = "/dags/{dag_id}/unfavorite", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 204), (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn unfavorite_dag(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
) -> ApiResult<StatusCode> {
    api.doors.unmark_favorite(&who, &dag_id).await.map_err(missing::or(missing::dag(&dag_id)))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has the DAG processor read a file again, whether or not it changed; the token is a DAG's `file_token`.
#[utoipa::path(put, path = "/parseDagFile/{file_token}", tag = "DAG Parsing", params(("file_token" = String, Path)),
    responses((status = 201, body = Option<String>), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn reparse_dag_file(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(file): Path<String>,
) -> ApiResult<(StatusCode, Json<Option<String>>)> {
    api.doors.read_dag_file(&who, &file).await?;
    Ok((StatusCode::CREATED, Json(None)))
}
