//! `/dags`.

use api::{Dag, DagCollection, DagDetails, DagTag, HttpError};
use axum::extract::State;
use axum::{Extension, Json};
use jiff::SignedDuration;
use model::dag::Schedule;
use model::limits::Limits;
use model::state::DagRunState;
use serde::Deserialize;
use serde_json::{Value, json};
use store::read::api::{DagDetailsRow, DagFilter, DagRow, DagVersionRow, Favorite, Listing};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query, flag, words};
use super::listing::{When, bounds, listing};
use super::{Api, assets, missing, versions};
use crate::doors::{ActionError, LoggedIn};

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
    /// Part of the owner's name; of one of these.
    #[serde(default)]
    owners: Vec<String>,
    /// Part of the id; `%` and `_` as in SQL, `|` between alternatives.
    dag_id_pattern: Option<String>,
    /// Beginning of the id, with regard to case; `|` between alternatives.
    dag_id_prefix_pattern: Option<String>,
    /// As `dag_id_pattern`; the id is what is shown.
    dag_display_name_pattern: Option<String>,
    /// As `dag_id_prefix_pattern`; the id is what is shown.
    dag_display_name_prefix_pattern: Option<String>,
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
    /// One of these is the state of their newest run.
    #[serde(default)]
    dag_run_state: Vec<String>,
    /// When their newest run started.
    dag_run_start_date_gte: Option<When>,
    dag_run_start_date_gt: Option<When>,
    dag_run_start_date_lte: Option<When>,
    dag_run_start_date_lt: Option<When>,
    /// When their newest run ended.
    dag_run_end_date_gte: Option<When>,
    dag_run_end_date_gt: Option<When>,
    dag_run_end_date_lte: Option<When>,
    dag_run_end_date_lt: Option<When>,
    /// In this bundle. There are no bundles: with it nothing is found.
    bundle_name: Option<String>,
    /// As `bundle_name`.
    bundle_version: Option<String>,
    /// Whether assets schedule them.
    #[serde(default, deserialize_with = "flag")]
    has_asset_schedule: Option<bool>,
    /// Part of the name or the URI of an asset that schedules them, without regard to case.
    asset_dependency: Option<String>,
    /// Whether they are marked by who asks.
    #[serde(default, deserialize_with = "flag")]
    is_favorite: Option<bool>,
    /// Airflow's class for their kind of schedule, such as `airflow.timetables.simple.NullTimetable`.
    #[serde(default)]
    timetable_type: Vec<String>,
    /// `dag_id`, `dag_display_name`, `next_dagrun`, `state`, `start_date`, `last_run_state`, `last_run_start_date`;
    /// descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// Whether all of the tags are asked for.
pub(super) fn all_tags(tags_match_mode: Option<&str>) -> ApiResult<bool> {
    match tags_match_mode {
        None | Some("any") => Ok(false),
        Some("all") => Ok(true),
        Some(_) => {
            let place = [json!("query"), json!("tags_match_mode")];
            Err(ApiError::unprocessable("literal_error", &place, "Input should be 'any' or 'all'"))
        }
    }
}

/// Airflow's classes, by the word that flowctl stores a schedule under.
const TIMETABLES: [(&str, &[&str]); 9] = [
    ("none", &["airflow.timetables.simple.NullTimetable"]),
    ("once", &["airflow.timetables.simple.OnceTimetable"]),
    ("continuous", &["airflow.timetables.simple.ContinuousTimetable"]),
    ("cron", &["airflow.timetables.interval.CronDataIntervalTimetable"]),
    ("every", &["airflow.timetables.interval.DeltaDataIntervalTimetable"]),
    ("crons", &["airflow.timetables.trigger.MultipleCronTriggerTimetable"]),
    ("cron_trigger", &["airflow.timetables.trigger.CronTriggerTimetable"]),
    ("at", &["airflow.timetables.events.EventsTimetable"]),
    ("assets", &["airflow.timetables.simple.AssetTriggeredTimetable", "airflow.timetables.assets.AssetOrTimeSchedule"]),
];

fn schedule_kinds(classes: &[String]) -> Option<Vec<String>> {
    let is_meant = |names: &[&str]| names.iter().any(|name| classes.iter().any(|class| class == name));
    let kinds = TIMETABLES.iter().filter(|(_, names)| is_meant(names)).map(|(kind, _)| (*kind).to_owned());
    (!classes.is_empty()).then(|| kinds.collect())
}

