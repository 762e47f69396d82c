//! The guard in front of every route.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, CookieJar};

use super::{Needs, Permission, ROUTES};
use crate::doors::{ActionError, Doors, LoggedIn};
use crate::pages::COOKIE;
use crate::{api, client_address, pages};

/// What the guard asks.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    doors: Doors,
}

impl Guard {
    /// Over the doors of a deployment.
    pub(crate) const fn new(doors: Doors) -> Self {
        Self { doors }
    }
}

/// Why a request does not pass.
#[derive(Debug)]
enum Refusal {
    /// Nobody is logged in; whether they said to be.
    Nobody { had_token: bool },
    /// The route has no such method, but these.
    Method(Vec<&'static str>),
    /// Any other reason.
    Action(ActionError),
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        Self::Action(error)
    }
}

/// Lets a request pass that its line of the table allows, with who is logged in; answers all others.
pub(crate) async fn guard(State(guard): State<Guard>, jar: CookieJar, request: Request, next: Next) -> Response {
    // What no route has is the fallback's to answer.
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else { return next.run(request).await };
    let is_program = path.as_str().starts_with("/api/") || path.as_str().starts_with("/auth/");
    let (mut parts, body) = request.into_parts();
    let who = match check(&guard, path.as_str(), is_program, &jar, &mut parts).await {
        // The database's text has no NUL; nothing that exists is named with one.
        Ok(_) if is_program && parts.uri.to_string().contains("%00") => return api::refuse_nul(),
        Ok(Some(who)) => who,
        Ok(None) => return next.run(Request::from_parts(parts, body)).await,
        Err(refusal) if is_program => return refuse_program(refusal),
        Err(refusal) => return refuse_person(refusal, &parts),
    };
    let body = if is_program || parts.method != Method::POST {
        body
    } else {
        match super::form::of_session(body, &who.form_token).await {
            Some(body) => body,
            None => return pages::refuse_form(),
        }
    };
    parts.extensions.insert(who);
    next.run(Request::from_parts(parts, body)).await
}

async fn check(
    guard: &Guard,
    path: &str,
    is_program: bool,
    jar: &CookieJar,
    parts: &mut Parts,
) -> Result<Option<LoggedIn>, Refusal> {
    let needs = needs(path, &parts.method)?;
    if needs == Needs::Open {
        return Ok(None);
    }
    let cookie = || jar.get(COOKIE).map(Cookie::value);
    let token = match parts.headers.get(header::AUTHORIZATION) {
        Some(_) if is_program => bearer(&parts.headers),
        _ => cookie(),
    };
    let token = token.ok_or(Refusal::Nobody { had_token: false })?;
    let who = guard.doors.session(token, client_address::of(&parts.extensions)).await?;
    let mut who = who.ok_or(Refusal::Nobody { had_token: true })?;
    let dag_id = if who.grants.is_empty() { None } else { named_dag(parts).await };
    if let Some(dag_id) = &dag_id {
        guard.doors.name_dag(&mut who, dag_id).await?;
    }
    match needs {
        Needs::Open | Needs::Account => {}
        Needs::Whole(permission) => who.may(permission)?,
        Needs::Dag(permission) => who.keep_to_named(permission)?,
        Needs::Dags(permission) => guard.doors.limit(&mut who, permission).await?,
    }
    Ok(Some(who))
}

/// The DAG that the path names; `~` names none.
async fn named_dag(parts: &mut Parts) -> Option<String> {
    let names = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let dag_id = names.iter().find(|(name, _)| *name == "dag_id").map(|(_, value)| value.to_owned());
    dag_id.filter(|dag_id| dag_id != "~")
}

impl Needs {
    /// The permission, where one is needed.
    pub const fn permission(self) -> Option<Permission> {
        match self {
            Self::Open | Self::Account => None,
            Self::Dag(permission) | Self::Dags(permission) | Self::Whole(permission) => Some(permission),
        }
    }
}

/// The line of a request. One that the table does not have is refused, whether or not there is such a route.
fn needs(path: &str, method: &Method) -> Result<Needs, Refusal> {
    static LINES: LazyLock<HashMap<&str, Vec<(&str, Needs)>>> = LazyLock::new(|| {
        let mut lines: HashMap<&str, Vec<_>> = HashMap::new();
        for route in ROUTES {
            lines.entry(route.path).or_default().push((route.method, route.needs));
        }
        lines
    });
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let Some(lines) = LINES.get(path) else {
        tracing::error!(http.route = path, "a route has no line in the table of access");
        let message = format!("nothing says who may use {path}; this is a mistake in flowctl");
        return Err(ActionError::Forbidden(message).into());
    };
    match lines.iter().find(|(known, _)| *known == method) {
        Some((_, needs)) => Ok(*needs),
        None => Err(Refusal::Method(lines.iter().map(|(known, _)| *known).collect())),
    }
}

fn refuse_program(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Nobody { had_token } => api::refuse_nobody(had_token),
        Refusal::Method(methods) => with_allow(api::refuse_method(), &methods),
        Refusal::Action(error) => api::refuse(error),
    }
}

fn refuse_person(refusal: Refusal, request: &Parts) -> Response {
    match refusal {
        Refusal::Nobody { .. } => pages::refuse_nobody(request),
        Refusal::Method(methods) => with_allow(pages::refuse_method(), &methods),
        Refusal::Action(error) => pages::refuse(error, &request.method),
    }
}

fn with_allow(mut response: Response, methods: &[&'static str]) -> Response {
    if let Ok(value) = HeaderValue::from_str(&methods.join(",")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// The token of the header `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_line_is_refused_and_a_method_without_one_too() {
        assert_eq!(needs("/pools", &Method::HEAD).expect("a line"), Needs::Whole(Permission::PoolRead));
        assert!(matches!(needs("/nothing", &Method::GET), Err(Refusal::Action(ActionError::Forbidden(_)))));
        assert!(
            matches!(needs("/pools", &Method::DELETE), Err(Refusal::Method(methods)) if methods == ["GET", "POST"])
        );
    }
}
