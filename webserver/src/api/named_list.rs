//! `…/list` is the path of a list by body, and of a run or a task that is called `list`: their other methods are here.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::extract::{Body, Path, Query};
use super::{Api, bulk_task_instances, dag_runs, mark, mark_task, task_instances};
use crate::doors::LoggedIn;

const NAME: &str = "list";

pub(super) async fn get_dag_run(api: State<Api>, Path(dag_id): Path<String>) -> Response {
    dag_runs::get_dag_run(api, Path((dag_id, NAME.to_owned()))).await.into_response()
}

pub(super) async fn patch_dag_run(
    api: State<Api>,
    who: Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    mask: Query<mark::DagRunPatchQuery>,
    body: Body<api::DagRunPatchBody>,
) -> Response {
    mark::patch_dag_run(api, who, Path((dag_id, NAME.to_owned())), mask, body).await.into_response()
}

pub(super) async fn delete_dag_run(api: State<Api>, who: Extension<LoggedIn>, Path(dag_id): Path<String>) -> Response {
    mark::delete_dag_run(api, who, Path((dag_id, NAME.to_owned()))).await.into_response()
}

pub(super) async fn get_task_instance(api: State<Api>, Path((dag_id, run_id)): Path<(String, String)>) -> Response {
    task_instances::get_task_instance(api, Path((dag_id, run_id, NAME.to_owned()))).await.into_response()
}

pub(super) async fn patch_task_instance(
    api: State<Api>,
    who: Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    query: Query<mark_task::PatchQuery>,
    body: Body<api::PatchTaskInstanceBody>,
) -> Response {
    let path = Path((dag_id, run_id, NAME.to_owned()));
    mark_task::patch_task_instance(api, who, path, query, body).await.into_response()
}

pub(super) async fn delete_task_instance(
    api: State<Api>,
    who: Extension<LoggedIn>,
    Path((dag_id, run_id)): Path<(String, String)>,
    query: Query<super::tries::ElementQuery>,
) -> Response {
    let path = Path((dag_id, run_id, NAME.to_owned()));
    let deleted: super::error::ApiResult<Json<()>> =
        bulk_task_instances::delete_task_instance(api, who, path, query).await;
    deleted.into_response()
}
