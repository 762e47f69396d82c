//! One's own tokens, and one's sessions.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::format::Moment;
use super::{PageError, Pages, Shell, page};
use crate::access::Role;
use crate::doors::{LoggedIn, TokenWish};

struct Row {
    name: String,
    role: String,
    created: Moment,
    used: Option<Moment>,
    expires: Moment,
    revoke_href: String,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    shell: Shell,
    rows: Vec<Row>,
    /// Those that a token may have, the greatest first.
    roles: Vec<String>,
    /// The token that was just made; told once.
    made: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
) -> Result<Response, PageError> {
    render(&pages, &who, String::new()).await
}

async fn render(pages: &Pages, who: &LoggedIn, made: String) -> Result<Response, PageError> {
    let shell = Shell::load(pages, who, "tokens", String::new()).await?;
    let row = |token: store::access_token::TokenRow| Row {
        role: token.role.unwrap_or_default(),
        created: Moment(token.created_at),
        used: token.last_used_at.map(Moment),
        expires: Moment(token.expires_at),
        revoke_href: format!("/tokens/{}/revoke", token.id),
        name: token.name,
    };
    let rows = pages.doors.tokens(who).await?.into_iter().map(row).collect();
    let html = page(&TokensPage { shell, rows, roles: roles(&who.role), made })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], html).into_response())
}

/// The roles that a token of somebody may have.
fn roles(owner: &str) -> Vec<String> {
    let lesser = |of_owner: Role| Role::ALL.into_iter().rev().filter(move |role| *role <= of_owner);
    match Role::named(owner) {
        Some(of_owner) => lesser(of_owner).map(|role| role.as_str().to_owned()).collect(),
        None => vec![owner.to_owned()],
    }
}

/// The form.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    name: String,
    role: String,
    days: u32,
}

/// Makes a token and tells it, this once.
pub(super) async fn create(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Form(form): Form<TokenForm>,
) -> Result<Response, PageError> {
    let wish = TokenWish { name: form.name, role: Some(form.role), days: Some(form.days) };
    let (_, token, _) = pages.doors.create_token(&who, &wish).await?;
    render(&pages, &who, token).await
}

/// Revokes a token.
pub(super) async fn revoke(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(id): Path<i64>,
) -> Result<Redirect, PageError> {
    pages.doors.revoke_token(&who, id).await?;
    Ok(Redirect::to("/tokens"))
}

/// Ends all sessions of whoever asks, this one too.
pub(super) async fn log_out_everywhere(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
) -> Result<Redirect, PageError> {
    pages.doors.log_out_everywhere(&who).await?;
    Ok(Redirect::to("/login"))
}
