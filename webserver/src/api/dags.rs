//! `/dags`.

use api::{Dag, DagCollection, DagDetails, DagPatchBody, DagTag, HttpError};
use axum::extract::State;
use axum::{Extension, Json};
use jiff::SignedDuration;
use model::dag::Schedule;
use model::limits::Limits;
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{DagDetailsRow, DagFilter, DagRow, DagVersionRow};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag, words};
use super::listing::listing;
use super::{Api, assets, missing, versions};
use crate::doors::LoggedIn;

/// Which DAGs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// With these tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Whether all of the tags are asked for (`all`) or one suffices (`any`, the default).
    tags_match_mode: Option<String>,
    /// Of one of these.
    #[serde(default)]
    owners: Vec<String>,
    /// Part of the id; `%` and `_` as in SQL, `|` between alternatives.
    dag_id_pattern: Option<String>,
    /// The same; the id is what is shown.
    dag_display_name_pattern: Option<String>,
    /// Leave out those that no file describes any more (the default).
    #[serde(default, deserialize_with = "flag")]
    exclude_stale: Option<bool>,
    /// Whether they are paused.
    #[serde(default, deserialize_with = "flag")]
    paused: Option<bool>,
    /// Whether their file's newest content was refused.
    #[serde(default, deserialize_with = "flag")]
    has_import_errors: Option<bool>,
    /// State of their newest run.
    last_dag_run_state: Option<String>,
    /// `dag_id`, `dag_display_name`, `next_dagrun`, `state`, `start_date`, `last_run_state`, `last_run_start_date`;
    /// descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the DAGs.
