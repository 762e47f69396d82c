//! `…/hitlDetails`: questions to people, and their answers.

use api::{
    HitlDetail, HitlDetailCollection, HitlDetailResponse, HitlUser, HttpError, MAX_LIMIT, UpdateHitlDetailPayload,
};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Map, json};
use store::waiting::{ApprovalFilter, ApprovalRow};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query, flag};
use super::listing::unless_all;
use super::{Api, missing, task_instances};
use crate::doors::{ActionError, LoggedIn};

/// Which questions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HitlQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Of this task.
    task_id: Option<String>,
    /// Only answered ones, or only open ones.
    #[serde(default, deserialize_with = "flag")]
    response_received: Option<bool>,
}

/// A page of the questions of a run (`~`: of all runs, of all DAGs): open ones first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), HitlQuery),
    responses((status = 200, body = HitlDetailCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_hitl_details(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<HitlQuery>,
) -> ApiResult<Json<HitlDetailCollection>> {
    let filter = ApprovalFilter {
        dag_id: unless_all(dag_id),
        run_id: unless_all(run_id),
        task_id: query.task_id,
        is_answered: query.response_received,
        readable: who.scope.dag_ids(),
    };
    let limit = i64::from(query.limit.unwrap_or(api::DEFAULT_LIMIT).min(MAX_LIMIT));
    let offset = i64::from(query.offset.unwrap_or(0));
    let (rows, total) = api.store.approvals(&filter, limit, offset).await.map_err(ActionError::from)?;
    let total_entries = u64::try_from(total).unwrap_or(0);
    match (filter.dag_id.as_deref(), filter.run_id.as_deref()) {
        (Some(dag_id), Some(run_id)) => missing::check_dag_run(&api, Some((dag_id, run_id)), total_entries).await?,
        (dag_id, _) => missing::check_dag(&api, dag_id, total_entries).await?,
    }
    let mut hitl_details = Vec::with_capacity(rows.len());
    for row in rows {
        hitl_details.push(wire(&api, row).await?);
    }
    Ok(Json(HitlDetailCollection { hitl_details, total_entries }))
}

type Ids = (String, String, String, i32);

/// The newest question of a task instance.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = HitlDetail), (status = 404, body = HttpError)))]
pub(super) async fn get_hitl_detail(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<Ids>,
) -> ApiResult<Json<HitlDetail>> {
    let filter = ApprovalFilter {
        dag_id: Some(dag_id.clone()),
        run_id: Some(run_id.clone()),
        task_id: Some(task_id.clone()),
        is_answered: None,
        readable: None,
    };
    let (rows, _) = api.store.approvals(&filter, i64::from(u32::MAX), 0).await.map_err(ActionError::from)?;
    if let Some(row) = rows.into_iter().find(|row| row.map_index == map_index) {
        return wire(&api, row).await.map(Json);
    }
    task_instances::load(&api, &dag_id, &run_id, &task_id, map_index).await?;
    Err(ApiError::not_found(format!("Task `{task_id}` has asked nobody anything")))
}

/// Answers the question of a task instance.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)), request_body = UpdateHitlDetailPayload,
    responses((status = 200, body = HitlDetailResponse), (status = 403, body = HttpError),
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

async fn wire(api: &Api, row: ApprovalRow) -> ApiResult<HitlDetail> {
    let ti = task_instances::load(api, &row.dag_id, &row.run_id, &row.task_id, row.map_index).await?;
    let (chosen, by, at) = match row.answer {
        Some((chosen, by, at)) => (Some(vec![chosen]), Some(user(by)), Some(at)),
        None => (None, None, None),
    };
    Ok(HitlDetail {
        task_instance: task_instances::wire(ti),
        options: row.question.options,
        subject: row.question.prompt,
        body: None,
        defaults: row.question.default.map(|default| vec![default]),
        multiple: false,
        params: Map::new(),
        assigned_users: Vec::new(),
        roles: row.question.roles,
        created_at: row.asked_at,
        deadline: row.deadline,
        responded_by_user: by,
        responded_at: at,
        response_received: chosen.is_some(),
        chosen_options: chosen,
        params_input: Map::new(),
    })
}
