//! Logging in and out, and how the guard refuses a person.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::format::segment;
use super::{PageError, Pages, problem};
use crate::doors::ActionError;

/// The cookie that carries a session's token.
pub const COOKIE: &str = "flowctl_session";

/// Sends who is not logged in to the login, and from there back to the page.
pub(crate) fn refuse_nobody(request: &Parts) -> Response {
    if request.method != Method::GET || request.uri.path() == "/events" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let back = request.uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::to(&format!("/login?next={}", segment(back))).into_response()
}

/// There is the address, but nothing that can be done there this way.
pub(crate) fn refuse_method() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// Any other reason.
pub(crate) fn refuse(error: ActionError, method: &Method) -> Response {
    match error {
        ActionError::Unavailable(_) if *method == Method::GET => problem::unavailable(),
        error => PageError::from(error).into_response(),
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    version: String,
    next: String,
    username: String,
    problem: String,
}

/// Where to go after the login.
#[derive(Deserialize)]
pub(super) struct LoginQuery {
    #[serde(default)]
    next: String,
}

/// The login form.
pub(super) async fn show(State(pages): State<Pages>, Query(query): Query<LoginQuery>) -> Response {
    render(&pages, query.next, String::new(), String::new(), StatusCode::OK)
}

fn render(pages: &Pages, next: String, username: String, problem: String, status: StatusCode) -> Response {
    match (LoginPage { version: pages.version.clone(), next, username, problem }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(problem) => PageError::from(problem).into_response(),
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Checks the password and sets the cookie.
pub(super) async fn log_in(
    State(pages): State<Pages>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(given): Form<Credentials>,
) -> Response {
    match pages.doors.log_in(&given.username, given.password).await {
        Ok(Some(token)) => {
            let is_https = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
            let cookie =
                Cookie::build((COOKIE, token)).path("/").http_only(true).same_site(SameSite::Lax).secure(is_https);
            (jar.add(cookie), Redirect::to(local(&given.next))).into_response()
        }
        Ok(None) => {
            let problem = "User name or password is wrong.".to_owned();
            render(&pages, given.next, given.username, problem, StatusCode::UNAUTHORIZED)
        }
        Err(problem) => render(&pages, given.next, given.username, problem.to_string(), problem.status()),
    }
}

/// Whether it is a path of this server and not of another one: `//host` and `/\host` would lead there.
pub(crate) fn is_local(next: &str) -> bool {
    next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(char::is_control)
}

fn local(next: &str) -> &str {
    if is_local(next) { next } else { "/" }
}

/// Ends the session.
pub(super) async fn log_out(State(pages): State<Pages>, jar: CookieJar) -> Response {
    if let Some(cookie) = jar.get(COOKIE)
        && let Err(problem) = pages.doors.log_out(cookie.value()).await
    {
        return PageError::from(problem).into_response();
    }
    let jar = jar.remove(Cookie::build(COOKIE).path("/"));
    (jar, [(header::CACHE_CONTROL, "no-store")], Redirect::to("/login")).into_response()
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn a_login_never_leads_to_another_server() {
        assert_eq!(local("/dags/x?tab=grid"), "/dags/x?tab=grid");
        for elsewhere in ["", "https://evil", "//evil", "/\\evil", "evil"] {
            assert_eq!(local(elsewhere), "/");
        }
    }
}
