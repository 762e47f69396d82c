//! What a refused request is answered with: Airflow's (`FastAPI`'s) bodies.

use api::{BulkError, Detail, HttpError};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::read::api::ReadError;

use crate::doors::ActionError;

/// A refusal: its status and its `detail`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    status: StatusCode,
    detail: Detail,
}

impl ApiError {
    fn text(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: Detail::Text(detail.into()) }
    }

    /// What was asked for cannot be done with what was given.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, detail)
    }

    /// Nobody is logged in.
    pub(super) fn not_authenticated(detail: &'static str) -> Self {
        Self::text(StatusCode::UNAUTHORIZED, detail)
    }

    /// The role does not allow it.
    pub(super) fn forbidden() -> Self {
        Self::text(StatusCode::FORBIDDEN, "Forbidden")
    }

    /// It does not exist.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::NOT_FOUND, detail)
    }

    /// It contradicts the state of what it is about.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::CONFLICT, detail)
    }

    /// The body has more bytes than this.
    pub(super) fn too_large(most: usize) -> Self {
        Self::text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} bytes"))
    }

    /// None of the forms that the request accepts can be given.
    pub(super) fn not_acceptable(detail: &'static str) -> Self {
        Self::text(StatusCode::NOT_ACCEPTABLE, detail)
    }

    /// Airflow can do it and flowctl cannot; the detail says why, or what to use instead.
    pub(super) fn not_implemented(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::NOT_IMPLEMENTED, detail)
    }

    /// The path exists, but not with this method.
    pub(super) fn method_not_allowed() -> Self {
        Self::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }

    /// The body is neither JSON nor a form.
    pub(super) fn unsupported_media_type() -> Self {
        Self::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type: send application/json")
    }

    /// What a door says, in its own words.
    pub(super) fn of_door(error: &ActionError) -> Self {
        Self::text(error.status(), error.to_string())
    }

    /// The same in other words, when it says that something does not exist.
    pub(super) fn or_if_not_found(self, other: impl FnOnce() -> Self) -> Self {
        if self.status == StatusCode::NOT_FOUND { other() } else { self }
    }

    /// As one of several refusals.
    pub(super) fn into_bulk(self) -> BulkError {
        BulkError { error: self.detail.to_string(), status_code: self.status.as_u16() }
    }

    /// What is stored or kept in files cannot be read.
    pub(super) fn internal(what: &str, problem: &dyn std::error::Error) -> Self {
        tracing::error!(error = %problem, "{what}");
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{what}; the server's log says why"))
    }

    /// The database holds a question to people that this version cannot read.
    pub(super) fn unreadable_question() -> Self {
        tracing::error!("a question to people in the database cannot be read");
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, "a question in the database cannot be read")
    }

    /// A value at a place (`["query", "limit"]`) that does not have the right form.
    pub(super) fn unprocessable(kind: &str, place: &[Value], message: &str) -> Self {
        let detail = json!([{ "type": kind, "loc": place, "msg": message }]);
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: Detail::Structured(detail) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(HttpError { detail: self.detail })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::OrderBy { .. } | ReadError::Value(_) | ReadError::Cursor(_) => {
                Self::bad_request(error.to_string())
            }
            ReadError::Database(source) => {
                tracing::error!(error = %source, "a request could not be answered from the database");
                Self::text(StatusCode::SERVICE_UNAVAILABLE, "the database did not answer; try again")
            }
        }
    }
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Forbidden(_) => Self::forbidden(),
            ActionError::NotFound(detail) => Self::not_found(detail),
            ActionError::Conflict(detail) => Self::conflict(detail),
            ActionError::Exists(message) => Self {
                status: StatusCode::CONFLICT,
                detail: Detail::Structured(json!({
                    "reason": "Unique constraint violation", "statement": "hidden", "orig_error": "hidden",
                    "message": message,
                })),
            },
            ActionError::Invalid(detail) => Self::bad_request(detail),
            ActionError::TooMany(detail) => Self::text(StatusCode::TOO_MANY_REQUESTS, detail),
            ActionError::Unavailable(detail) => Self::text(StatusCode::SERVICE_UNAVAILABLE, detail),
        }
    }
}

/// What a handler gives.
pub(super) type ApiResult<T> = Result<T, ApiError>;
