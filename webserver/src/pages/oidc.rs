//! Logging in through the identity provider.

use axum::extract::{Query, State};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::Cookie;
use serde::Deserialize;

use super::session::{Browser, local, login_problem, welcome};
use super::{PageError, Pages, problem};
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
pub(super) async fn begin(State(pages): State<Pages>, browser: Browser, Query(query): Query<BeginQuery>) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    match oidc.begin(local(&query.next).to_owned(), (pages.clock)()).await {
        Ok((url, pending)) => match pages.doors.seal(&pending) {
            Ok(text) => {
                let cookie = browser.cookie(COOKIE, text, PATH);
                (browser.jar.add(cookie), Redirect::to(&url)).into_response()
            }
            Err(error) => PageError::from(error).into_response(),
        },
        Err(error) => login_problem(&pages, browser, error.to_string(), StatusCode::BAD_GATEWAY),
    }
}

/// Where the provider sends the browser back to.
pub(super) async fn finish(
    State(pages): State<Pages>,
    mut browser: Browser,
    Query(answer): Query<Answer>,
    extensions: Extensions,
) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    let pending: Option<Pending> = browser.jar.get(COOKIE).and_then(|cookie| pages.doors.unseal(cookie.value()));
    // Of one use, whatever comes of it.
    browser.jar = browser.jar.remove(Cookie::build(COOKIE).path(PATH));
    let Some(pending) = pending else {
        let words = "This login was begun in another browser, or too long ago: begin again.".to_owned();
        return login_problem(&pages, browser, words, StatusCode::BAD_REQUEST);
    };
    let vouched = match oidc.finish(answer, &pending, (pages.clock)()).await {
        Ok(vouched) => vouched,
        Err(error) => return login_problem(&pages, browser, error.to_string(), StatusCode::UNAUTHORIZED),
    };
    match pages.doors.let_in(&vouched, client_address::of(&extensions)).await {
        Ok(token) => welcome(&pages, browser, token, local(&pending.next)).await,
        Err(error) => login_problem(&pages, browser, error.to_string(), error.status()),
    }
}

/// Sends the browser to where the provider's own session ends.
pub(super) async fn log_out(State(pages): State<Pages>, browser: Browser) -> Response {
    let Some(oidc) = pages.doors.oidc() else { return problem::unknown().await };
    match oidc.log_out((pages.clock)()).await {
        Ok(Some(url)) => Redirect::to(&url).into_response(),
        Ok(None) => {
            let words = format!("{} has no logout.", oidc.settings().label);
            login_problem(&pages, browser, words, StatusCode::NOT_FOUND)
        }
        Err(error) => login_problem(&pages, browser, error.to_string(), StatusCode::BAD_GATEWAY),
    }
}
