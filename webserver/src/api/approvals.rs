//! `…/hitlDetails`: questions to people, and their answers.

use api::{
    HitlDetail, HitlDetailCollection, HitlDetailHistory, HitlDetailResponse, HitlQuestion, HitlUser, HttpError,
    UpdateHitlDetailPayload,
};
use axum::extract::State;
use axum::{Extension, Json};
use model::state::TaskInstanceState;
use serde::Deserialize;
use serde_json::{Map, json};
use store::read::api::{HitlFilter, HitlRow, Listing};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag, words};
use super::listing::{When, bounds, listing, pattern, unless_all};
use super::{Api, missing, task_instances, tries};
use crate::doors::LoggedIn;

/// Which questions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HitlQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// `ti_id`, `subject`, `created_at`, `responded_at`, `responded_by_user_id`, `responded_by_user_name`, `dag_id`, `run_id`,
    /// `task_display_name`, `run_after`, `rendered_map_index`, `task_instance_operator`, `task_instance_state`; descending
    /// after a `-`. Open ones first if it is not given.
    #[serde(default)]
    order_by: Vec<String>,
    /// Part of the DAG's id; `%` and `_` as in SQL, `|` between alternatives.
    dag_id_pattern: Option<String>,
    /// How the DAG's id begins.
    dag_id_prefix_pattern: Option<String>,
    /// Of this task.
    task_id: Option<String>,
    /// Part of the task's id.
    task_id_pattern: Option<String>,
    /// How the task's id begins.
    task_id_prefix_pattern: Option<String>,
    /// Of this element of a mapped task.
    map_index: Option<i32>,
    /// Of task instances in one of these states.
    #[serde(default)]
    state: Vec<String>,
    /// Only answered ones, or only open ones.
    #[serde(default, deserialize_with = "flag")]
    response_received: Option<bool>,
    /// Answered by one of these accounts.
    #[serde(default)]
    responded_by_user_id: Vec<String>,
    /// The same.
    #[serde(default)]
    responded_by_user_name: Vec<String>,
    /// Part of what is asked.
    subject_search: Option<String>,
    /// Part of what is said beside it; nothing is, so only an empty text is found.
    body_search: Option<String>,
    created_at_gte: Option<When>,
    created_at_gt: Option<When>,
    created_at_lte: Option<When>,
    created_at_lt: Option<When>,
}

/// A page of the questions of a run (`~`: of all runs, of all DAGs): open ones first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), HitlQuery),
    responses((status = 200, body = HitlDetailCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_hitl_details(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<HitlQuery>,
) -> ApiResult<Json<HitlDetailCollection>> {
    let page = listing(query.limit, query.offset, &query.order_by);
    let states: Vec<_> = query.state.iter().map(|state| state.replace("no_status", "none")).collect();
    let mut answered_by = query.responded_by_user_id;
    if !query.responded_by_user_name.is_empty() {
        let names = query.responded_by_user_name;
        let is_both = |name: &String| answered_by.is_empty() || answered_by.contains(name);
        answered_by = names.into_iter().filter(is_both).collect();
        if answered_by.is_empty() {
            return Ok(Json(HitlDetailCollection { hitl_details: Vec::new(), total_entries: 0 }));
        }
    }
    if query.body_search.as_deref().is_some_and(|text| !text.trim_matches(['%', '~']).is_empty()) {
        return Ok(Json(HitlDetailCollection { hitl_details: Vec::new(), total_entries: 0 }));
    }
    let filter = HitlFilter {
        dag_id: unless_all(dag_id),
        run_id: unless_all(run_id),
        task_id: query.task_id,
        map_index: query.map_index,
        try_number: None,
        dag_id_is: pattern(query.dag_id_pattern, query.dag_id_prefix_pattern),
        task_id_is: pattern(query.task_id_pattern, query.task_id_prefix_pattern),
        states: words::<TaskInstanceState>("state", &states)?,
        is_answered: query.response_received,
        readable: who.scope.dag_ids(),
        answered_by,
        subject: query.subject_search,
        asked_at: bounds(query.created_at_gte, query.created_at_gt, query.created_at_lte, query.created_at_lt),
    };
    let found = api.store.api_hitl_details(&filter, &page).await?;
    missing::check(&api, filter.dag_id.as_deref(), filter.run_id.as_deref(), &found).await?;
    let hitl_details = found.rows.into_iter().map(wire).collect::<ApiResult<_>>()?;
    Ok(Json(HitlDetailCollection { hitl_details, total_entries: found.total }))
}

type Ids = (String, String, String, i32);

/// The newest question of a task instance.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = HitlDetail), (status = 400, body = HttpError), (status = 404, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn get_hitl_detail(State(api): State<Api>, Path(ids): Path<Ids>) -> ApiResult<Json<HitlDetail>> {
    wire(load(&api, &ids, None).await?).map(Json)
}

/// The question of one attempt of a task instance.
#[utoipa::path(get,
    path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails/tries/{try_number}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path), ("try_number" = i32, Path)),
    responses((status = 200, body = HitlDetailHistory), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_hitl_detail_try_detail(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index, try_number)): Path<(String, String, String, i32, i32)>,
) -> ApiResult<Json<HitlDetailHistory>> {
    let ids = (dag_id, run_id, task_id, map_index);
    let row = load(&api, &ids, Some(try_number)).await?;
    let task_instance = tries::one(&api, (&ids.0, &ids.1, &ids.2, map_index), try_number).await?;
    Ok(Json(HitlDetailHistory { task_instance, detail: detail(&row)? }))
}

