//! What Airflow has and flowctl has not: 501, with what to use instead.

use api::HttpError;

use super::error::ApiError;

/// Not supported: `POST /connections/test` tries a connection at once.
#[utoipa::path(post, path = "/connections/enqueue-test", tag = "Connection",
    responses((status = 501, body = HttpError)))]
pub(super) async fn enqueue_connection_test() -> ApiError {
    ApiError::not_implemented("connections are not tried later: POST /connections/test tries one at once")
}

/// Not supported: `POST /connections/test` tries a connection at once.
#[utoipa::path(get, path = "/connections/enqueue-test", tag = "Connection",
    responses((status = 501, body = HttpError)))]
pub(super) async fn get_connection_test() -> ApiError {
    ApiError::not_implemented("connections are not tried later: POST /connections/test tries one at once")
}

/// Not supported: runs have no partitions.
#[utoipa::path(post, path = "/dags/{dag_id}/clearPartitions", tag = "DagRun", params(("dag_id" = String, Path)),
    responses((status = 501, body = HttpError)))]
pub(super) async fn clear_dag_run_partitions() -> ApiError {
    ApiError::not_implemented("runs have no partitions: POST /dags/{dag_id}/clearDagRuns clears runs by their names")
}
