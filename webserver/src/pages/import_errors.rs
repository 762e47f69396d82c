//! Files that were refused, with the lines at fault.

use askama::Template;
use axum::Extension;
use axum::extract::State;

use super::format::{Moment, dag_href};
use super::{PageResult, Pages, Shell, page};
use crate::doors::LoggedIn;

struct Row {
    filename: String,
    dag_id: String,
    dag_href: String,
    text: String,
    created: Moment,
}

#[derive(Template)]
#[template(path = "import_errors.html")]
struct ImportErrorsPage {
    shell: Shell,
    rows: Vec<Row>,
}

/// The page.
pub(super) async fn show(State(pages): State<Pages>, Extension(who): Extension<LoggedIn>) -> PageResult {
    let shell = Shell::load(&pages, &who, "import-errors").await?;
    let rows = pages.store.pages_import_errors().await?.into_iter().map(|row| Row {
        filename: row.filename,
        dag_href: row.dag_id.as_deref().map(dag_href).unwrap_or_default(),
        dag_id: row.dag_id.unwrap_or_default(),
        text: row.stack_trace,
        created: Moment(row.created_at),
    });
    page(&ImportErrorsPage { shell, rows: rows.collect() })
}
