//! `…/taskInstances` and `…/tries`.

use api::{
    DagRun, HttpError, TaskInstance, TaskInstanceCollection, TaskInstanceHistory, TaskInstanceHistoryCollection,
};
use axum::Json;
use axum::extract::{Extension, State};
use model::state::TaskInstanceState;
use serde::Deserialize;
use store::read::api::{AttemptRow, DagVersionRow, Listing, TaskInstanceFilter, TaskInstanceRow};
use utoipa::IntoParams;
use uuid::Uuid;

use super::error::ApiResult;
use super::extract::{Path, Query, words};
use super::listing::{When, listing, times, unless_all};
use super::{Api, missing, versions};
use crate::doors::LoggedIn;

/// Airflow's name of the queue of what has none.
const DEFAULT_QUEUE: &str = "default";

/// Which task instances.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TaskInstancesQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// Of this task.
    task_id: Option<String>,
    /// Part of the task's id; `%` and `_` as in SQL, `|` between alternatives.
    task_display_name_pattern: Option<String>,
    /// In one of these states; `none` or `no_status` for what nobody has looked at.
    #[serde(default)]
    state: Vec<String>,
    /// Of one of these operators.
    #[serde(default)]
    operator: Vec<String>,
    /// In one of these pools.
    #[serde(default)]
    pool: Vec<String>,
    /// One of these elements of a mapped task.
    #[serde(default)]
    map_index: Vec<i32>,
    /// In one of these tries.
    #[serde(default)]
    try_number: Vec<i32>,
    run_after_gte: Option<When>,
    run_after_gt: Option<When>,
    run_after_lte: Option<When>,
    run_after_lt: Option<When>,
    logical_date_gte: Option<When>,
    logical_date_gt: Option<When>,
    logical_date_lte: Option<When>,
    logical_date_lt: Option<When>,
    start_date_gte: Option<When>,
    start_date_gt: Option<When>,
    start_date_lte: Option<When>,
    start_date_lt: Option<When>,
    end_date_gte: Option<When>,
    end_date_gt: Option<When>,
    end_date_lte: Option<When>,
    end_date_lt: Option<When>,
    updated_at_gte: Option<When>,
    updated_at_gt: Option<When>,
    updated_at_lte: Option<When>,
    updated_at_lt: Option<When>,
    /// Seconds from its start to its end, or to now.
    duration_gte: Option<f64>,
    /// As `duration_gte`.
    duration_gt: Option<f64>,
    /// As `duration_gte`.
    duration_lte: Option<f64>,
    /// As `duration_gte`.
    duration_lt: Option<f64>,
    /// `state`, `start_date`, `end_date`, `duration`, `task_id`, `map_index`, `try_number`, `run_after` and others;
    /// descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of the task instances of a run (`~`: of all runs, of all DAGs), in the order of the DAG's tasks.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), TaskInstancesQuery),
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError)))]
pub(super) async fn get_task_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<TaskInstancesQuery>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let states: Vec<_> = query.state.iter().map(|state| state.replace("no_status", "none")).collect();
    let filter = TaskInstanceFilter {
        readable: who.scope.dag_ids(),
        dag_id: unless_all(dag_id),
        run_id: unless_all(run_id),
        task_id: query.task_id,
        task_id_pattern: query.task_display_name_pattern,
        states: words::<TaskInstanceState>("state", &states)?,
        operators: query.operator,
        pools: query.pool,
        map_indexes: query.map_index,
        keys: None,
        is_mapped: false,
        try_numbers: query.try_number,
        times: times!(query),
    };
    let page = api.store.api_task_instances(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    match (filter.dag_id.as_deref(), filter.run_id.as_deref()) {
        (Some(dag_id), Some(run_id)) => missing::check_dag_run(&api, Some((dag_id, run_id)), page.total).await?,
        (dag_id, _) => missing::check_dag(&api, dag_id, page.total).await?,
    }
    let task_instances = page.rows.into_iter().map(wire).collect();
    Ok(Json(TaskInstanceCollection { task_instances, total_entries: page.total }))
}

