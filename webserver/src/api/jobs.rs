//! `/jobs`: the processes of the deployment.

use api::{HttpError, Job, JobCollection};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store::read::api::{JobFilter, JobRow};
use utoipa::IntoParams;

use super::Api;
use super::error::ApiResult;
use super::extract::{Query, flag};
use super::listing::{When, bounds, listing};

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsQuery {
    /// Entries at most: 50 if it is not given, never more than 100.
    limit: Option<u32>,
    /// Entries to leave out before them.
    offset: Option<u32>,
    /// When it started.
    start_date_gte: Option<When>,
    start_date_gt: Option<When>,
    start_date_lte: Option<When>,
    start_date_lt: Option<When>,
    /// When it stopped.
    end_date_gte: Option<When>,
    end_date_gt: Option<When>,
    end_date_lte: Option<When>,
    end_date_lt: Option<When>,
    /// running, success or failed.
    job_state: Option<String>,
    /// `SchedulerJob`, `TriggererJob` or `DagProcessorJob`.
    job_type: Option<String>,
    /// On this machine.
    hostname: Option<String>,
    /// `LocalExecutor`.
    executor_class: Option<String>,
    /// Whether it was heard of in the last 30 s and has not stopped.
    #[serde(default, deserialize_with = "flag")]
    is_alive: Option<bool>,
    /// `id`, `dag_id`, `state`, `job_type`, `start_date`, `end_date`, `latest_heartbeat`, `executor_class`,
    /// `hostname`, `unixname`; descending after a `-`.
    #[serde(default)]
    order_by: Vec<String>,
}

/// A page of what the processes of the deployment do: a scheduler is a triggerer too, and usually a DAG processor.
#[utoipa::path(get, path = "/jobs", tag = "Job", params(JobsQuery),
    responses((status = 200, body = JobCollection), (status = 400, body = HttpError)))]
pub(super) async fn get_jobs(State(api): State<Api>, Query(query): Query<JobsQuery>) -> ApiResult<Json<JobCollection>> {
    let filter = JobFilter {
        state: query.job_state,
        job_type: query.job_type,
        hostname: query.hostname,
        executor_class: query.executor_class,
        is_alive: query.is_alive,
        started_at: bounds(query.start_date_gte, query.start_date_gt, query.start_date_lte, query.start_date_lt),
        ended_at: bounds(query.end_date_gte, query.end_date_gt, query.end_date_lte, query.end_date_lt),
    };
    let page = api.store.api_jobs(&filter, &listing(query.limit, query.offset, &query.order_by)).await?;
    Ok(Json(JobCollection { jobs: page.rows.into_iter().map(wire).collect(), total_entries: page.total }))
}

fn wire(row: JobRow) -> Job {
    Job {
        id: row.id,
        dag_id: None,
        state: Some(row.state),
        job_type: Some(row.job_type),
        start_date: Some(row.started_at.0),
        end_date: row.ended_at.map(|at| at.0),
        latest_heartbeat: Some(row.heartbeat_at.0),
        executor_class: row.executor_class,
        hostname: Some(row.hostname),
        unixname: None,
        dag_display_name: None,
    }
}
