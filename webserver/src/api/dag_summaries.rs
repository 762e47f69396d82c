//! `/dagTags`, `/dagStats`, `/dagWarnings`.

use api::{DagStateStats, DagStats, DagStatsCollection, DagTagCollection, DagWarningCollection, HttpError};
use axum::extract::State;
use axum::{Extension, Json};
use model::state::DagRunState;
use serde::Deserialize;
use serde_json::json;
use store::read::api::DagStateCount;
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::Query;
use super::listing::{listing, pattern};
use crate::doors::LoggedIn;

/// Which tags.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagTagsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Part of the tag; `%` and `_` as in SQL, `|` between alternatives.
    tag_name_pattern: Option<String>,
    /// Beginning of the tag, with regard to case; `|` between alternatives.
    tag_name_prefix_pattern: Option<String>,
    /// `name`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the tags that DAGs have.
#[utoipa::path(get, path = "/dagTags", tag = "DAG", params(DagTagsQuery),
    responses((status = 200, body = DagTagCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_dag_tags(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<DagTagsQuery>,
) -> ApiResult<Json<DagTagCollection>> {
    let listing = listing(query.limit, query.offset, &query.order_by);
    let name_is = pattern(query.tag_name_pattern, query.tag_name_prefix_pattern);
    let page = api.store.api_dag_tags(who.scope.dag_ids().as_deref(), &name_is, &listing).await?;
    Ok(Json(DagTagCollection { tags: page.rows, total_entries: page.total }))
}

/// Of which DAGs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagStatsQuery {
    /// These; all if it is not given.
    #[serde(default)]
    dag_ids: Vec<String>,
}

/// How many runs of each DAG are in each state; DAGs without runs are left out.
#[utoipa::path(get, path = "/dagStats", tag = "DagStats", params(DagStatsQuery),
    responses((status = 200, body = DagStatsCollection)))]
pub(super) async fn get_dag_stats(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<DagStatsQuery>,
) -> ApiResult<Json<DagStatsCollection>> {
    let asked = Some(query.dag_ids).filter(|ids| !ids.is_empty());
    let only = match (asked, who.scope.dag_ids()) {
        (Some(asked), Some(_)) => Some(asked.into_iter().filter(|dag_id| who.scope.has(dag_id)).collect()),
        (asked, readable) => asked.or(readable),
    };
    let counts = api.store.api_dag_stats(only.as_deref()).await?;
    let dags: Vec<_> = counts.chunk_by(|one, next| one.dag_id == next.dag_id).map(stats).collect();
    Ok(Json(DagStatsCollection { total_entries: dags.len() as u64, dags }))
}

const STATES: [DagRunState; 4] = [DagRunState::Queued, DagRunState::Running, DagRunState::Success, DagRunState::Failed];

fn stats(of_one: &[DagStateCount]) -> DagStats {
    let count = |state: DagRunState| {
        let found = of_one.iter().find(|count| count.state == state.as_str());
        found.and_then(|count| u64::try_from(count.count).ok()).unwrap_or(0)
    };
    let dag_id = of_one.first().map(|count| count.dag_id.clone()).unwrap_or_default();
    let of_state = |state: DagRunState| DagStateStats { state: state.as_str().to_owned(), count: count(state) };
    DagStats { dag_display_name: dag_id.clone(), dag_id, stats: STATES.into_iter().map(of_state).collect() }
}

/// Which warnings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagWarningsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Of this DAG.
    dag_id: Option<String>,
    /// `asset conflict`, `non-existent pool` or `runtime varying value`.
    warning_type: Option<String>,
    /// `dag_id`, `warning_type`, `message`, `timestamp`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

const TYPES: [&str; 3] = ["asset conflict", "non-existent pool", "runtime varying value"];
const ORDERS: [&str; 4] = ["dag_id", "warning_type", "message", "timestamp"];

/// Always empty: what Airflow warns of, flowctl refuses, and lists under `/importErrors`.
#[utoipa::path(get, path = "/dagWarnings", tag = "DagWarning", params(DagWarningsQuery),
    responses((status = 200, body = DagWarningCollection), (status = 400, body = HttpError)))]
pub(super) async fn list_dag_warnings(Query(query): Query<DagWarningsQuery>) -> ApiResult<Json<DagWarningCollection>> {
    let _ = query.dag_id;
    if query.warning_type.is_some_and(|kind| !TYPES.contains(&kind.as_str())) {
        let place = [json!("query"), json!("warning_type")];
        let message = "Input should be 'asset conflict', 'non-existent pool' or 'runtime varying value'";
        return Err(ApiError::unprocessable("enum", &place, message));
    }
    let terms = listing(query.limit, query.offset, &query.order_by).order_by;
    if let Some(name) = terms.iter().map(|term| term.trim_start_matches('-')).find(|name| !ORDERS.contains(name)) {
        return Err(ApiError::bad_request(format!("cannot order by `{name}`; possible are {}", ORDERS.join(", "))));
    }
    Ok(Json(DagWarningCollection { dag_warnings: Vec::new(), total_entries: 0 }))
}