/// One task instance of a task that is not mapped.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = TaskInstance), (status = 404, body = HttpError)))]
pub(super) async fn get_task_instance(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
) -> ApiResult<Json<TaskInstance>> {
    load(&api, &dag_id, &run_id, &task_id, -1).await.map(|row| Json(wire(row)))
}

/// A page of the elements of a mapped task.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped",
    tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), TaskInstancesQuery),
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError)))]
pub(super) async fn get_mapped_task_instances(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<TaskInstancesQuery>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let states: Vec<_> = query.state.iter().map(|state| state.replace("no_status", "none")).collect();
    let filter = TaskInstanceFilter {
        dag_id: Some(dag_id.clone()),
        run_id: Some(run_id.clone()),
        task_id: Some(task_id.clone()),
        states: words::<TaskInstanceState>("state", &states)?,
        task_id_pattern: query.task_display_name_pattern,
        operators: query.operator,
        pools: query.pool,
        map_indexes: query.map_index,
        is_mapped: true,
        try_numbers: query.try_number,
        times: times!(query),
        ..TaskInstanceFilter::default()
    };
    let page = api.store.api_task_instances(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    if page.total == 0 {
        // There is the task, without an element in the list, or there is none.
        let any = TaskInstanceFilter {
            dag_id: Some(dag_id.clone()),
            run_id: Some(run_id.clone()),
            task_id: Some(task_id.clone()),
            ..TaskInstanceFilter::default()
        };
        if api.store.api_all_task_instances(&any).await?.is_empty() {
            return Err(missing::task_instance(&dag_id, &run_id, &task_id, -1));
        }
    }
    let task_instances = page.rows.into_iter().map(wire).collect();
    Ok(Json(TaskInstanceCollection { task_instances, total_entries: page.total }))
}

/// One element of a mapped task.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = TaskInstance), (status = 404, body = HttpError)))]
pub(super) async fn get_mapped_task_instance(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
) -> ApiResult<Json<TaskInstance>> {
    load(&api, &dag_id, &run_id, &task_id, map_index).await.map(|row| Json(wire(row)))
}

/// One task instance, or Airflow's words that there is none.
pub(super) async fn load(
    api: &Api,
    dag_id: &str,
    run_id: &str,
    task_id: &str,
    map_index: i32,
) -> ApiResult<TaskInstanceRow> {
    let filter = TaskInstanceFilter {
        dag_id: Some(dag_id.to_owned()),
        run_id: Some(run_id.to_owned()),
        task_id: Some(task_id.to_owned()),
        map_indexes: vec![map_index],
        ..TaskInstanceFilter::default()
    };
    let row = api.store.api_all_task_instances(&filter).await?.into_iter().next();
    row.ok_or_else(|| missing::task_instance(dag_id, run_id, task_id, map_index))
}

/// Refuses, in Airflow's words, a task that has no instance in a run.
pub(super) async fn exists(
    api: &Api,
    dag_id: &str,
    run_id: &str,
    task_id: &str,
    map_index: Option<i32>,
) -> ApiResult<()> {
    let filter = TaskInstanceFilter {
        dag_id: Some(dag_id.to_owned()),
        run_id: Some(run_id.to_owned()),
        task_id: Some(task_id.to_owned()),
        map_indexes: map_index.into_iter().collect(),
        ..TaskInstanceFilter::default()
    };
    let one = Listing { limit: 1, ..Listing::default() };
    if api.store.api_task_instances(&filter, &one).await?.rows.is_empty() {
        return Err(missing::task_instance(dag_id, run_id, task_id, map_index.unwrap_or(-1)));
    }
    Ok(())
}

/// All attempts of a task instance, oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = TaskInstanceHistoryCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_task_instance_tries(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    tries(&api, load(&api, &dag_id, &run_id, &task_id, -1).await?).await
}

/// All attempts of an element of a mapped task, oldest first.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = TaskInstanceHistoryCollection), (status = 404, body = HttpError)))]
pub(super) async fn get_mapped_task_instance_tries(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    tries(&api, load(&api, &dag_id, &run_id, &task_id, map_index).await?).await
}