async fn load(api: &Api, (dag_id, run_id, task_id, map_index): &Ids, try_number: Option<i32>) -> ApiResult<HitlRow> {
    let filter = HitlFilter {
        dag_id: Some(dag_id.clone()),
        run_id: Some(run_id.clone()),
        task_id: Some(task_id.clone()),
        map_index: Some(*map_index),
        try_number,
        ..HitlFilter::default()
    };
    let newest = Listing { limit: 1, offset: 0, order_by: vec!["-created_at".to_owned()] };
    if let Some(row) = api.store.api_hitl_details(&filter, &newest).await?.rows.into_iter().next() {
        return Ok(row);
    }
    let ti = task_instances::load(api, dag_id, run_id, task_id, *map_index).await?;
    let id = task_instances::wire(ti).id;
    Err(ApiError::not_found(format!("Human-in-the-loop detail does not exist for Task Instance with id {id}")))
}

/// Answers the question of a task instance.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)), request_body = UpdateHitlDetailPayload,
    responses((status = 200, body = HitlDetailResponse), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 404, body = HttpError), (status = 409, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn update_hitl_detail(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, map_index)): Path<Ids>,
    Body(body): Body<UpdateHitlDetailPayload>,
) -> ApiResult<Json<HitlDetailResponse>> {
    let place = [json!("body"), json!("chosen_options")];
    let [chosen] = body.chosen_options.as_slice() else {
        return Err(ApiError::unprocessable("value_error", &place, "Exactly one option is chosen"));
    };
    if !body.params_input.is_empty() {
        let place = [json!("body"), json!("params_input")];
        return Err(ApiError::unprocessable("value_error", &place, "This question has no form"));
    }
    let lost = missing::or(missing::task_instance(&dag_id, &run_id, &task_id, map_index));
    let at = api.doors.answer(&who, &dag_id, &run_id, &task_id, map_index, chosen).await.map_err(lost)?;
    Ok(Json(HitlDetailResponse {
        responded_by: user(who.username),
        responded_at: at,
        chosen_options: body.chosen_options,
        params_input: Map::new(),
    }))
}

fn user(name: String) -> HitlUser {
    HitlUser { id: name.clone(), name }
}

fn wire(row: HitlRow) -> ApiResult<HitlDetail> {
    let detail = detail(&row)?;
    Ok(HitlDetail { task_instance: task_instances::wire(row.task_instance), detail })
}

fn detail(row: &HitlRow) -> ApiResult<HitlQuestion> {
    let question = row.question().ok_or_else(ApiError::unreadable_question)?;
    Ok(HitlQuestion {
        options: question.options,
        subject: question.prompt,
        body: None,
        defaults: question.default.map(|default| vec![default]),
        multiple: false,
        params: Map::new(),
        assigned_users: Vec::new(),
        roles: question.roles,
        created_at: row.asked_at.0,
        deadline: row.deadline.map(|at| at.0),
        responded_by_user: row.answered_by.clone().map(user),
        responded_at: row.answered_at.map(|at| at.0),
        response_received: row.chosen.is_some(),
        chosen_options: row.chosen.clone().map(|chosen| vec![chosen]),
        params_input: Map::new(),
    })
}
