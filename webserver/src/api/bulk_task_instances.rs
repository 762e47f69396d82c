//! Several changes of task instances in one request, and deleting one.

use api::{
    BulkError, BulkOutcome, BulkResponse, BulkTaskInstanceAction, BulkTaskInstanceBody, BulkTaskInstancesBody,
    HttpError, OnNonExistence, PatchTaskInstanceBody, TaskInstanceName,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use store::read::api::TaskInstanceFilter;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::mark_task::{Wish, change};
use super::tries::ElementQuery;
use super::{Api, missing};
use crate::access::Permission;
use crate::doors::LoggedIn;

/// Marks, remarks on, or deletes several task instances of a run; with `~` in the path each says of which.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)), request_body = BulkTaskInstancesBody,
    responses((status = 200, body = BulkResponse), (status = 400, body = HttpError), (status = 403, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn bulk_task_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Body(body): Body<BulkTaskInstancesBody>,
) -> ApiResult<Json<BulkResponse>> {
    let has_delete = body.actions.iter().any(|action| matches!(action, BulkTaskInstanceAction::Delete { .. }));
    // Asked before anything is done.
    let deleter = if has_delete { Some(api.doors.limited(&who, Permission::TaskInstanceDelete).await?) } else { None };
    let mut response = BulkResponse::default();
    for action in body.actions {
        match action {
            BulkTaskInstanceAction::Create { .. } => {
                let error = "Task instances bulk create is not supported".to_owned();
                let status_code = StatusCode::METHOD_NOT_ALLOWED.as_u16();
                response.create.get_or_insert_default().errors.push(BulkError { error, status_code });
            }
            BulkTaskInstanceAction::Update { entities, update_mask, action_on_non_existence } => {
                let outcome = response.update.get_or_insert_default();
                let targets = targets(&who, (&dag_id, &run_id), entities, outcome);
                let mask = update_mask.unwrap_or_default();
                if all_exist(&api, &targets, action_on_non_existence, outcome).await? {
                    for target in targets {
                        update(&api, &who, target, &mask, outcome).await;
                    }
                }
            }
            BulkTaskInstanceAction::Delete { entities, action_on_non_existence } => {
                let who = deleter.as_ref().unwrap_or(&who);
                let outcome = response.delete.get_or_insert_default();
                let entities = entities.into_iter().map(whole);
                let targets = targets(who, (&dag_id, &run_id), entities, outcome);
                if all_exist(&api, &targets, action_on_non_existence, outcome).await? {
                    for target in targets {
                        delete(&api, who, &target, outcome).await;
                    }
                }
            }
        }
    }
    Ok(Json(response))
}

/// Deletes a task instance of a run that has ended, with its attempts and what it pushed.
#[utoipa::path(delete, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), ElementQuery),
    responses((status = 200, description = "It is gone", body = serde_json::Value), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn delete_task_instance(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<Json<()>> {
    let map_index = query.element();
    let lost = missing::or(missing::task_instance(&dag_id, &run_id, &task_id, map_index));
    api.doors.delete_task_instances(&who, &dag_id, &run_id, &task_id, Some(map_index)).await.map_err(lost)?;
    Ok(Json(()))
}

/// A task instance, or all of a task, of a run.
struct Target {
    dag_id: String,
    run_id: String,
    entity: BulkTaskInstanceBody,
}

impl Target {
    fn filter(&self) -> TaskInstanceFilter {
        TaskInstanceFilter {
            dag_id: Some(self.dag_id.clone()),
            run_id: Some(self.run_id.clone()),
            task_id: Some(self.entity.task_id.clone()),
            map_indexes: self.entity.map_index.into_iter().collect(),
            ..TaskInstanceFilter::default()
        }
    }

    fn name(&self, map_index: i32) -> String {
        format!("{}.{}.{}[{map_index}]", self.dag_id, self.run_id, self.entity.task_id)
    }
}

fn whole(name: TaskInstanceName) -> BulkTaskInstanceBody {
    match name {
        TaskInstanceName::Whole(body) => body,
        TaskInstanceName::Task(task_id) => BulkTaskInstanceBody {
            new_state: None,
            note: None,
            include_upstream: false,
            include_downstream: false,
            include_future: false,
            include_past: false,
            task_id,
            map_index: None,
            dag_id: None,
            dag_run_id: None,
        },
    }
}

/// Where the path says `~`, the body has to say it: a DAG for which who asks may do this.
fn targets(
    who: &LoggedIn,
    (dag_id, run_id): (&str, &str),
    entities: impl IntoIterator<Item = BulkTaskInstanceBody>,
    outcome: &mut BulkOutcome,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for mut entity in entities {
        let named = entity.dag_id.take();
        if let Some(other) = named.as_ref().filter(|named| dag_id != "~" && *named != dag_id) {
            // The path is what the right to change something was looked at for.
            let error = format!("dag_id: `{other}` is not the DAG in the path; write `~` there to name several");
            outcome.errors.push(ApiError::bad_request(error).into_bulk());
            continue;
        }
        let dag_id = named.unwrap_or_else(|| dag_id.to_owned());
        let run_id = entity.dag_run_id.take().unwrap_or_else(|| run_id.to_owned());
        if dag_id == "~" || run_id == "~" {
            let error = format!(
                "When using wildcard in path, dag_id and dag_run_id must be specified in request body for task_id: {}",
                entity.task_id
            );
            outcome.errors.push(ApiError::bad_request(error).into_bulk());
        } else if let Err(refusal) = who.must_have(&dag_id) {
            outcome.errors.push(ApiError::from(refusal).into_bulk());
        } else {
            targets.push(Target { dag_id, run_id, entity });
        }
    }
    targets
}

/// Whether the action is to be done: unless one that it names does not exist and that matters.
async fn all_exist(
    api: &Api,
    targets: &[Target],
    on_non_existence: OnNonExistence,
    outcome: &mut BulkOutcome,
) -> ApiResult<bool> {
    if on_non_existence == OnNonExistence::Skip {
        return Ok(true);
    }
    for target in targets {
        if api.store.api_all_task_instances(&target.filter()).await?.is_empty() {
            let (dag_id, run_id, task_id) = (&target.dag_id, &target.run_id, &target.entity.task_id);
            let element = target.entity.map_index.map(|index| format!(", map_index: {index}")).unwrap_or_default();
            let error =
                format!("No task instances found for dag_id: {dag_id}, run_id: {run_id}, task_id: {task_id}{element}");
            outcome.errors.push(ApiError::not_found(error).into_bulk());
            return Ok(false);
        }
    }
    Ok(true)
}

async fn update(api: &Api, who: &LoggedIn, target: Target, mask: &[String], outcome: &mut BulkOutcome) {
    let known = match api.store.api_all_task_instances(&target.filter()).await {
        Ok(known) => known,
        Err(error) => return outcome.errors.push(ApiError::from(error).into_bulk()),
    };
    if known.is_empty() {
        return;
    }
    let names: Vec<_> = known.iter().map(|row| target.name(row.map_index)).collect();
    let Target { dag_id, run_id, entity } = target;
    let body = PatchTaskInstanceBody {
        new_state: entity.new_state,
        note: entity.note,
        include_upstream: entity.include_upstream,
        include_downstream: entity.include_downstream,
        include_future: entity.include_future,
        include_past: entity.include_past,
    };
    let task = (entity.task_id, entity.map_index);
    let done = match Wish::of(&body, mask, false) {
        Ok(wish) => change(api, who, (&dag_id, &run_id), task, &wish).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => outcome.success.extend(names),
        Err(error) => outcome.errors.push(error.into_bulk()),
    }
}

async fn delete(api: &Api, who: &LoggedIn, target: &Target, outcome: &mut BulkOutcome) {
    let (task_id, map_index) = (&target.entity.task_id, target.entity.map_index);
    match api.doors.delete_task_instances(who, &target.dag_id, &target.run_id, task_id, map_index).await {
        Ok(deleted) => outcome.success.extend(deleted.into_iter().map(|map_index| target.name(map_index))),
        // That it is not there was looked at before.
        Err(crate::doors::ActionError::NotFound(_)) => {}
        Err(error) => outcome.errors.push(ApiError::from(error).into_bulk()),
    }
}