async fn tries(api: &Api, row: TaskInstanceRow) -> ApiResult<Json<TaskInstanceHistoryCollection>> {
    let attempts = api.store.api_attempts(row.dag_run_id, row.task_index, row.map_index).await?;
    // An attempt that did not fail has no row of its own until it is cleared: it is the task instance's newest.
    let is_newest_missing = row.try_number > 0 && attempts.iter().all(|attempt| attempt.try_number != row.try_number);
    let mut tries: Vec<_> = attempts.into_iter().map(|attempt| history(&row, attempt)).collect();
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
        tries.push(history(&row, newest));
    }
    Ok(Json(TaskInstanceHistoryCollection { total_entries: tries.len() as u64, task_instances: tries }))
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

/// As the API tells it.
pub(super) fn wire(row: TaskInstanceRow) -> TaskInstance {
    let (start, end) = (row.started_at.map(|at| at.0), row.ended_at.map(|at| at.0));
    TaskInstance {
        id: id(&row).to_string(),
        dag_version: Some(versions::wire(version(&row))),
        task_display_name: row.task_id.clone(),
        dag_display_name: row.dag_id.clone(),
        task_id: row.task_id,
        dag_id: row.dag_id,
        dag_run_id: row.run_id,
        map_index: row.map_index,
        logical_date: row.logical_date.map(|at| at.0),
        run_after: row.run_after.0,
        start_date: start,
        end_date: end,
        duration: start.zip(end).map(|(start, end)| end.duration_since(start).as_secs_f64()),
        state: Some(row.state).filter(|state| state != TaskInstanceState::None.as_str()),
        try_number: count(row.try_number),
        max_tries: count(row.max_tries - 1),
        hostname: None,
        unixname: None,
        pool: row.pool,
        pool_slots: count(row.pool_slots),
        queue: Some(DEFAULT_QUEUE.to_owned()),
        priority_weight: Some(row.priority_weight),
        operator: Some(row.operator.clone()),
        operator_name: Some(row.operator),
        queued_when: row.queued_at.map(|at| at.0),
        scheduled_when: row.scheduled_at.map(|at| at.0),
        pid: row.pid,
        executor: None,
        executor_config: "{}".to_owned(),
        note: None,
        rendered_map_index: row.rendered_map_index,
        rendered_fields: serde_json::Map::new(),
        trigger: None,
        triggerer_job: None,
    }
}

/// A task that a run gets with a newer version of its DAG, before it has it.
pub(super) fn not_yet(run: &DagRun, task_id: String) -> TaskInstance {
    let key = format!("flowctl task_instance {} {} {task_id}", run.dag_id, run.dag_run_id);
    TaskInstance {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()).to_string(),
        dag_version: run.dag_versions.first().cloned(),
        task_display_name: task_id.clone(),
        dag_display_name: run.dag_id.clone(),
        task_id,
        dag_id: run.dag_id.clone(),
        dag_run_id: run.dag_run_id.clone(),
        map_index: -1,
        logical_date: run.logical_date,
        run_after: run.run_after,
        start_date: None,
        end_date: None,
        duration: None,
        state: None,
        try_number: 0,
        max_tries: 0,
        hostname: None,
        unixname: None,
        pool: model::pool::DEFAULT_POOL.to_owned(),
        pool_slots: 1,
        queue: Some(DEFAULT_QUEUE.to_owned()),
        priority_weight: None,
        operator: None,
        operator_name: None,
        queued_when: None,
        scheduled_when: None,
        pid: None,
        executor: None,
        executor_config: "{}".to_owned(),
        note: None,
        rendered_map_index: None,
        rendered_fields: serde_json::Map::new(),
        trigger: None,
        triggerer_job: None,
    }
}

/// The row has no UUID: one that is made from its key is the same for as long as the row is.
fn id(row: &TaskInstanceRow) -> Uuid {
    let key = format!("flowctl task_instance {} {} {}", row.dag_run_id, row.task_index, row.map_index);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes())
}

fn version(row: &TaskInstanceRow) -> DagVersionRow {
    DagVersionRow {
        uuid: row.version_uuid,
        version_number: row.version_number,
        dag_id: row.dag_id.clone(),
        created_at: row.version_created_at,
    }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
