//! `…/taskInstances`: lists and single ones.

use api::{DagRun, HttpError, TaskInstance, TaskInstanceCollection};
use axum::Json;
use axum::extract::{Extension, State};
use model::log_path::log_path;
use model::state::TaskInstanceState;
use serde::Deserialize;
use store::read::api::{DagVersionRow, Listing, TaskInstanceFilter, TaskInstanceRow, Window};
use utoipa::IntoParams;
use uuid::Uuid;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query, words};
use super::listing::{When, cursor, listing, pattern, times, tokens, unless_all};
use super::{Api, missing, versions};
use crate::doors::LoggedIn;
use crate::rendered;

/// Airflow's name of the queue of what has none.
pub(super) const DEFAULT_QUEUE: &str = "default";

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
    /// Where a page by cursor begins: empty for the first, then the `next_cursor` or `previous_cursor` of an answer.
    /// `offset` has no meaning then.
    cursor: Option<String>,
    /// Part of the task's id; `%` and `_` as in SQL, `|` between alternatives.
    task_display_name_pattern: Option<String>,
    /// How the task's id begins; no wildcards, `|` between alternatives.
    task_display_name_prefix_pattern: Option<String>,
    /// Of tasks in this group.
    task_group_id: Option<String>,
    /// Part of the DAG's id.
    dag_id_pattern: Option<String>,
    /// How the DAG's id begins.
    dag_id_prefix_pattern: Option<String>,
    /// Part of the run's name.
    run_id_pattern: Option<String>,
    /// How the run's name begins.
    run_id_prefix_pattern: Option<String>,
    /// In one of these states; `none` or `no_status` for what nobody has looked at.
    #[serde(default)]
    state: Vec<String>,
    /// Of one of these operators.
    #[serde(default)]
    operator: Vec<String>,
    /// Part of the operator's name.
    operator_name_pattern: Option<String>,
    /// How the operator's name begins.
    operator_name_prefix_pattern: Option<String>,
    /// In one of these pools.
    #[serde(default)]
    pool: Vec<String>,
    /// Part of the pool's name.
    pool_name_pattern: Option<String>,
    /// How the pool's name begins.
    pool_name_prefix_pattern: Option<String>,
    /// In one of these queues; all are in `default`.
    #[serde(default)]
    queue: Vec<String>,
    /// Part of the queue's name.
    queue_name_pattern: Option<String>,
    /// How the queue's name begins.
    queue_name_prefix_pattern: Option<String>,
    /// Of one of these executors; none names one.
    #[serde(default)]
    executor: Vec<String>,
    /// Of runs pinned to one of these numbers of versions.
    #[serde(default)]
    version_number: Vec<i32>,
    /// Part of what the element is called.
    rendered_map_index_pattern: Option<String>,
    /// How what the element is called begins.
    rendered_map_index_prefix_pattern: Option<String>,
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
    /// `id`, `state`, `duration`, `start_date`, `end_date`, `map_index`, `rendered_map_index`, `try_number`, `max_tries`,
    /// `logical_date`, `run_after`, `data_interval_start`, `data_interval_end`, `operator`, `task_id`, `task_display_name`,
    /// `dag_id`, `run_id`, `queued_when`, `scheduled_when`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

impl TaskInstancesQuery {
    fn listing(&self) -> Listing {
        listing(self.limit, self.offset, &self.order_by)
    }

    /// Its conditions, of all DAGs and runs.
    fn filter(self) -> ApiResult<TaskInstanceFilter> {
        let states: Vec<_> = self.state.iter().map(|state| state.replace("no_status", "none")).collect();
        Ok(TaskInstanceFilter {
            task_id: self.task_id,
            task_group: self.task_group_id,
            dag_id_is: pattern(self.dag_id_pattern, self.dag_id_prefix_pattern),
            run_id_is: pattern(self.run_id_pattern, self.run_id_prefix_pattern),
            task_id_is: pattern(self.task_display_name_pattern, self.task_display_name_prefix_pattern),
            operator_is: pattern(self.operator_name_pattern, self.operator_name_prefix_pattern),
            pool_is: pattern(self.pool_name_pattern, self.pool_name_prefix_pattern),
            queue_is: pattern(self.queue_name_pattern, self.queue_name_prefix_pattern),
            rendered_map_index_is: pattern(self.rendered_map_index_pattern, self.rendered_map_index_prefix_pattern),
            states: words::<TaskInstanceState>("state", &states)?,
            operators: self.operator,
            pools: self.pool,
            queues: self.queue,
            executors: self.executor,
            version_numbers: self.version_number,
            map_indexes: self.map_index,
            try_numbers: self.try_number,
            times: times!(self),
            ..TaskInstanceFilter::default()
        })
    }
}