#[utoipa::path(get, path = "/dags", tag = "DAG", params(DagsQuery),
    responses((status = 200, body = DagCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_dags(State(api): State<Api>, Query(query): Query<DagsQuery>) -> ApiResult<Json<DagCollection>> {
    let all_tags = match query.tags_match_mode.as_deref() {
        None | Some("any") => false,
        Some("all") => true,
        Some(_) => {
            let place = [json!("query"), json!("tags_match_mode")];
            return Err(ApiError::unprocessable("literal_error", &place, "Input should be 'any' or 'all'"));
        }
    };
    let last_run_state: Vec<_> = query.last_dag_run_state.into_iter().collect();
    let filter = DagFilter {
        dag_ids: Vec::new(),
        tags: query.tags,
        all_tags,
        owners: query.owners,
        dag_id_pattern: query.dag_id_pattern,
        display_name_pattern: query.dag_display_name_pattern,
        is_paused: query.paused,
        with_stale: query.exclude_stale == Some(false),
        has_import_errors: query.has_import_errors,
        last_run_state: words::<model::state::DagRunState>("last_dag_run_state", &last_run_state)?.pop(),
    };
    let page = api.store.api_dags(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    let dags = page.rows.into_iter().map(|row| wire(row, api.limits)).collect();
    Ok(Json(DagCollection { dags, total_entries: page.total }))
}

/// One DAG.
#[utoipa::path(get, path = "/dags/{dag_id}", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 200, body = Dag), (status = 404, body = HttpError)))]
pub(super) async fn get_dag(State(api): State<Api>, Path(dag_id): Path<String>) -> ApiResult<Json<Dag>> {
    load(&api, &dag_id).await.map(Json)
}

async fn load(api: &Api, dag_id: &str) -> ApiResult<Dag> {
    let row = api.store.api_dag(dag_id).await?.ok_or_else(|| missing::dag(dag_id))?;
    Ok(wire(row, api.limits))
}

/// What of a DAG is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DagPatchQuery {
    /// Names of the fields that count: `is_paused`.
    #[serde(default)]
    update_mask: Vec<String>,
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
    if !query.update_mask.iter().all(|field| field == "is_paused") {
        return Err(ApiError::bad_request("Only `is_paused` field can be updated through the REST API"));
    }
    api.doors.set_paused(&who, &dag_id, body.is_paused).await.map_err(missing::or(missing::dag(&dag_id)))?;
    load(&api, &dag_id).await.map(Json)
}

/// One DAG with everything about it.
#[utoipa::path(get, path = "/dags/{dag_id}/details", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 200, body = DagDetails), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_details(State(api): State<Api>, Path(dag_id): Path<String>) -> ApiResult<Json<DagDetails>> {
    let dag = load(&api, &dag_id).await?;
    let row = api.store.api_dag_details(&dag_id).await?.ok_or_else(|| missing::dag(&dag_id))?;
    let spec = serde_json::from_str(&row.spec)
        .map_err(|problem| ApiError::internal(&format!("the version of DAG `{dag_id}` cannot be read"), &problem))?;
    let mut details = details(dag, spec, &row);
    assets::add_to_details(&api, &mut details, &row.spec).await?;
    Ok(Json(details))
}

fn details(dag: Dag, spec: model::dag::Dag, row: &DagDetailsRow) -> DagDetails {
    let version = DagVersionRow {
        uuid: row.version_uuid,
        version_number: row.version_number,
        dag_id: dag.dag_id.clone(),
        created_at: row.version_created_at,
    };
    DagDetails {
        catchup: spec.catchup,
        dag_run_timeout: spec.dagrun_timeout.map(|limit| iso_duration(limit.absolute())),
        asset_expression: None,
        waits_for: None,
        doc_md: spec.doc_md,
        start_date: spec.start_date,
        end_date: spec.end_date,
        is_paused_upon_creation: spec.is_paused_upon_creation,
        params: Some(spec.params.into_iter().map(|(name, param)| (name, wire_param(&param))).collect()),
        render_template_as_native_obj: true,
        template_search_path: None,
        timezone: Some(spec.timezone),
        last_parsed: dag.last_parsed_time,
        default_args: Some(Value::Object(spec.default_args)),
        owner_links: None,
        is_favorite: false,
        active_runs_count: u64::try_from(row.running_runs).unwrap_or(0),
        concurrency: dag.max_active_tasks,
        latest_dag_version: Some(versions::wire(version)),
        dag,
    }
}

/// As Airflow serialises a `Param`.
fn wire_param(param: &model::dag::Param) -> Value {
    json!({
        "value": param.default,
        "schema": param.schema,
        "description": param.schema.get("description"),
        "source": "dag",
    })
}

/// Airflow's: `PT2H`, `P1DT30M`.
fn iso_duration(length: SignedDuration) -> String {
    let (days, seconds) = (length.as_secs() / 86_400, length.as_secs() % 86_400);
    let rest = SignedDuration::from_secs(seconds) + SignedDuration::from_nanos(i64::from(length.subsec_nanos()));
    match (days, rest.is_zero()) {
        (0, _) => rest.to_string(),
        (days, true) => format!("P{days}D"),
        (days, false) => rest.to_string().replacen("PT", &format!("P{days}DT"), 1),
    }
}

fn wire(row: DagRow, limits: Limits) -> Dag {
    let schedule = row.schedule.and_then(|schedule| serde_json::from_value::<Schedule>(schedule).ok());
    let schedule = schedule.unwrap_or(Schedule::None);
    let summary = schedule.text();
    let limit = |own: Option<i32>, default: u32| own.and_then(|own| u32::try_from(own).ok()).unwrap_or(default);
    let tag = |name| DagTag { name, dag_id: row.dag_id.clone(), dag_display_name: row.dag_id.clone() };
    Dag {
        dag_display_name: row.dag_id.clone(),
        is_paused: row.is_paused,
        pause_reason: row.pause_reason,
        is_stale: row.is_stale,
        last_parsed_time: Some(row.last_parsed_at.0),
        last_parse_duration: Some(row.last_parse_duration_ms / 1000.0),
        last_expired: None,
        bundle_name: None,
        bundle_version: None,
        relative_fileloc: Some(row.relative_fileloc.clone()),
        fileloc: row.fileloc,
        description: row.description,
        timetable_periodic: schedule.is_periodic(),
        is_backfillable: schedule.is_periodic(),
        timetable_summary: summary,
        timetable_description: Some(model::timetable::describe(&schedule)),
        timetable_partitioned: false,
        tags: row.tags.iter().cloned().map(tag).collect(),
        max_active_tasks: limit(row.max_active_tasks, limits.max_active_tasks_per_dag),
        max_active_runs: Some(limit(row.max_active_runs, limits.max_active_runs_per_dag)),
        max_consecutive_failed_dag_runs: limit(row.max_consecutive_failed_dag_runs, 0),
        has_task_concurrency_limits: row.limits_tasks,
        has_import_errors: row.has_import_errors,
        next_dagrun_logical_date: row.next_interval_start.map(|at| at.0),
        next_dagrun_data_interval_start: row.next_interval_start.map(|at| at.0),
        next_dagrun_data_interval_end: row.next_interval_end.map(|at| at.0),
        next_dagrun_run_after: row.next_run_after.map(|at| at.0),
        allowed_run_types: None,
        owners: vec![row.owner],
        file_token: row.relative_fileloc,
        dag_id: row.dag_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_iso_8601_with_days() {
        let cases = [(90, "PT1M30S"), (7200, "PT2H"), (86_400, "P1D"), (88_200, "P1DT30M")];
        for (seconds, text) in cases {
            assert_eq!(iso_duration(SignedDuration::from_secs(seconds)), text);
        }
    }
}
