//! Variables: a list, and a form that makes or changes one. Secrets are shown as stars.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use model::mask::shown_variable;
use serde::Deserialize;
use store::read::api::{Listing, SecretFilter, VariableRow};
use store::variable::NewVariable;

use super::format::segment;
use super::pools::unread;
use super::{PageError, PageResult, Pages, Shell, page};
use crate::api::changed_variable;
use crate::doors::LoggedIn;

/// More than anybody reads; a search finds the others.
const SHOWN: u32 = 500;

/// The page's state.
#[derive(Deserialize)]
pub(super) struct VariablesQuery {
    /// The variable in the form; empty: a new one.
    edit: Option<String>,
    /// Part of the name.
    #[serde(default)]
    q: String,
}

struct Row {
    key: String,
    value: String,
    description: String,
    /// Why it cannot be read; empty: it can.
    problem: String,
    edit_href: String,
    delete_href: String,
}

/// What the form shows.
#[derive(Default)]
struct FormView {
    is_new: bool,
    key: String,
    value: String,
    description: String,
}

#[derive(Template)]
#[template(path = "variables.html")]
struct VariablesPage {
    shell: Shell,
    rows: Vec<Row>,
    total: u64,
    form: Option<FormView>,
    q: String,
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Query(query): Query<VariablesQuery>,
) -> PageResult {
    let shell = Shell::load(&pages, &who, "variables", String::new()).await?;
    let listing = Listing { limit: SHOWN, offset: 0, order_by: vec!["key".to_owned()] };
    let filter = SecretFilter { name_pattern: Some(query.q.clone()), ..SecretFilter::default() };
    let found = pages.store.api_variables(&filter, &listing).await.map_err(unread)?;
    let form = match query.edit.as_deref() {
        None => None,
        Some("") => Some(FormView { is_new: true, ..FormView::default() }),
        Some(key) => {
            let row = pages.store.api_variable(key).await.map_err(unread)?;
            let row = view(row.ok_or_else(|| PageError::NotFound(format!("variable `{key}`")))?);
            Some(FormView { is_new: false, key: row.key, value: row.value, description: row.description })
        }
    };
    let rows = found.rows.into_iter().map(view).collect();
    page(&VariablesPage { shell, rows, total: found.total, form, q: query.q })
}

fn view(row: VariableRow) -> Row {
    Row {
        problem: row.value.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        value: row.value.map(|value| shown_variable(&row.key, &value)).unwrap_or_default(),
        description: row.description.unwrap_or_default(),
        edit_href: format!("/variables?edit={}", segment(&row.key)),
        delete_href: format!("/variables/{}/delete", segment(&row.key)),
        key: row.key,
    }
}

/// The form.
#[derive(Deserialize)]
pub(super) struct VariableForm {
    key: String,
    value: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    is_new: bool,
}

/// Creates or changes a variable.
pub(super) async fn save(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Form(form): Form<VariableForm>,
) -> Result<Redirect, PageError> {
    // What browsers make of a line end.
    let value = form.value.replace("\r\n", "\n");
    let description = Some(form.description.trim().to_owned()).filter(|text| !text.is_empty());
    if form.is_new {
        let new = NewVariable { key: form.key.trim().to_owned(), value, description };
        pages.doors.create_variable(&who, &new).await?;
    } else {
        let row = pages.store.api_variable(&form.key).await.map_err(unread)?;
        let before = row.and_then(|row| row.value.ok());
        let value = changed_variable(&value.into(), before.as_deref());
        pages.doors.update_variable(&who, &form.key, value.as_deref(), description.as_deref()).await?;
    }
    Ok(Redirect::to("/variables"))
}

/// Deletes a variable.
pub(super) async fn delete(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(key): Path<String>,
) -> Result<Redirect, PageError> {
    pages.doors.delete_variable(&who, &key).await?;
    Ok(Redirect::to("/variables"))
}
