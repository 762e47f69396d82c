//! Ends that people give to task instances, and what they remark on them.

use api::{HttpError, PatchTaskInstanceBody, TaskInstanceCollection};
use axum::extract::State;
use axum::{Extension, Json};
use model::dag::Dag;
use model::ids::{DagRunKey, TaskIndex};
use serde::Deserialize;
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection, TaskInstanceEnd};
use store::read::api::{ReadError, TaskInstanceFilter, TaskInstanceRow};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path, Query};
use super::update_mask::{MaskQuery, field_counts};
use super::{Api, missing, task_instances};
use crate::doors::LoggedIn;

/// Of which element, which fields.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PatchQuery {
    /// Of this element of a mapped task; all of it if it is not given.
    map_index: Option<i32>,
    /// Names of the fields that count; all that the body has if it is not given.
    #[serde(default)]
    update_mask: Vec<String>,
}

/// Marks a task, all its elements if it is mapped, as success, failed or skipped.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), PatchQuery),
    request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn patch_task_instance(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<PatchQuery>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &query.update_mask, false)?;
    change(&api, &who, (&dag_id, &run_id), (task_id, query.map_index), &wish).await.map(collection)
}

/// Marks one element of a mapped task.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path), MaskQuery), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn patch_mapped_task_instance(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &query.update_mask, false)?;
    change(&api, &who, (&dag_id, &run_id), (task_id, Some(map_index)), &wish).await.map(collection)
}

/// Says what would be marked.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), PatchQuery), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn patch_task_instance_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<PatchQuery>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &query.update_mask, true)?;
    change(&api, &who, (&dag_id, &run_id), (task_id, query.map_index), &wish).await.map(collection)
}

/// Says what of one element of a mapped task would be marked.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path), MaskQuery), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn patch_mapped_task_instance_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &query.update_mask, true)?;
    change(&api, &who, (&dag_id, &run_id), (task_id, Some(map_index)), &wish).await.map(collection)
}

/// Marks all tasks of a group.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("group_id" = String, Path), MaskQuery),
    request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn patch_task_group_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, group_id)): Path<(String, String, String)>,
    Query(query): Query<MaskQuery>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &query.update_mask, false)?;
    change_group(&api, &who, (&dag_id, &run_id), &group_id, &wish).await.map(collection)
}

/// Says what of a group would be marked.
#[utoipa::path(patch, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("group_id" = String, Path)), request_body = PatchTaskInstanceBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn patch_task_group_instances_dry_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, group_id)): Path<(String, String, String)>,
    Body(body): Body<PatchTaskInstanceBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let wish = Wish::of(&body, &[], true)?;
    change_group(&api, &who, (&dag_id, &run_id), &group_id, &wish).await.map(collection)
}

/// What somebody wants of task instances.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own, as in Airflow's body")]
pub(super) struct Wish {
    end: Option<TaskInstanceEnd>,
    note: Option<String>,
    with_upstream: bool,
    with_downstream: bool,
    past: bool,
    future: bool,
    is_dry_run: bool,
}

/// Characters of a remark at most (Airflow's).
const MAX_NOTE: usize = 1000;

impl Wish {
    /// What a body asks for, as far as the mask lets it.
    pub(super) fn of(body: &PatchTaskInstanceBody, mask: &[String], is_dry_run: bool) -> ApiResult<Self> {
        const FIELDS: [&str; 6] =
            ["new_state", "note", "include_upstream", "include_downstream", "include_future", "include_past"];
        let counts = field_counts(mask, &FIELDS, "a task instance")?;
        let note = body.note.clone().filter(|_| counts("note"));
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
            let message = format!("String should have at most {MAX_NOTE} characters");
            return Err(ApiError::unprocessable("string_too_long", &[json!("body"), json!("note")], &message));
        }
        Ok(Self {
            end: body.new_state.as_deref().filter(|_| counts("new_state")).map(end).transpose()?,
            note,
            with_upstream: body.include_upstream,
            with_downstream: body.include_downstream,
            past: body.include_past,
            future: body.include_future,
            is_dry_run,
        })
    }
}

/// Changes a task, all its elements or one, as somebody wants it, and gives what is changed.
pub(super) async fn change(
    api: &Api,
    who: &LoggedIn,
    run: (&str, &str),
    task: (String, Option<i32>),
    wish: &Wish,
) -> ApiResult<Vec<TaskInstanceRow>> {
    let filter =
        TaskInstanceFilter { task_id: Some(task.0.clone()), map_indexes: task.1.into_iter().collect(), ..of_run(run) };
    let targets = api.store.api_all_task_instances(&filter).await?;
    if targets.is_empty() {
        return Err(missing::task_instance(run.0, run.1, &task.0, task.1.unwrap_or(-1)));
    }
    let name = format!("Task id {} is", task.0);
    change_all(api, who, run, (vec![task], targets), wish, &name).await
}

