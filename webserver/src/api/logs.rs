//! `…/logs/{try_number}`.

use std::path::PathBuf;

use api::{HttpError, LogContent, LogMessage};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::Stream;
use model::log_path::log_path;
use model::state::TaskInstanceState;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::error::{ApiError, ApiResult};
use super::extract::{Path, Query, flag};
use super::versions::accepts;
use super::{Api, missing, task_instances};
use crate::log::{Chunk, Line, read};

/// With NDJSON: pass it back as `token` for what follows; absent when nothing will.
const CONTINUATION: &str = "airflow-continuation-token";

/// Of which element, from where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Of this element of a mapped task; −1, the default, when it is not mapped.
    map_index: Option<i32>,
    /// The `continuation_token` of the answer before.
    token: Option<String>,
    /// All of it in one answer, however long it is.
    #[serde(default, deserialize_with = "flag")]
    full_content: Option<bool>,
}

/// Where an answer ended. Airflow signs it; here it holds nothing that its holder may not choose.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    log_pos: u64,
}

impl Position {
    fn read(token: Option<&str>) -> ApiResult<Self> {
        let Some(token) = token else { return Ok(Self::default()) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| ApiError::bad_request("Bad Signature. Please use only the tokens provided by the API."))
    }

    fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The log of an attempt: as JSON with a token while more may follow, or as lines of JSON when `Accept` says
/// `application/x-ndjson`.
#[utoipa::path(get, path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}",
    tag = "Task Instance", params(("dag_id" = String, Path), ("dag_run_id" = String, Path),
        ("task_id" = String, Path), ("try_number" = u32, Path), LogQuery),
    responses((status = 200, content((LogContent = "application/json"), (LogMessage = "application/x-ndjson"))),
        (status = 400, body = HttpError), (status = 404, body = HttpError)))]
pub(super) async fn get_log(
    State(api): State<Api>,
    Path((dag_id, run_id, task_id, try_number)): Path<(String, String, String, u32)>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let position = Position::read(query.token.as_deref())?;
    let map_index = query.map_index.unwrap_or(-1);
    // The state before the file: an attempt that has ended by now has written all its lines.
    let row = task_instances::load(&api, &dag_id, &run_id, &task_id, map_index).await?;
    let newest = u32::try_from(row.try_number).unwrap_or(0);
    if try_number == 0 || try_number > newest {
        return Err(missing::task_instance(&dag_id, &run_id, &task_id, map_index));
    }
    let is_going_on = try_number == newest && row.state.parse().is_ok_and(TaskInstanceState::holds_slot);
    let path = log_path(&api.home, &dag_id, &run_id, &task_id, map_index, try_number);
    if accepts(&headers, "application/x-ndjson") {
        return stream(path, position, is_going_on).await;
    }
    let mut chunk = part(&path, position.log_pos).await?;
    while query.full_content == Some(true) && !chunk.is_end {
        let next = part(&path, chunk.next_offset).await?;
        chunk.lines.extend(next.lines);
        (chunk.next_offset, chunk.is_end) = (next.next_offset, next.is_end);
    }
    let token = || Position { log_pos: chunk.next_offset }.token();
    let continuation_token = (is_going_on || !chunk.is_end).then(token);
    let content = chunk.lines.into_iter().map(wire).collect();
    Ok(Json(LogContent { content, continuation_token }).into_response())
}

async fn part(path: &std::path::Path, offset: u64) -> ApiResult<Chunk> {
    read(path, Some(offset)).await.map_err(|problem| ApiError::internal("the log cannot be read", &problem))
}

/// While the attempt goes on: a part, with a token for the rest. Once it has ended: all that is left.
async fn stream(path: PathBuf, from: Position, is_going_on: bool) -> ApiResult<Response> {
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    let first = part(&path, from.log_pos).await?;
    if !is_going_on {
        return Ok((kind, Body::from_stream(rest(path, first))).into_response());
    }
    let token = [(CONTINUATION, Position { log_pos: first.next_offset }.token())];
    Ok((kind, token, ndjson(first.lines)).into_response())
}

/// A part and all that follow it, one after the other.
fn rest(path: PathBuf, first: Chunk) -> impl Stream<Item = std::io::Result<Bytes>> {
    futures::stream::try_unfold((path, Some(first)), |(path, chunk)| async move {
        let Some(chunk) = chunk else { return Ok(None) };
        let next = if chunk.is_end { None } else { Some(read(&path, Some(chunk.next_offset)).await?) };
        Ok(Some((ndjson(chunk.lines), (path, next))))
    })
}

fn ndjson(lines: Vec<Line>) -> Bytes {
    let mut bytes = Vec::new();
    for line in lines {
        // Three texts always become JSON.
        let _ = serde_json::to_writer(&mut bytes, &wire(line));
        bytes.push(b'\n');
    }
    Bytes::from(bytes)
}

fn wire(line: Line) -> LogMessage {
    LogMessage {
        timestamp: line.ts.parse().ok(),
        event: line.text,
        logger: Some(line.stream).filter(|stream| !stream.is_empty()),
    }
}
