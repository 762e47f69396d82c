//! `…/waiting`: why things do not run. flowctl's own.

use api::{DagRunWaiting, HttpError, TaskInstanceWaiting};
use axum::Json;
use axum::extract::State;
use model::dag::Dag;
use model::ids::DagRunKey;

use super::error::{ApiError, ApiResult};
use super::extract::Path;
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
    let run = api.store.pages_run(&dag_id, &run_id).await.map_err(store::read::api::ReadError::from)?;
    let run = run.ok_or_else(|| missing::dag_run(&dag_id, &run_id))?;
    let dag: Dag = serde_json::from_value(run.spec.clone())
        .map_err(|problem| ApiError::internal(&format!("the version of DAG `{dag_id}` cannot be read"), &problem))?;
    let rows = api.store.pages_task_instances(run.id).await.map_err(store::read::api::ReadError::from)?;
    let states = states_by_task(&dag, &rows);
    let waits = api.store.waits(DagRunKey(run.id)).await.map_err(store::read::api::ReadError::from)?;
    let contention = why::contention(&api.store, &run, &dag, &rows).await.map_err(store::read::api::ReadError::from)?;
    let why = Why::new(&dag, &run, &states, &rows, &contention, api.limits, (api.clock)()).with_waits(waits);
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
    Ok(Json(DagRunWaiting {
        task_instances: told.collect(),
        reason: waiting.as_ref().map(ToString::to_string).or(run.reason),
        dag_run: waiting,
    }))
}
