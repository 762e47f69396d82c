//! Logging in through the identity provider.

use axum::extract::{Query, State};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::session::{Secure, local, login_problem, welcome};
use super::{Pages, problem};
use crate::client_address;
use crate::oidc::{Answer, Pending};

/// What the provider's answer must match, in the browser that began.
const COOKIE: &str = "flowctl_oidc";
/// Only what finishes the login sees it.
const PATH: &str = "/login/oidc";

/// Where to go after the login.
#[derive(Deserialize)]
pub(super) struct BeginQuery {
    #[serde(default)]
    next: String,
}

/// Sends the browser to the provider.
pub(super) async fn begin(
    State(pages): State<Pages>,
    Secure(is_secure): Secure,
    jar: CookieJar,
    Query(query): Query<BeginQuery>,
) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    match oidc.begin(local(&query.next).to_owned(), (pages.clock)()).await {
        Ok((url, pending)) => {
            let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&pending).unwrap_or_default());
            // Lax: the provider leads the browser back here, which is a visit from another site.
            let cookie =
                Cookie::build((COOKIE, text)).path(PATH).http_only(true).same_site(SameSite::Lax).secure(is_secure);
            (jar.add(cookie), Redirect::to(&url)).into_response()
        }
        Err(error) => login_problem(&pages, error.to_string(), StatusCode::BAD_GATEWAY),
    }
}

/// Where the provider sends the browser back to.
pub(super) async fn finish(
    State(pages): State<Pages>,
    Secure(is_secure): Secure,
    jar: CookieJar,
    Query(answer): Query<Answer>,
    extensions: Extensions,
) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    let pending = jar.get(COOKIE).and_then(|cookie| URL_SAFE_NO_PAD.decode(cookie.value()).ok());
    let pending = pending.and_then(|json| serde_json::from_slice::<Pending>(&json).ok());
    // Of one use, whatever comes of it.
    let jar = jar.remove(Cookie::build(COOKIE).path(PATH));
    let Some(pending) = pending else {
        let words = "This login was begun in another browser, or too long ago: begin again.".to_owned();
        return (jar, login_problem(&pages, words, StatusCode::BAD_REQUEST)).into_response();
    };
    let from = client_address::of(&extensions);
    let vouched = match oidc.finish(answer, &pending, (pages.clock)()).await {
        Ok(vouched) => vouched,
        Err(error) => return (jar, login_problem(&pages, error.to_string(), StatusCode::UNAUTHORIZED)).into_response(),
    };
    match pages.doors.let_in(&vouched, from).await {
        Ok(token) => welcome(&pages, jar, token, local(&pending.next), is_secure).await,
        Err(error) => (jar, login_problem(&pages, error.to_string(), error.status())).into_response(),
    }
}

/// Sends the browser to where the provider's own session ends.
pub(super) async fn log_out(State(pages): State<Pages>) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    match oidc.log_out((pages.clock)()).await {
        Ok(Some(url)) => Redirect::to(&url).into_response(),
        Ok(None) => login_problem(&pages, format!("{} has no logout.", oidc.settings().label), StatusCode::NOT_FOUND),
        Err(error) => login_problem(&pages, error.to_string(), StatusCode::BAD_GATEWAY),
    }
}
