//! `…/wait`: a run's states as lines of JSON, until it has ended.

use std::convert::Infallible;
use std::time::Duration;

use api::{DagRunWait, HttpError};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use model::ids::DagRunKey;
use model::state::DagRunState;
use serde::Deserialize;
use store::read::api::RunState;
use tokio::time::Instant;
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query};
use super::versions::accepts;
use super::{Api, missing};
use crate::pages::RunNews;
use crate::serve::Live;

/// However many hints come in, the database is asked at most so often.
const COALESCE: Duration = Duration::from_millis(50);
/// A hint can be lost: the database is asked at least so often.
const MAX_INTERVAL: f64 = 60.0;

/// How to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Seconds between two lines at most (default 1); a change of the state is told at once.
    interval: Option<f64>,
    /// Tasks whose `return_value` the last line has.
    #[serde(default)]
    result: Vec<String>,
}

struct Waiter {
    api: Api,
    dag_id: String,
    run_id: String,
    interval: Duration,
    result: Vec<String>,
    news: RunNews,
    /// What was told last, and when.
    told: Option<(String, Instant)>,
}

/// Waits for a run: one line of JSON when its state changes and at each interval; the stream ends with the run.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/wait", tag = "DagRun",
    params(("dag_id" = String, Path), ("dag_run_id" = String, Path), WaitQuery),
    responses((status = 200, body = DagRunWait, content_type = "application/x-ndjson"),
        (status = 404, body = HttpError), (status = 422, body = HttpError)))]
pub(super) async fn wait_dag_run(
    State(api): State<Api>,
    Path((dag_id, run_id)): Path<(String, String)>,
    Query(query): Query<WaitQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let seconds = query.interval.unwrap_or(1.0);
    if !seconds.is_finite() || seconds <= 0.0 {
        let place = [serde_json::json!("query"), serde_json::json!("interval")];
        return Err(ApiError::unprocessable("greater_than", &place, "Input should be greater than 0"));
    }
    let run = api.store.api_dag_run_state(&dag_id, &run_id).await?.ok_or_else(|| missing::dag_run(&dag_id, &run_id))?;
    let news = api.hub.of_run(DagRunKey(run.id));
    let interval = Duration::from_secs_f64(seconds.min(MAX_INTERVAL));
    let waiter = Waiter { api, dag_id, run_id, interval, result: query.result, news, told: None };
    let lines = Body::from_stream(lines(waiter));
    if accepts(&headers, "application/x-ndjson") {
        return Ok((Live, [(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response());
    }
    // Airflow names no type, and its Python client reads nothing else: it knows JSON and text.
    Ok((Live, lines).into_response())
}

fn lines(waiter: Waiter) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(Some(waiter), |waiter| async move {
        let mut waiter = waiter?;
        let (line, is_last) = waiter.next().await?;
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        Some((Ok(Bytes::from(bytes)), (!is_last).then_some(waiter)))
    })
}

impl Waiter {
    /// The next line, and whether it is the last; none when the run is gone or the database does not answer.
    async fn next(&mut self) -> Option<(DagRunWait, bool)> {
        loop {
            let run = self.look().await?;
            let is_last = run.state.parse().is_ok_and(DagRunState::is_finished);
            let due = self.told.as_ref().map(|(_, at)| *at + self.interval);
            let is_news = self.told.as_ref().is_none_or(|(state, _)| *state != run.state);
            if is_news || due.is_some_and(|due| due <= Instant::now()) {
                self.told = Some((run.state.clone(), Instant::now()));
                let results = if is_last && !self.result.is_empty() {
                    self.api.store.api_results(run.id, &self.result).await.ok()
                } else {
                    None
                };
                return Some((DagRunWait { state: run.state, results }, is_last));
            }
            tokio::time::sleep(COALESCE).await;
            let next_line = due.unwrap_or_else(Instant::now);
            // Whatever the hint says, or when it is time for a line: look.
            let _ = tokio::time::timeout_at(next_line, self.news.state()).await;
        }
    }

    async fn look(&self) -> Option<RunState> {
        match self.api.store.api_dag_run_state(&self.dag_id, &self.run_id).await {
            Ok(run) => run,
            Err(error) => {
                tracing::warn!(error = %error, dag.id = self.dag_id, run.id = self.run_id, "nobody waits for the run any more");
                None
            }
        }
    }
}
