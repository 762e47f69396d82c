//! Letting task instances start over: of a run, or chosen ones.

use std::collections::BTreeSet;

use api::{
    ClearDagRunBody, ClearTaskInstancesBody, ClearedDagRun, HttpError, TaskInstance, TaskInstanceCollection,
    TaskSelector,
};
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::json;
use store::dag_run::{ClearRuns, ClearSelection, Cleared};
use store::read::api::TaskInstanceRow;

use super::error::{ApiError, ApiResult};
use super::extract::{Body, Path};
use super::{Api, dag_runs, missing, task_instances};
use crate::doors::LoggedIn;

/// Lets a run start over; a dry run (the default) says which task instances would.
#[utoipa::path(post, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/clear", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path)), request_body = ClearDagRunBody,
    responses((status = 200, body = ClearedDagRun),
        (status = 403, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn clear_dag_run(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Body(body): Body<ClearDagRunBody>,
) -> ApiResult<Json<ClearedDagRun>> {
    check_modes(body.only_failed, body.only_new)?;
    let selection = ClearSelection {
        only_failed: body.only_failed,
        only_new: body.only_new,
        on_latest_version: body.run_on_latest_version.unwrap_or(false),
        is_dry_run: body.dry_run,
        note: body.note,
        ..ClearSelection::default()
    };
    let lost = missing::or(missing::dag_run(&dag_id, &run_id));
    let runs = ClearRuns::One(run_id.clone());
    if body.dry_run {
        let found = api.doors.clear_and_read_task_instances(&who, &dag_id, &runs, &selection).await.map_err(lost)?;
        let affected = collection(affected(&api, &dag_id, found).await?);
        return Ok(Json(ClearedDagRun::WouldClear(affected)));
    }
    api.doors.clear_task_instances(&who, &dag_id, &runs, &selection).await.map_err(lost)?;
    let run = dag_runs::load(&api, &dag_id, &run_id).await?;
    Ok(Json(ClearedDagRun::Cleared(Box::new(run))))
}

/// What failed exists, and what is new does not.
pub(super) fn check_modes(only_failed: bool, only_new: bool) -> ApiResult<()> {
    if only_failed && only_new {
        let message = "only_new and only_failed are mutually exclusive";
        return Err(ApiError::unprocessable("value_error", &[json!("body")], message));
    }
    Ok(())
}

/// Lets task instances start over, of one run, of its neighbours too, or of all in a range of logical dates; a dry run
/// (the default) says which would.
#[utoipa::path(post, path = "/dags/{dag_id}/clearTaskInstances", tag = "Task Instance",
    params(("dag_id" = String, Path)), request_body = ClearTaskInstancesBody,
    responses((status = 200, body = TaskInstanceCollection), (status = 400, body = HttpError),
        (status = 403, body = HttpError), (status = 404, body = HttpError), (status = 409, body = HttpError)))]
pub(super) async fn post_clear_task_instances(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Body(body): Body<ClearTaskInstancesBody>,
) -> ApiResult<Json<TaskInstanceCollection>> {
    let runs = runs(&body)?;
    if !api.store.api_dag_exists(&dag_id).await? {
        return Err(missing::dag(&dag_id));
    }
    let task = |selector| match selector {
        TaskSelector::Task(task_id) => (task_id, None),
        TaskSelector::Element(task_id, map_index) => (task_id, Some(map_index)),
    };
    let selection = ClearSelection {
        tasks: body.task_ids.map(|tasks| tasks.into_iter().map(task).collect()),
        with_upstream: body.include_upstream,
        without_setups: false,
        with_downstream: body.include_downstream,
        only_failed: body.only_failed,
        only_running: body.only_running,
        only_new: false,
        on_latest_version: body.run_on_latest_version,
        keeps_run_state: !body.reset_dag_runs,
        refuses_running: body.prevent_running_task,
        is_dry_run: body.dry_run,
        note: body.note,
        conf: None,
    };
    // What the door does not find is the run or one of the tasks, and it says which.
    let cleared = api.doors.clear_and_read_task_instances(&who, &dag_id, &runs, &selection).await?;
    Ok(Json(TaskInstanceCollection::whole(affected(&api, &dag_id, cleared).await?)))
}

/// Airflow's rules of what goes with what.
fn runs(body: &ClearTaskInstancesBody) -> ApiResult<ClearRuns> {
    let (past, future) = (body.include_past, body.include_future);
    match &body.dag_run_id {
        Some(_) if body.start_date.is_some() || body.end_date.is_some() => {
            Err(ApiError::bad_request("Exactly one of dag_run_id or (start_date and end_date) must be provided"))
        }
        Some(run_id) if past || future => Ok(ClearRuns::Around { run_id: run_id.clone(), past, future }),
        Some(run_id) => Ok(ClearRuns::One(run_id.clone())),
        // Without a run, past and future take away the bounds of the range.
        None => {
            Ok(ClearRuns::Between { start: body.start_date.filter(|_| !past), end: body.end_date.filter(|_| !future) })
        }
    }
}

pub(super) async fn affected(
    api: &Api,
    dag_id: &str,
    (cleared, rows): (Cleared, Vec<TaskInstanceRow>),
) -> ApiResult<Vec<TaskInstance>> {
    let mut known: BTreeSet<_> = rows.iter().map(|row| (row.run_id.clone(), row.task_id.clone())).collect();
    let mut affected: Vec<_> = rows.into_iter().map(task_instances::wire).collect();
    // A dry run tells of tasks that have no task instance yet.
    for (run_id, task_id) in cleared.added {
        if known.insert((run_id.clone(), task_id.clone())) {
            let run = dag_runs::load(api, dag_id, &run_id).await?;
            affected.push(task_instances::not_yet(&run, task_id));
        }
    }
    Ok(affected)
}

pub(super) fn collection(task_instances: Vec<TaskInstance>) -> TaskInstanceCollection {
    TaskInstanceCollection::whole(task_instances)
}
