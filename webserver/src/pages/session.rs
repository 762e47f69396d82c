//! Logging in and out, and how the guard refuses a person.

use std::convert::Infallible;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{Extensions, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::format::segment;
use super::{PageError, Pages, problem};
use crate::client_address;
use crate::doors::{ActionError, LoggedIn};

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

/// A form without the token of the session.
pub(crate) fn refuse_form() -> Response {
    let title = "This form is not of your session".to_owned();
    let detail = "You may have logged in again since the page was loaded, or another site sent it. Go back, load the \
                  page again, and send the form once more.";
    problem::render(StatusCode::FORBIDDEN, title, detail.to_owned())
}

/// Whether cookies may only be sent over https: it is what people use.
pub(super) struct Secure(pub(super) bool);

impl FromRequestParts<Pages> for Secure {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Infallible> {
        let is_forwarded = parts.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        Ok(Self(is_forwarded || pages.doors.is_https()))
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    version: String,
    next: String,
    username: String,
    problem: String,
    /// What the button of the identity provider calls it; empty: there is none.
    provider: String,
    provider_href: String,
    /// Somebody whom the provider vouches for has just logged out.
    has_left_provider: bool,
}

/// Where to go after the login.
#[derive(Deserialize)]
pub(super) struct LoginQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    left: String,
}

/// The login form.
pub(super) async fn show(State(pages): State<Pages>, Query(query): Query<LoginQuery>) -> Response {
    let form = login_page(&pages, query.next, String::new(), String::new());
    respond(&LoginPage { has_left_provider: query.left == "provider", ..form }, StatusCode::OK)
}

fn login_page(pages: &Pages, next: String, username: String, problem: String) -> LoginPage {
    LoginPage {
        version: pages.version.clone(),
        provider: pages.doors.oidc().map(|oidc| oidc.settings().label.clone()).unwrap_or_default(),
        provider_href: format!("/login/oidc?next={}", segment(&next)),
        next,
        username,
        problem,
        has_left_provider: false,
    }
}

fn respond(page: &LoginPage, status: StatusCode) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(problem) => PageError::from(problem).into_response(),
    }
}

/// The login form with what went wrong.
pub(super) fn login_problem(pages: &Pages, problem: String, status: StatusCode) -> Response {
    respond(&login_page(pages, String::new(), String::new(), problem), status)
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
    Secure(is_secure): Secure,
    jar: CookieJar,
    extensions: Extensions,
    Form(given): Form<Credentials>,
) -> Response {
    match pages.doors.log_in(&given.username, given.password, client_address::of(&extensions)).await {
        Ok(Some(token)) => welcome(&pages, jar, token, local(&given.next), is_secure).await,
        Ok(None) => {
            let problem = "User name or password is wrong.".to_owned();
            respond(&login_page(&pages, given.next, given.username, problem), StatusCode::UNAUTHORIZED)
        }
        Err(problem) => {
            let form = login_page(&pages, given.next, given.username, problem.to_string());
            respond(&form, problem.status())
        }
    }
}

/// Gives a browser its new session, in place of the one that it had, and leads it on.
pub(super) async fn welcome(pages: &Pages, jar: CookieJar, token: String, next: &str, is_secure: bool) -> Response {
    if let Some(old) = jar.get(COOKIE)
        && let Err(problem) = pages.doors.log_out(old.value()).await
    {
        return PageError::from(problem).into_response();
    }
    let cookie = Cookie::build((COOKIE, token)).path("/").http_only(true).same_site(SameSite::Lax).secure(is_secure);
    (jar.add(cookie), Redirect::to(next)).into_response()
}

/// Whether it is a path of this server and not of another one: `//host` and `/\host` would lead there.
pub(crate) fn is_local(next: &str) -> bool {
    next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(char::is_control)
}

/// That path, or the first page.
pub(super) fn local(next: &str) -> &str {
    if is_local(next) { next } else { "/" }
}

/// Ends the session.
pub(super) async fn log_out(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    jar: CookieJar,
) -> Response {
    if let Some(cookie) = jar.get(COOKIE)
        && let Err(problem) = pages.doors.log_out(cookie.value()).await
    {
        return PageError::from(problem).into_response();
    }
    let jar = jar.remove(Cookie::build(COOKIE).path("/"));
    let to = if who.is_vouched && pages.doors.oidc().is_some() { "/login?left=provider" } else { "/login" };
    (jar, [(header::CACHE_CONTROL, "no-store")], Redirect::to(to)).into_response()
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
