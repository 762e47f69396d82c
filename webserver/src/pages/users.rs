//! Accounts, for admins.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use store::account::AccountRow;

use super::format::{Moment, segment};
use super::{PageError, Pages, Shell, page};
use crate::doors::LoggedIn;

struct Row {
    username: String,
    role: String,
    origin: String,
    created: Moment,
    is_disabled: bool,
    is_local: bool,
    href: String,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    shell: Shell,
    rows: Vec<Row>,
    roles: Vec<String>,
    /// Whose password was just made, and the password; told once.
    made_for: String,
    made: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
) -> Result<Response, PageError> {
    render(&pages, &who, String::new(), String::new()).await
}

async fn render(pages: &Pages, who: &LoggedIn, made_for: String, made: String) -> Result<Response, PageError> {
    let shell = Shell::load(pages, who, "users", String::new()).await?;
    let rows = pages.doors.accounts().await?.into_iter().map(row).collect();
    let roles = pages.doors.roles().await?.into_iter().map(|role| role.name).collect();
    let html = page(&UsersPage { shell, rows, roles, made_for, made })?;
    Ok(([(header::CACHE_CONTROL, "no-store")], html).into_response())
}

fn row(account: AccountRow) -> Row {
    Row {
        href: format!("/users/{}", segment(&account.username)),
        created: Moment(account.created_at),
        is_disabled: account.disabled_at.is_some(),
        is_local: account.origin == "local",
        username: account.username,
        role: account.role,
        origin: account.origin,
    }
}

/// The form of a new account.
#[derive(Deserialize)]
pub(super) struct NewUser {
    username: String,
    role: String,
}

/// Creates an account and tells its password, this once.
pub(super) async fn create(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Form(form): Form<NewUser>,
) -> Result<Response, PageError> {
    let password = pages.doors.create_account(&who, &form.username, &form.role).await?;
    render(&pages, &who, form.username, password).await
}

/// Makes a new password and tells it, this once.
pub(super) async fn reset_password(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(username): Path<String>,
) -> Result<Response, PageError> {
    let password = pages.doors.reset_password(&who, &username).await?;
    render(&pages, &who, username, password).await
}

/// The role of an account.
#[derive(Deserialize)]
pub(super) struct RoleForm {
    role: String,
}

/// Sets what an account may do.
pub(super) async fn set_role(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(username): Path<String>,
    Form(form): Form<RoleForm>,
) -> Result<Redirect, PageError> {
    pages.doors.set_role(&who, &username, &form.role).await?;
    Ok(Redirect::to("/users"))
}

/// Whether an account is kept out.
#[derive(Deserialize)]
pub(super) struct DisabledForm {
    is_disabled: bool,
}

/// Keeps an account out, or lets it in again.
pub(super) async fn set_disabled(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(username): Path<String>,
    Form(form): Form<DisabledForm>,
) -> Result<Redirect, PageError> {
    pages.doors.set_disabled(&who, &username, form.is_disabled).await?;
    Ok(Redirect::to("/users"))
}

/// Deletes an account.
pub(super) async fn delete(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(username): Path<String>,
) -> Result<Redirect, PageError> {
    pages.doors.delete_account(&who, &username).await?;
    Ok(Redirect::to("/users"))
}
