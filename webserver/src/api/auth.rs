//! `/auth/token`.

use std::net::IpAddr;

use api::{AccessToken, HttpError, LoginBody};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::{form_body, json_body};
use crate::access::bearer;
use crate::client_address;
use crate::doors::Purpose;

/// A token for a name and a password, valid for a day.
#[utoipa::path(post, path = "/auth/token", tag = "Login", request_body(content(
    (api::LoginBody = "application/json"), (api::LoginBody = "application/x-www-form-urlencoded"))),
    responses((status = 201, body = AccessToken), (status = 401, body = HttpError), (status = 429, body = HttpError)))]
pub(super) async fn create_token(
    State(api): State<Api>,
    request: Request,
) -> ApiResult<(StatusCode, Json<AccessToken>)> {
    let from = client_address::of(request.extensions());
    issue(&api, credentials(request, &api, true).await?, Purpose::Api, from).await
}

/// The same for a command line, valid for an hour.
#[utoipa::path(post, path = "/auth/token/cli", tag = "Login", request_body = LoginBody,
    responses((status = 201, body = AccessToken), (status = 401, body = HttpError), (status = 429, body = HttpError)))]
pub(super) async fn create_token_cli(
    State(api): State<Api>,
    request: Request,
) -> ApiResult<(StatusCode, Json<AccessToken>)> {
    let from = client_address::of(request.extensions());
    issue(&api, credentials(request, &api, false).await?, Purpose::Cli, from).await
}

/// Revokes the token that the header carries.
#[utoipa::path(post, path = "/auth/logout", tag = "Login",
    responses((status = 204), (status = 401, body = HttpError)))]
pub(super) async fn log_out(State(api): State<Api>, headers: HeaderMap) -> ApiResult<StatusCode> {
    let token = bearer(&headers).ok_or_else(|| ApiError::not_authenticated("Not authenticated"))?;
    api.doors.log_out(token).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn credentials(request: Request, api: &Api, takes_form: bool) -> ApiResult<LoginBody> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = Bytes::from_request(request, api)
        .await
        .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))?;
    match kind.as_str() {
        "application/json" => json_body(&bytes),
        "application/x-www-form-urlencoded" if takes_form => form_body(&bytes),
        _ => Err(ApiError::unsupported_media_type()),
    }
}

async fn issue(
    api: &Api,
    credentials: LoginBody,
    purpose: Purpose,
    from: Option<IpAddr>,
) -> ApiResult<(StatusCode, Json<AccessToken>)> {
    let LoginBody { username, password } = credentials;
    if username.is_empty() || password.is_empty() {
        return Err(ApiError::bad_request("Username and password must be provided"));
    }
    match api.doors.issue_token(&username, password, purpose, from).await? {
        Some(access_token) => Ok((StatusCode::CREATED, Json(AccessToken { access_token }))),
        None => Err(ApiError::not_authenticated("Invalid credentials")),
    }
}
