//! `…/queuedEvents`: updates of assets that wait for the next runs of DAGs.

use api::{HttpError, QueuedEvent, QueuedEventCollection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use store::read::api::QueuedEventRow;
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::listing::When;
use crate::doors::LoggedIn;

/// Which of them.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QueuedEventsQuery {
    /// From before this time.
    before: Option<When>,
}

/// Of which DAG, of which asset.
struct Selection<'a> {
    dag_id: Option<&'a str>,
    asset_id: Option<i64>,
}

impl Selection<'_> {
    /// Airflow's words when there is nothing.
    fn missing(&self) -> ApiError {
        let dag = self.dag_id.map(|dag_id| format!("dag_id: `{dag_id}`"));
        let asset = self.asset_id.map(|asset_id| format!("asset_id: `{asset_id}`"));
        let named: Vec<String> = dag.into_iter().chain(asset).collect();
        ApiError::not_found(format!("Queue event with {} was not found", named.join(" and ")))
    }

    async fn load(&self, api: &Api, query: QueuedEventsQuery) -> ApiResult<Vec<QueuedEvent>> {
        let before = query.before.map(|before| before.0);
        let rows = api.store.api_queued_events(self.dag_id, self.asset_id, before).await?;
        if rows.is_empty() { Err(self.missing()) } else { Ok(rows.into_iter().map(wire).collect()) }
    }

    async fn delete(&self, api: &Api, who: &LoggedIn, query: QueuedEventsQuery) -> ApiResult<StatusCode> {
        let before = query.before.map(|before| before.0);
        match api.doors.delete_queued_events(who, self.dag_id, self.asset_id, before).await? {
            0 => Err(self.missing()),
            _ => Ok(StatusCode::NO_CONTENT),
        }
    }
}

fn wire(row: QueuedEventRow) -> QueuedEvent {
    QueuedEvent {
        dag_display_name: row.dag_id.clone(),
        dag_id: row.dag_id,
        asset_id: row.asset_id,
        created_at: row.first_at,
        events: row.events,
    }
}

fn collection(queued_events: Vec<QueuedEvent>) -> Json<QueuedEventCollection> {
    let total_entries = u64::try_from(queued_events.len()).unwrap_or(u64::MAX);
    Json(QueuedEventCollection { queued_events, total_entries })
}

/// Which DAGs' next runs updates of an asset wait for.
#[utoipa::path(get, path = "/assets/{asset_id}/queuedEvents", tag = "Asset",
    params(("asset_id" = i64, Path), QueuedEventsQuery),
    responses((status = 200, body = QueuedEventCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_asset_queued_events(
    State(api): State<Api>,
    Path(asset_id): Path<i64>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<Json<QueuedEventCollection>> {
    Selection { dag_id: None, asset_id: Some(asset_id) }.load(&api, query).await.map(collection)
}

/// Takes back what waits of an asset, for all DAGs.
#[utoipa::path(delete, path = "/assets/{asset_id}/queuedEvents", tag = "Asset",
    params(("asset_id" = i64, Path), QueuedEventsQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_asset_queued_events(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(asset_id): Path<i64>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<StatusCode> {
    Selection { dag_id: None, asset_id: Some(asset_id) }.delete(&api, &who, query).await
}

/// Updates of which assets wait for the next run of a DAG.
#[utoipa::path(get, path = "/dags/{dag_id}/assets/queuedEvents", tag = "Asset",
    params(("dag_id" = String, Path), QueuedEventsQuery),
    responses((status = 200, body = QueuedEventCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_queued_events(
    State(api): State<Api>,
    Path(dag_id): Path<String>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<Json<QueuedEventCollection>> {
    Selection { dag_id: Some(&dag_id), asset_id: None }.load(&api, query).await.map(collection)
}

/// Takes back what waits for the next run of a DAG.
#[utoipa::path(delete, path = "/dags/{dag_id}/assets/queuedEvents", tag = "Asset",
    params(("dag_id" = String, Path), QueuedEventsQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_dag_queued_events(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<StatusCode> {
    Selection { dag_id: Some(&dag_id), asset_id: None }.delete(&api, &who, query).await
}

/// Updates of an asset that wait for the next run of a DAG.
#[utoipa::path(get, path = "/dags/{dag_id}/assets/{asset_id}/queuedEvents", tag = "Asset",
    params(("dag_id" = String, Path), ("asset_id" = i64, Path), QueuedEventsQuery),
    responses((status = 200, body = QueuedEvent), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_asset_queued_event(
    State(api): State<Api>,
    Path((dag_id, asset_id)): Path<(String, i64)>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<Json<QueuedEvent>> {
    let selection = Selection { dag_id: Some(&dag_id), asset_id: Some(asset_id) };
    selection.load(&api, query).await?.pop().map(Json).ok_or_else(|| selection.missing())
}

/// Takes them back.
#[utoipa::path(delete, path = "/dags/{dag_id}/assets/{asset_id}/queuedEvents", tag = "Asset",
    params(("dag_id" = String, Path), ("asset_id" = i64, Path), QueuedEventsQuery),
    responses((status = 204), (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn delete_dag_asset_queued_event(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, asset_id)): Path<(String, i64)>,
    Query(query): Query<QueuedEventsQuery>,
) -> ApiResult<StatusCode> {
    Selection { dag_id: Some(&dag_id), asset_id: Some(asset_id) }.delete(&api, &who, query).await
}
