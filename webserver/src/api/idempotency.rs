//! `Idempotency-Key`: a POST that is repeated under the same key is answered as it was the first time.

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::idempotency::{RequestKey, RequestState};

use super::Api;
use super::error::{ApiError, ApiResult};
use crate::doors::{ActionError, LoggedIn};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key at most.
const MAX_KEY: usize = 255;
/// Bytes of a request's body at most, as elsewhere.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The request that a handler works on, if it has a key: what it creates can be tied to it.
pub(super) type OfRequest = Option<Extension<RequestKey>>;

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    content_type: Option<String>,
    body: String,
}

/// Carries a request with a key out once.
pub(super) async fn once(
    State(api): State<Api>,
    Extension(who): Extension<LoggedIn>,
    request: Request,
    next: Next,
) -> Response {
    let Some(key) = request.headers().get(KEY).filter(|_| request.method() == Method::POST).cloned() else {
        return next.run(request).await;
    };
    match begin(&api, &who, &key, request).await {
        Ok(Begun::Answered(response)) => response,
        // To the end, whether or not the client still waits: it would ask again in vain while the key is held.
        Ok(Begun::Taken(key, request)) => match tokio::spawn(carry_out(api, key, request, next)).await {
            Ok(response) => response,
            Err(panic) => ApiError::internal("the request could not be carried out", &panic).into_response(),
        },
        Err(refusal) => refusal.into_response(),
    }
}

enum Begun {
    /// By somebody before.
    Answered(Response),
    /// To be carried out.
    Taken(RequestKey, Request),
}

async fn begin(api: &Api, who: &LoggedIn, key: &HeaderValue, request: Request) -> ApiResult<Begun> {
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY).ok_or_else(|| {
        ApiError::bad_request(format!("Idempotency-Key: send 1 to {MAX_KEY} characters of ASCII without controls"))
    })?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::too_large(MAX_BODY))?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let digest = fingerprint(&parts.method, path, &body);
    let begun = api.store.begin_request(&who.username, key, &digest, (api.clock)()).await.map_err(ActionError::from)?;
    match begun {
        RequestState::New(taken) | RequestState::Again(taken) => {
            let mut request = Request::from_parts(parts, Body::from(body));
            request.extensions_mut().insert(taken);
            Ok(Begun::Taken(taken, request))
        }
        RequestState::Answered(answer) => Ok(Begun::Answered(replay(&answer)?)),
        RequestState::UnderWay => {
            Err(ApiError::conflict("a request with this Idempotency-Key is under way; ask again in a moment"))
        }
        RequestState::Another => {
            let place = [json!("header"), json!("Idempotency-Key")];
            let message = "the key stands for another request: each request needs a key of its own";
            Err(ApiError::unprocessable("idempotency_key_reused", &place, message))
        }
    }
}

fn fingerprint(method: &Method, path: &str, body: &Bytes) -> String {
    let mut hash = Sha256::new();
    // A NUL is in neither.
    hash.update(format!("{method}\0{path}\0"));
    hash.update(body);
    STANDARD.encode(hash.finalize())
}

async fn carry_out(api: Api, key: RequestKey, request: Request, next: Next) -> Response {
    let (parts, body) = next.run(request).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let now = (api.clock)();
    let kept = if is_final(parts.status) {
        let answer = Answer { status: parts.status.as_u16(), content_type, body: STANDARD.encode(&body) };
        let answer = serde_json::to_string(&answer).unwrap_or_default();
        api.store.finish_request(key, &answer, now).await
    } else {
        api.store.release_request(key, now).await
    };
    if let Err(error) = kept {
        tracing::error!(%error, "an answer could not be kept: the request will be carried out again if it is repeated");
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether asking again would bring the same: not when the server failed or was asked too often.
fn is_final(status: StatusCode) -> bool {
    (!status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS) || status == StatusCode::NOT_IMPLEMENTED
}

fn replay(answer: &str) -> ApiResult<Response> {
    let unreadable = |problem: &dyn std::error::Error| ApiError::internal("a kept answer cannot be read", problem);
    let answer: Answer = serde_json::from_str(answer).map_err(|problem| unreadable(&problem))?;
    let body = STANDARD.decode(&answer.body).map_err(|problem| unreadable(&problem))?;
    let status = StatusCode::from_u16(answer.status).map_err(|problem| unreadable(&problem))?;
    let mut response = (status, [(REPLAYED, "true")], Body::from(body)).into_response();
    if let Some(kind) = answer.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}
