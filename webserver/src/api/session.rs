//! Who asks: the token of a header, or else a browser's cookie.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar};

use super::Api;
use super::error::ApiError;
use crate::doors::LoggedIn;
use crate::pages::COOKIE;
use crate::serve::peer;

/// Puts who is logged in into the request. Viewers may only read.
pub(super) async fn require(State(api): State<Api>, jar: CookieJar, mut request: Request, next: Next) -> Response {
    match who(&api, request.headers(), peer(request.extensions()), &jar).await {
        Ok(who) if is_read(request.method()) || who.may_change().is_ok() => {
            // The database's text has no NUL; nothing that exists is named with one.
            if request.uri().to_string().contains("%00") {
                return ApiError::bad_request("the URL contains a NUL").into_response();
            }
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Ok(_) => ApiError::forbidden().into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

const fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

async fn who(api: &Api, headers: &HeaderMap, address: Option<IpAddr>, jar: &CookieJar) -> Result<LoggedIn, ApiError> {
    let token = match headers.get(header::AUTHORIZATION) {
        Some(given) => bearer(given.to_str().unwrap_or_default()),
        None => jar.get(COOKIE).map(Cookie::value),
    };
    let token = token.ok_or_else(|| ApiError::not_authenticated("Not authenticated"))?;
    api.doors.session(token, address).await?.ok_or_else(|| ApiError::not_authenticated("Invalid or expired token"))
}

/// The token of the header `Authorization: Bearer …`.
pub(super) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