async fn change_group(
    api: &Api,
    who: &LoggedIn,
    run: (&str, &str),
    group_id: &str,
    wish: &Wish,
) -> ApiResult<Vec<TaskInstanceRow>> {
    let details = api.store.pages_run(run.0, run.1).await.map_err(ReadError::from)?;
    let details = details.ok_or_else(|| missing::dag_run(run.0, run.1))?;
    let dag: Dag = serde_json::from_value(details.spec)
        .map_err(|problem| ApiError::internal(&format!("the version of DAG `{}` cannot be read", run.0), &problem))?;
    if dag.groups.iter().all(|group| group.group_id != group_id) {
        return Err(ApiError::not_found(format!("Task group '{group_id}' not found in DAG '{}'", run.0)));
    }
    let filter = TaskInstanceFilter { task_group: Some(group_id.to_owned()), ..of_run(run) };
    let targets = api.store.api_all_task_instances(&filter).await?;
    if targets.is_empty() {
        let (group, run) = (group_id, run.1);
        let message = format!("No task instances found for task group '{group}' in dag run '{run}'");
        return Err(ApiError::not_found(message));
    }
    let inside = format!("{group_id}.");
    let tasks = dag.tasks.iter().filter(|task| task.task_id.starts_with(&inside));
    let tasks = tasks.map(|task| (task.task_id.clone(), None)).collect();
    change_all(api, who, run, (tasks, targets), wish, "All task instances in the group are").await
}

async fn change_all(
    api: &Api,
    who: &LoggedIn,
    (dag_id, run_id): (&str, &str),
    (tasks, targets): (Vec<(String, Option<i32>)>, Vec<TaskInstanceRow>),
    wish: &Wish,
    name: &str,
) -> ApiResult<Vec<TaskInstanceRow>> {
    let mut keys: Vec<_> = targets.iter().map(key).collect();
    if let Some(end) = wish.end {
        let (past, future, run_id) = (wish.past, wish.future, run_id.to_owned());
        let runs = if past || future { ClearRuns::Around { run_id, past, future } } else { ClearRuns::One(run_id) };
        let chosen = ClearSelection {
            tasks: Some(tasks),
            with_upstream: wish.with_upstream,
            with_downstream: wish.with_downstream,
            is_dry_run: wish.is_dry_run,
            ..ClearSelection::default()
        };
        let marked = api.doors.mark_task_instances(who, dag_id, &runs, &chosen, end).await?;
        if marked.is_empty() && !wish.is_dry_run {
            return Err(ApiError::conflict(format!("{name} already in {} state", end.as_str())));
        }
        if let Some(note) = wish.note.as_deref().filter(|_| !wish.is_dry_run) {
            api.doors.note_task_instances(who, &keys, note).await?;
        }
        keys = marked;
    } else if let Some(note) = wish.note.as_deref().filter(|_| !wish.is_dry_run) {
        api.doors.note_task_instances(who, &keys, note).await?;
    } else {
        return Ok(targets);
    }
    let filter = TaskInstanceFilter { keys: Some(keys), ..TaskInstanceFilter::default() };
    Ok(api.store.api_all_task_instances(&filter).await?)
}

fn of_run((dag_id, run_id): (&str, &str)) -> TaskInstanceFilter {
    TaskInstanceFilter {
        dag_id: Some(dag_id.to_owned()),
        run_id: Some(run_id.to_owned()),
        ..TaskInstanceFilter::default()
    }
}

fn key(row: &TaskInstanceRow) -> (DagRunKey, TaskIndex, i32) {
    (DagRunKey(row.dag_run_id), TaskIndex(row.task_index.cast_unsigned()), row.map_index)
}

fn collection(rows: Vec<TaskInstanceRow>) -> Json<TaskInstanceCollection> {
    Json(TaskInstanceCollection::whole(rows.into_iter().map(task_instances::wire).collect()))
}

fn end(state: &str) -> ApiResult<TaskInstanceEnd> {
    match state.to_ascii_lowercase().as_str() {
        "success" => Ok(TaskInstanceEnd::Success),
        "failed" => Ok(TaskInstanceEnd::Failed),
        "skipped" => Ok(TaskInstanceEnd::Skipped),
        _ => {
            let place = [json!("body"), json!("new_state")];
            Err(ApiError::unprocessable("enum", &place, "Input should be 'success', 'failed' or 'skipped'"))
        }
    }
}
