//! Airflow's words for what does not exist.

use super::Api;
use super::error::{ApiError, ApiResult};
use crate::doors::ActionError;
use store::read::api::Window;

/// No such DAG.
pub(super) fn dag(dag_id: &str) -> ApiError {
    ApiError::not_found(format!("The Dag with ID: `{dag_id}` was not found"))
}

/// No such version of a DAG.
pub(super) fn dag_version(dag_id: &str, number: i32) -> ApiError {
    ApiError::not_found(format!("The DagVersion with dag_id: `{dag_id}` and version_number: `{number}` was not found"))
}

/// No such run.
pub(super) fn dag_run(dag_id: &str, run_id: &str) -> ApiError {
    ApiError::not_found(format!("The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found"))
}

/// No such task instance.
pub(super) fn task_instance(dag_id: &str, run_id: &str, task_id: &str, map_index: i32) -> ApiError {
    let element = if map_index < 0 { String::new() } else { format!(" and map_index: `{map_index}`") };
    ApiError::not_found(format!(
        "The Task Instance with dag_id: `{dag_id}`, run_id: `{run_id}` and task_id: `{task_id}`{element} was not found"
    ))
}

/// No such pool.
pub(super) fn pool(name: &str) -> ApiError {
    ApiError::not_found(format!("The Pool with name: `{name}` was not found"))
}

/// No such variable.
pub(super) fn variable(key: &str) -> ApiError {
    ApiError::not_found(format!("The Variable with key: `{key}` was not found"))
}

/// No such connection.
pub(super) fn connection(id: &str) -> ApiError {
    ApiError::not_found(format!("The Connection with connection_id: `{id}` was not found"))
}

/// What a door says, with Airflow's words when the thing itself does not exist.
pub(super) fn or(missing: ApiError) -> impl FnOnce(ActionError) -> ApiError {
    move |error| match error {
        ActionError::NotFound(_) => missing,
        error => error.into(),
    }
}

/// Refuses an empty list of a DAG, or of a run, that does not exist. Asked only where the list itself did not look, so that
/// it costs two statements.
pub(super) async fn check<T>(
    api: &Api,
    dag_id: Option<&str>,
    run_id: Option<&str>,
    found: &Window<T>,
) -> ApiResult<()> {
    let exists = match (found.total, found.owner_exists, dag_id, run_id) {
        (1.., ..) | (_, _, None, _) => true,
        (_, Some(exists), ..) => exists,
        (_, None, Some(dag_id), None) => api.store.api_dag_exists(dag_id).await?,
        (_, None, Some(dag_id), Some(run_id)) => api.store.api_dag_run_state(dag_id, run_id).await?.is_some(),
    };
    match (dag_id, run_id) {
        (Some(dag_id), None) if !exists => Err(dag(dag_id)),
        (Some(dag_id), Some(run_id)) if !exists => Err(dag_run(dag_id, run_id)),
        _ => Ok(()),
    }
}

/// Refuses an empty list of a DAG that does not exist. Asked only then, so that a list costs two statements.
pub(super) async fn check_dag(api: &Api, dag_id: Option<&str>, total: u64) -> ApiResult<()> {
    match dag_id {
        Some(dag_id) if total == 0 && !api.store.api_dag_exists(dag_id).await? => Err(dag(dag_id)),
        _ => Ok(()),
    }
}

/// Refuses an empty list of a run that does not exist.
pub(super) async fn check_dag_run(api: &Api, ids: Option<(&str, &str)>, total: u64) -> ApiResult<()> {
    match ids {
        Some((dag_id, run_id)) if total == 0 && api.store.api_dag_run_state(dag_id, run_id).await?.is_none() => {
            Err(dag_run(dag_id, run_id))
        }
        _ => Ok(()),
    }
}
