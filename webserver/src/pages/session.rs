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
use crate::access::form;
use crate::client_address;
use crate::doors::{ActionError, LoggedIn, form_token, made_token};

/// The cookie that carries a session's token.
pub const COOKIE: &str = "flowctl_session";
/// The cookie that the login form's token belongs to: there is no session yet.
const FORM_COOKIE: &str = "flowctl_login";
/// Where that one is sent.
const LOGIN: &str = "/login";

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

/// A browser that is not logged in yet: its cookies, and whether they may only be sent over https, because that is what
/// people use.
pub(super) struct Browser {
    pub(super) jar: CookieJar,
    pub(super) is_secure: bool,
}

impl FromRequestParts<Pages> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Infallible> {
        // Whoever says so: it can only keep the cookie from a connection that everybody can read.
        let is_forwarded = parts.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let is_secure = is_forwarded || pages.doors.is_https();
        Ok(Self { jar: CookieJar::from_headers(&parts.headers), is_secure })
    }
}

impl Browser {
    /// A cookie of ours. Lax: an identity provider leads the browser back here, which is a visit from another site.
    pub(super) fn cookie(&self, name: &'static str, value: String, path: &'static str) -> Cookie<'static> {
        let cookie = Cookie::build((name, value)).path(path).http_only(true);
        cookie.same_site(SameSite::Lax).secure(self.is_secure).build()
    }

    /// What the cookie of the login form says; none: the form was loaded elsewhere, or not at all.
    fn form_token(&self) -> Option<String> {
        self.jar.get(FORM_COOKIE).map(|cookie| form_token(cookie.value()))
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    version: String,
    next: String,
    username: String,
    problem: String,
    /// What the form carries, as HTML.
    form_token: String,
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
pub(super) async fn show(State(pages): State<Pages>, browser: Browser, Query(query): Query<LoginQuery>) -> Response {
    let form = login_page(&pages, query.next, String::new(), String::new());
    respond(LoginPage { has_left_provider: query.left == "provider", ..form }, browser, StatusCode::OK)
}

fn login_page(pages: &Pages, next: String, username: String, problem: String) -> LoginPage {
    LoginPage {
        version: pages.version.clone(),
        provider: pages.doors.oidc().map(|oidc| oidc.settings().label.clone()).unwrap_or_default(),
        provider_href: format!("/login/oidc?next={}", segment(&next)),
        next,
        username,
        problem,
        form_token: String::new(),
        has_left_provider: false,
    }
}

/// The page with the token of its form. A browser keeps the cookie of it that it has: it may show the form twice.
fn respond(page: LoginPage, mut browser: Browser, status: StatusCode) -> Response {
    if browser.jar.get(FORM_COOKIE).is_none() {
        let cookie = browser.cookie(FORM_COOKIE, made_token(), LOGIN);
        browser.jar = browser.jar.add(cookie);
    }
    let page = LoginPage { form_token: form::field(&browser.form_token().unwrap_or_default()), ..page };
    match page.render() {
        // The token is of this browser.
        Ok(html) => (status, browser.jar, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(problem) => PageError::from(problem).into_response(),
    }
}

/// The login form with what went wrong.
pub(super) fn login_problem(pages: &Pages, browser: Browser, problem: String, status: StatusCode) -> Response {
    respond(login_page(pages, String::new(), String::new(), problem), browser, status)
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    form_token: String,
}

/// Checks the password and sets the cookie.
pub(super) async fn log_in(
    State(pages): State<Pages>,
    browser: Browser,
    extensions: Extensions,
    Form(given): Form<Credentials>,
) -> Response {
    if !browser.form_token().is_some_and(|token| form::is_token(&given.form_token, &token)) {
        let problem = "This form was loaded in another browser, or this one keeps no cookies. Log in with this one.";
        let page = login_page(&pages, given.next, given.username, problem.to_owned());
        return respond(page, browser, StatusCode::FORBIDDEN);
    }
    match pages.doors.log_in(&given.username, given.password, client_address::of(&extensions)).await {
        Ok(Some(token)) => welcome(&pages, browser, token, local(&given.next)).await,
        Ok(None) => {
            let problem = "User name or password is wrong.".to_owned();
            respond(login_page(&pages, given.next, given.username, problem), browser, StatusCode::UNAUTHORIZED)
        }
        Err(problem) => {
            let form = login_page(&pages, given.next, given.username, problem.to_string());
            respond(form, browser, problem.status())
        }
    }
}

/// Gives a browser its new session, in place of the one that it had, and leads it on.
pub(super) async fn welcome(pages: &Pages, browser: Browser, token: String, next: &str) -> Response {
    if let Some(old) = browser.jar.get(COOKIE)
        && let Err(problem) = pages.doors.log_out(old.value()).await
    {
        return PageError::from(problem).into_response();
    }
    let cookie = browser.cookie(COOKIE, token, "/");
    (browser.jar.remove(Cookie::build(FORM_COOKIE).path(LOGIN)).add(cookie), Redirect::to(next)).into_response()
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