/// A page of the task instances of a run (`~`: of all runs, of all DAGs), in the order of the DAG's tasks. They are
/// counted up to 50,000, and always beyond what was left out.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), TaskInstancesQuery),
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<TaskInstancesQuery>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let (dag_id, run_id) = (unless_all(dag_id), unless_all(run_id));
    if dag_id.is_none() && run_id.is_some() {
        return Err(ApiError::bad_request("dag_id is required when dag_run_id is specified"));
    }
    let (page, cursor) = (query.listing(), cursor(query.cursor.as_deref())?);
    let filter = TaskInstanceFilter { readable: who.scope.dag_ids(), dag_id, run_id, ..query.filter()? };
    let found = api.store.api_task_instances(&filter, &page, cursor.as_ref()).await?;
    match (filter.dag_id.as_deref(), filter.run_id.as_deref(), &filter.task_group) {
        (Some(dag_id), _, Some(group)) if found.total == 0 => check_group(&api, dag_id, group).await?,
        (dag_id, run_id, _) => missing::check(&api, dag_id, run_id, &found).await?,
    }
    Ok(Json(collection(found)))
}

/// Refuses a group that a DAG does not have.
async fn check_group(api: &Api, dag_id: &str, group: &str) -> ApiResult<()> {
    let dag = api.store.current_dag(dag_id).await.map_err(crate::doors::ActionError::from)?;
    let dag = dag.ok_or_else(|| missing::dag(dag_id))?;
    if dag.groups.iter().any(|known| known.group_id == group) {
        return Ok(());
    }
    Err(ApiError::not_found(format!("Task group {group} not found")))
}

/// A part of a list as the API tells it.
pub(super) fn collection(found: Window<TaskInstanceRow>) -> TaskInstanceCollection {
    let (next_cursor, previous_cursor) = tokens(found.next.as_ref(), found.previous.as_ref());
    TaskInstanceCollection {
        task_instances: found.rows.into_iter().map(wire).collect(),
        total_entries: found.total,
        total_entries_limit: found.total_limit,
        next_cursor,
        previous_cursor,
    }
}

/// One task instance of a task that is not mapped.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = TaskInstance), (status = 400, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn get_task_instance(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
) -> ApiResult<Json<TaskInstance>> {
    whole(&api, load(&api, &dag_id, &run_id, &task_id, -1).await?).await
}

/// A page of the elements of a mapped task.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped",
    tag = "Task Instance",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), ("task_id" = String, Path), TaskInstancesQuery),
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_mapped_task_instances(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<TaskInstancesQuery>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let (page, cursor) = (query.listing(), cursor(query.cursor.as_deref())?);
    let of_task = TaskInstanceFilter {
        dag_id: Some(dag_id.clone()),
        run_id: Some(run_id.clone()),
        task_id: Some(task_id.clone()),
        ..TaskInstanceFilter::default()
    };
    let (dag, run, task) = (of_task.dag_id.clone(), of_task.run_id.clone(), of_task.task_id.clone());
    let filter = TaskInstanceFilter { dag_id: dag, run_id: run, task_id: task, is_mapped: true, ..query.filter()? };
    let found = api.store.api_task_instances(&filter, &page, cursor.as_ref()).await?;
    // There is the task, without an element in the list, or there is none. Beyond the list only its run was looked for.
    let is_missing = match (found.total, found.owner_exists) {
        (1.., _) => false,
        (0, Some(exists)) => !exists,
        (0, None) => api.store.api_all_task_instances(&of_task).await?.is_empty(),
    };
    if is_missing {
        return Err(missing::task_instance(&dag_id, &run_id, &task_id, -1));
    }
    Ok(Json(collection(found)))
}

/// One element of a mapped task.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = TaskInstance), (status = 400, body = HttpError), (status = 404, body = HttpError),
        (status = 422, body = HttpError)))]
pub(super) async fn get_mapped_task_instance(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
) -> ApiResult<Json<TaskInstance>> {
    whole(&api, load(&api, &dag_id, &run_id, &task_id, map_index).await?).await
}

/// One task instance with what its templates became.
async fn whole(api: &Api, row: TaskInstanceRow) -> ApiResult<Json<TaskInstance>> {
    let key = rendered::key(row.dag_run_id, row.task_index, row.map_index);
    let mut instance = wire(row);
    let TaskInstance { dag_id, dag_run_id, task_id, map_index, try_number, .. } = &instance;
    let log = log_path(&api.home, dag_id, dag_run_id, task_id, *map_index, *try_number);
    instance.rendered_fields = rendered::fields(&api.store, &log, key, *try_number).await?;
    Ok(Json(instance))
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
        note: row.note,
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

/// The version that its run is pinned to.
pub(super) fn version(row: &TaskInstanceRow) -> DagVersionRow {
    DagVersionRow {
        uuid: row.version_uuid,
        version_number: row.version_number,
        dag_id: row.dag_id.clone(),
        created_at: row.version_created_at,
    }
}

/// A number that never is negative.
pub(super) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
