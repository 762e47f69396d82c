//! `…/tries`: the attempts of a task instance.

use api::{HttpError, TaskInstanceHistory, TaskInstanceHistoryCollection};
use axum::Json;
use axum::extract::State;
use model::state::TaskInstanceState;
use serde::Deserialize;
use store::read::api::{AttemptRow, TaskInstanceRow};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::task_instances::{DEFAULT_QUEUE, count, load, version};
use super::{Api, versions};

/// Which element.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ElementQuery {
    /// Of this element of a mapped task; −1, the default, when it is not mapped.
    pub(super) map_index: Option<i32>,
}

impl ElementQuery {
    /// The element, or what is not mapped.
    pub(super) fn element(&self) -> i32 {
        self.map_index.unwrap_or(-1)
    }
}

/// All attempts of a task instance, oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), ElementQuery),
    responses((status = 200, body = TaskInstanceHistoryCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instance_tries(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    all(&api, load(&api, &dag_id, &run_id, &task_id, query.element()).await?).await
}

/// All attempts of an element of a mapped task, oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = TaskInstanceHistoryCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_mapped_task_instance_tries(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    all(&api, load(&api, &dag_id, &run_id, &task_id, map_index).await?).await
}

/// One attempt.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{task_try_number}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("task_try_number" = i32, Path), ElementQuery),
    responses((status = 200, body = TaskInstanceHistory), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instance_try_details(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, number)): Path<(String, String, String, i32)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<Json<TaskInstanceHistory>> {
    one(&api, (&dag_id, &run_id, &task_id, query.element()), number).await.map(Json)
}

/// One attempt of an element of a mapped task.
#[utoipa::path(get,
    path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries/{task_try_number}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path), ("task_try_number" = i32, Path)),
    responses((status = 200, body = TaskInstanceHistory), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_mapped_task_instance_try_details(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index, number)): Path<(String, String, String, i32, i32)>,
) -> ApiResult<Json<TaskInstanceHistory>> {
    one(&api, (&dag_id, &run_id, &task_id, map_index), number).await.map(Json)
}

/// One attempt, or Airflow's words that there is none.
pub(super) async fn one(
    api: &Api,
    (dag_id, run_id, task_id, map_index): (&str, &str, &str, i32),
    number: i32,
) -> ApiResult<TaskInstanceHistory> {
    let missing = || {
        ApiError::not_found(format!(
            "The Task Instance with dag_id: `{dag_id}`, run_id: `{run_id}`, task_id: `{task_id}`, try_number: \
             `{number}` and map_index: `{map_index}` was not found"
        ))
    };
    let row = load(api, dag_id, run_id, task_id, map_index).await.map_err(|error| error.or_if_not_found(missing))?;
    let all = tries(api, &row).await?;
    all.into_iter().find(|one| one.try_number == count(number)).filter(|_| number > 0).ok_or_else(missing)
}

async fn all(api: &Api, row: TaskInstanceRow) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    let tries = tries(api, &row).await?;
    Ok(Json(TaskInstanceHistoryCollection { total_entries: tries.len() as u64, task_instances: tries }))
}

async fn tries(api: &Api, row: &TaskInstanceRow) -> ApiResult<Vec<TaskInstanceHistory>> {
    let attempts = api.store.api_attempts(row.dag_run_id, row.task_index, row.map_index).await?;
    // An attempt that did not fail has no row of its own until it is cleared: it is the task instance's newest.
    let is_newest_missing = row.try_number > 0 && attempts.iter().all(|attempt| attempt.try_number != row.try_number);
    let mut tries: Vec<_> = attempts.into_iter().map(|attempt| history(row, attempt)).collect();
    if is_newest_missing {
        let newest = AttemptRow {
            try_number: row.try_number,
            state: row.state.clone(),
            reason: None,
            exit_code: None,
            pid: row.pid,
            scheduled_at: row.scheduled_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        };
        tries.push(history(row, newest));
    }
    Ok(tries)
}

fn history(row: &TaskInstanceRow, attempt: AttemptRow) -> TaskInstanceHistory {
    let (start, end) = (attempt.started_at.map(|at| at.0), attempt.ended_at.map(|at| at.0));
    TaskInstanceHistory {
        task_id: row.task_id.clone(),
        dag_id: row.dag_id.clone(),
        dag_run_id: row.run_id.clone(),
        map_index: row.map_index,
        start_date: start,
        end_date: end,
        duration: start.zip(end).map(|(start, end)| end.duration_since(start).as_secs_f64()),
        state: match attempt.state.as_str() {
            "none" => None,
            // Airflow has no words for these; the reason says what happened.
            "lost" | "cancelled" => Some(TaskInstanceState::Failed.to_string()),
            state => Some(state.to_owned()),
        },
        try_number: count(attempt.try_number),
        max_tries: count(row.max_tries - 1),
        task_display_name: row.task_id.clone(),
        dag_display_name: row.dag_id.clone(),
        hostname: None,
        unixname: None,
        pool: row.pool.clone(),
        pool_slots: count(row.pool_slots),
        queue: Some(DEFAULT_QUEUE.to_owned()),
        priority_weight: Some(row.priority_weight),
        operator: Some(row.operator.clone()),
        operator_name: Some(row.operator.clone()),
        queued_when: attempt.queued_at.map(|at| at.0),
        scheduled_when: attempt.scheduled_at.map(|at| at.0),
        pid: attempt.pid,
        executor: None,
        executor_config: "{}".to_owned(),
        dag_version: Some(versions::wire(version(row))),
        reason: attempt.reason,
        exit_code: attempt.exit_code,
    }
}
