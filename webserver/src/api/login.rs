//! `/auth/login` and `/auth/logout`: for browsers that know Airflow's addresses.

use api::HttpError;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::error::{ApiError, ApiResult};
use super::extract::Query;
use crate::access::bearer;
use crate::pages::{COOKIE, is_local};

/// Where to go after the login.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LoginQuery {
    /// A path of this server.
    next: Option<String>,
}

/// Leads to the page where one logs in.
#[utoipa::path(get, path = "/auth/login", tag = "Login", params(LoginQuery),
    responses((status = 307), (status = 400, body = HttpError)))]
pub(super) async fn log_in(Query(query): Query<LoginQuery>) -> ApiResult<Response> {
    let location = match query.next {
        None => "/login".to_owned(),
        Some(next) if is_local(&next) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
            format!("/login?{query}")
        }
        Some(_) => return Err(ApiError::bad_request("Invalid or unsafe next URL")),
    };
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

/// Revokes the token of the header and that of the browser's cookie, and leads to the page where one logs in.
#[utoipa::path(get, path = "/auth/logout", tag = "Login", responses((status = 307)))]
pub(super) async fn log_out(State(api): State<Api>, jar: CookieJar, headers: HeaderMap) -> ApiResult<Response> {
    let tokens = [bearer(&headers), jar.get(COOKIE).map(Cookie::value)];
    for token in tokens.into_iter().flatten() {
        api.doors.log_out(token).await?;
    }
    let jar = jar.remove(Cookie::build(COOKIE).path("/"));
    Ok((StatusCode::TEMPORARY_REDIRECT, jar, [(header::LOCATION, "/login")]).into_response())
}