impl DagsQuery {
    fn filter(self, who: &LoggedIn) -> ApiResult<DagFilter> {
        let last_run_states: Vec<_> = self.last_dag_run_state.into_iter().collect();
        let mut last_run_states = words::<DagRunState>("last_dag_run_state", &last_run_states)?;
        let more = words::<DagRunState>("dag_run_state", &self.dag_run_state)?;
        // Both have to hold.
        match (last_run_states.is_empty(), more.is_empty()) {
            (true, _) => last_run_states = more,
            (false, true) => {}
            (false, false) => last_run_states.retain(|state| more.contains(state)),
        }
        let is_impossible = last_run_states.is_empty() && !self.dag_run_state.is_empty();
        Ok(DagFilter {
            readable: who.scope.dag_ids(),
            dag_ids: Vec::new(),
            tags: self.tags,
            all_tags: all_tags(self.tags_match_mode.as_deref())?,
            owners: self.owners,
            dag_id_pattern: self.dag_id_pattern,
            dag_id_prefix: self.dag_id_prefix_pattern,
            display_name_pattern: self.dag_display_name_pattern,
            display_name_prefix: self.dag_display_name_prefix_pattern,
            is_paused: self.paused,
            with_stale: self.exclude_stale == Some(false),
            has_import_errors: self.has_import_errors,
            last_run_states,
            last_run_started_at: bounds(
                self.dag_run_start_date_gte,
                self.dag_run_start_date_gt,
                self.dag_run_start_date_lte,
                self.dag_run_start_date_lt,
            ),
            last_run_ended_at: bounds(
                self.dag_run_end_date_gte,
                self.dag_run_end_date_gt,
                self.dag_run_end_date_lte,
                self.dag_run_end_date_lt,
            ),
            favorite: self.is_favorite.map(|is_marked| Favorite { username: who.username.clone(), is_marked }),
            has_asset_schedule: self.has_asset_schedule,
            asset_dependency: self.asset_dependency,
            schedule_kinds: schedule_kinds(&self.timetable_type),
            in_a_bundle: is_impossible || self.bundle_name.is_some() || self.bundle_version.is_some(),
        })
    }
}

/// A page of the DAGs.
#[utoipa::path(get, path = "/dags", tag = "DAG", params(DagsQuery),
    responses((status = 200, body = DagCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_dags(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<DagsQuery>,
) -> ApiResult<Json<DagCollection>> {
    let listing = listing(query.limit, query.offset, &query.order_by);
    page(&api, &query.filter(&who)?, &listing).await
}

/// A page of the DAGs that match.
pub(super) async fn page(api: &Api, filter: &DagFilter, listing: &Listing) -> ApiResult<Json<DagCollection>> {
    let page = api.store.api_dags(filter, listing).await?;
    let dags = page.rows.into_iter().map(|row| wire(row, api.limits)).collect();
    Ok(Json(DagCollection { dags, total_entries: page.total }))
}

/// One DAG.
#[utoipa::path(get, path = "/dags/{dag_id}", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 200, body = Dag), (status = 404, body = HttpError)))]
pub(super) async fn get_dag(State(api): State<Api>, Path(dag_id): Path<String>) -> ApiResult<Json<Dag>> {
    load(&api, &dag_id).await.map(Json)
}

pub(super) async fn load(api: &Api, dag_id: &str) -> ApiResult<Dag> {
    let row = api.store.api_dag(dag_id).await?.ok_or_else(|| missing::dag(dag_id))?;
    Ok(wire(row, api.limits))
}

/// One DAG with everything about it.
#[utoipa::path(get, path = "/dags/{dag_id}/details", tag = "DAG", params(("dag_id" = String, Path)),
    responses((status = 200, body = DagDetails), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_details(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
) -> ApiResult<Json<DagDetails>> {
    let dag = load(&api, &dag_id).await?;
    let row = api.store.api_dag_details(&dag_id).await?.ok_or_else(|| missing::dag(&dag_id))?;
    let spec = serde_json::from_str(&row.spec)
        .map_err(|problem| ApiError::internal(&format!("the version of DAG `{dag_id}` cannot be read"), &problem))?;
    let mut details = details(dag, spec, &row);
    assets::add_to_details(&api, &mut details, &row.spec).await?;
    details.is_favorite = api.store.is_favorite(&who.username, &dag_id).await.map_err(ActionError::from)?;
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
        rerun_with_latest_version: None,
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
