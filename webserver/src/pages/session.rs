//! Logging in and out, and the door in front of all other pages.

use askama::Template;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::format::segment;
use super::{PageError, Pages, problem};
use crate::doors::ActionError;
use crate::serve::peer;

/// The cookie that carries a session's token.
pub const COOKIE: &str = "flowctl_session";

/// Puts who is logged in into the request, or sends them to the login.
pub(super) async fn require(State(pages): State<Pages>, jar: CookieJar, mut request: Request, next: Next) -> Response {
    let who = match jar.get(COOKIE) {
        Some(cookie) => pages.doors.session(cookie.value(), peer(request.extensions())).await,
        None => Ok(None),
    };
    match who {
        Ok(Some(who)) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Ok(None) if request.method() == Method::GET && request.uri().path() != "/events" => {
            let back = request.uri().path_and_query().map_or("/", |path| path.as_str());
            Redirect::to(&format!("/login?next={}", segment(back))).into_response()
        }
        Ok(None) => StatusCode::UNAUTHORIZED.into_response(),
        Err(ActionError::Unavailable(_)) if request.method() == Method::GET => problem::unavailable(),
        Err(problem) => PageError::from(problem).into_response(),
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

/// A path of this server, never another one's: `//host` and `/\host` would lead there.
fn local(next: &str) -> &str {
    let is_local = next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(char::is_control);
    if is_local { next } else { "/" }
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
