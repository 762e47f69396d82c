//! Files that were refused, with the lines at fault.

use askama::Template;
use axum::Extension;
use axum::extract::State;

use model::dag_file::Problem;
use store::read::pages::ImportErrorRow;

use super::format::{Moment, dag_href};
use super::{PageResult, Pages, Shell, page};
use crate::doors::LoggedIn;

struct ProblemView {
    message: String,
    place: String,
    snippet: String,
    help: String,
}

struct Row {
    filename: String,
    dag_id: String,
    dag_href: String,
    count: String,
    problems: Vec<ProblemView>,
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
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "import-errors", format!("/events?since={since}")).await?;
    let rows = pages.store.pages_import_errors().await?.into_iter().map(view);
    page(&ImportErrorsPage { shell, rows: rows.collect() })
}

fn view(row: ImportErrorRow) -> Row {
    let problems: Vec<ProblemView> = match serde_json::from_value::<Vec<Problem>>(row.problems) {
        Ok(problems) => problems.into_iter().map(problem).collect(),
        // Written by another release of flowctl: as text.
        Err(_) => vec![ProblemView {
            message: "this file cannot be read".to_owned(),
            place: String::new(),
            snippet: row.stack_trace,
            help: String::new(),
        }],
    };
    Row {
        filename: row.filename,
        dag_href: row.dag_id.as_deref().map(dag_href).unwrap_or_default(),
        dag_id: row.dag_id.unwrap_or_default(),
        count: if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) },
        problems,
        created: Moment(row.created_at),
    }
}

fn problem(problem: Problem) -> ProblemView {
    let place = if problem.line == 0 { String::new() } else { format!("line {}:{}", problem.line, problem.column) };
    ProblemView { message: problem.message, place, snippet: problem.snippet, help: problem.help.unwrap_or_default() }
}
