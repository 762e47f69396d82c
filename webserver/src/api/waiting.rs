//! Why things do not run: `…/waiting`, flowctl's own, and `…/dependencies`, which is Airflow's.

use api::{DagRunWaiting, HttpError, TaskDependency, TaskDependencyCollection, TaskInstanceWaiting};
use axum::Json;
use axum::extract::State;
use model::dag::Dag;
use model::ids::DagRunKey;
use model::why::Waiting;
use store::read::api::ReadError;
use store::read::pages::{RunDetails, TaskInstanceRow};

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::tries::ElementQuery;
use super::{Api, missing};
use crate::why::{self, Why, states_by_task};

/// What a run and its task instances wait for, and why those that ended badly did.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/waiting", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)),
    responses((status = 200, body = DagRunWaiting), (status = 404, body = HttpError)))]
pub(super) async fn get_dag_run_waiting(
    State(api): State<Api>,
    Path((dag_id, run_id)): Path<(String, String)>,
) -> ApiResult<Json<DagRunWaiting>> {
    let waiting = told(&api, &dag_id, &run_id, |dag, run, why, rows| {
        let waiting = why.run();
        let told = rows.iter().filter_map(|row| {
            let task = usize::try_from(row.task_index).ok().and_then(|at| dag.tasks.get(at))?;
            let reason = why.task(row);
            (!reason.is_empty()).then(|| TaskInstanceWaiting {
                task_id: task.task_id.clone(),
                map_index: row.map_index,
                waiting: why.waiting(row),
                reason,
            })
        });
        DagRunWaiting {
            task_instances: told.collect(),
            reason: waiting.as_ref().map(ToString::to_string).or_else(|| run.reason.clone()),
            dag_run: waiting,
        }
    });
    waiting.await.map(Json)
}

/// What keeps a task instance from running: Airflow's names of such things, and the reasons of the scheduler.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ElementQuery),
    responses((status = 200, body = TaskDependencyCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instance_dependencies(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<ElementQuery>,
) -> ApiResult<Json<TaskDependencyCollection>> {
    dependencies(&api, &dag_id, &run_id, &task_id, query.element()).await.map(Json)
}

/// The same of an element of a mapped task.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("map_index" = i32, Path)),
    responses((status = 200, body = TaskDependencyCollection), (status = 400, body = HttpError),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn get_task_instance_dependencies_by_map_index(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, map_index)): Path<(String, String, String, i32)>,
) -> ApiResult<Json<TaskDependencyCollection>> {
    dependencies(&api, &dag_id, &run_id, &task_id, map_index).await.map(Json)
}

async fn dependencies(
    api: &Api,
    dag_id: &str,
    run_id: &str,
    task_id: &str,
    map_index: i32,
) -> ApiResult<TaskDependencyCollection> {
    let found = told(api, dag_id, run_id, |dag, _, why, rows| {
        let index = dag.index_of(task_id)?;
        let is_it = |row: &&TaskInstanceRow| {
            row.removed.is_none() && u32::try_from(row.task_index) == Ok(index.0) && row.map_index == map_index
        };
        match rows.iter().find(is_it) {
            Some(row) => Some(why.waiting(row)),
            // They come to be when the run starts.
            None if rows.is_empty() && map_index == -1 => Some(why.run().map(|reason| Waiting::DagRun { reason })),
            None => None,
        }
    });
    let missing = || missing::task_instance(dag_id, run_id, task_id, map_index);
    let waiting = found.await.map_err(|error| error.or_if_not_found(missing))?.ok_or_else(missing)?;
    let dependency = |waiting: Waiting| TaskDependency { name: name(&waiting).to_owned(), reason: waiting.to_string() };
    Ok(TaskDependencyCollection { dependencies: waiting.into_iter().map(dependency).collect() })
}

/// What Airflow calls such a thing.
const fn name(waiting: &Waiting) -> &'static str {
    match waiting {
        Waiting::DagRun { .. } => "Dagrun Running",
        Waiting::Upstream { .. } => "Trigger Rule",
        Waiting::Mapping { .. } => "Task has been mapped",
        Waiting::Past { .. } => "Previous Dagrun State",
        Waiting::RetryAt { .. } => "Not In Retry Period",
        Waiting::MaxActiveTasks { .. } => "Task Instance Slots Available",
        Waiting::MaxActiveTisPerDagrun { .. } | Waiting::MaxActiveTisPerDag { .. } => "Task Concurrency",
        Waiting::PoolFull { .. }
        | Waiting::PoolReserved { .. }
        | Waiting::PoolTooSmall { .. }
        | Waiting::PoolMissing { .. }
        | Waiting::PoolRate { .. } => "Pool Slots Available",
        Waiting::Paused => "Dag Not Paused",
        Waiting::Event { .. } => "Ready To Reschedule",
        Waiting::Executor | Waiting::Restarting | Waiting::Scheduler => "Task Instance State",
        // Airflow has no word for it.
        Waiting::Parallelism { .. } => "Parallelism",
        Waiting::Drained => "Workers Drained",
    }
}

/// Tells something of a run with what is known of why it, or a task instance of it, does not run.
async fn told<T>(
    api: &Api,
    dag_id: &str,
    run_id: &str,
    tell: impl FnOnce(&Dag, &RunDetails, &Why<'_>, &[TaskInstanceRow]) -> T,
) -> ApiResult<T> {
    let run = api.store.pages_run(dag_id, run_id).await.map_err(ReadError::from)?;
    let run = run.ok_or_else(|| missing::dag_run(dag_id, run_id))?;
    let dag: Dag = serde_json::from_value(run.spec.clone())
        .map_err(|problem| ApiError::internal(&format!("the version of DAG `{dag_id}` cannot be read"), &problem))?;
    let rows = api.store.pages_task_instances(run.id).await.map_err(ReadError::from)?;
    let states = states_by_task(&dag, &rows);
    let waits = api.store.waits(DagRunKey(run.id)).await.map_err(ReadError::from)?;
    let contention = why::contention(&api.store, &run, &dag, &rows).await.map_err(ReadError::from)?;
    let why = Why::new(&dag, &run, &states, &rows, &contention, api.limits, (api.clock)()).with_waits(waits);
    Ok(tell(&dag, &run, &why, &rows))
}
