//! How the guard refuses a program.

use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::doors::ActionError;

/// Nobody is logged in, or with a token that is not valid.
pub(crate) fn refuse_nobody(had_token: bool) -> Response {
    let detail = if had_token { "Invalid or expired token" } else { "Not authenticated" };
    ApiError::not_authenticated(detail).into_response()
}

/// There is the path, but not with this method.
pub(crate) fn refuse_method() -> Response {
    ApiError::method_not_allowed().into_response()
}

/// The address contains a NUL.
pub(crate) fn refuse_nul() -> Response {
    ApiError::bad_request("the URL contains a NUL").into_response()
}

/// Any other reason.
pub(crate) fn refuse(error: ActionError) -> Response {
    ApiError::from(error).into_response()
}
