//! What waits for a person, and what people answered last.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use serde::Deserialize;
use store::waiting::{ApprovalFilter, ApprovalRow};

use super::format::{Moment, run_href, segment, task_href};
use super::{PageError, PageResult, Pages, Shell, page};
use crate::doors::{ActionError, LoggedIn, Scope};

/// Questions of each kind on the page.
const SHOWN: i64 = 100;

/// A question with its buttons.
pub(super) struct Ask {
    pub(super) prompt: String,
    pub(super) options: Vec<String>,
    /// Where an answer goes.
    pub(super) action: String,
    pub(super) map_index: i32,
    /// What happens when nobody answers, and who may.
    pub(super) remark: String,
}

struct Row {
    ask: Ask,
    task_id: String,
    task_href: String,
    dag_id: String,
    run_id: String,
    asked: Moment,
    /// `Approve by ada`; empty while it is open.
    answer: String,
    answered: Option<Moment>,
}

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    shell: Shell,
    /// Attributes of buttons.
    locked: String,
    open: Vec<Row>,
    answered: Vec<Row>,
}

/// The page.
pub(super) async fn show(State(pages): State<Pages>, Extension(who): Extension<LoggedIn>) -> PageResult {
    let since = pages.hub.count();
    let shell = Shell::load(&pages, &who, "approvals", format!("/events?since={since}")).await?;
    let load = async |is_answered| {
        let readable = who.scope.dag_ids();
        let filter = ApprovalFilter { is_answered: Some(is_answered), readable, ..ApprovalFilter::default() };
        let (rows, _) = pages.store.approvals(&filter, SHOWN, 0).await.map_err(ActionError::from)?;
        Ok::<_, PageError>(rows.into_iter().map(row).collect())
    };
    let (open, answered) = (load(false).await?, load(true).await?);
    page(&ApprovalsPage {
        locked: if who.scope == Scope::All { shell.locked("hitl.edit") } else { String::new() },
        shell,
        open,
        answered,
    })
}

fn row(row: ApprovalRow) -> Row {
    let ask = ask(&row);
    let (answer, answered) = match row.answer {
        Some((chosen, by, at)) => (format!("{chosen}, by {by}"), Some(Moment(at))),
        None => (String::new(), None),
    };
    Row {
        ask,
        task_href: task_href(&row.dag_id, &row.run_id, &row.task_id, row.map_index),
        task_id: row.task_id,
        dag_id: row.dag_id,
        run_id: row.run_id,
        asked: Moment(row.asked_at),
        answer,
        answered,
    }
}

/// The buttons of a question.
pub(super) fn ask(row: &ApprovalRow) -> Ask {
    let roles = &row.question.roles;
    let who = if roles.is_empty() { String::new() } else { format!("asked: {}", roles.join(", ")) };
    let until = row.deadline.map(|at| match &row.question.default {
        Some(default) => format!("{default} is chosen at {at:.0}"),
        None => format!("fails at {at:.0}"),
    });
    let remark: Vec<String> = until.into_iter().chain(Some(who).filter(|who| !who.is_empty())).collect();
    Ask {
        prompt: row.question.prompt.clone(),
        options: row.question.options.clone(),
        action: format!("{}/tasks/{}/answer", run_href(&row.dag_id, &row.run_id), segment(&row.task_id)),
        map_index: row.map_index,
        remark: remark.join(" · "),
    }
}

/// A button of a question.
#[derive(Deserialize)]
pub(super) struct AnswerForm {
    chosen: String,
    map_index: i32,
}

/// Answers.
pub(super) async fn answer(
    State(pages): State<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Form(form): Form<AnswerForm>,
) -> Result<Redirect, PageError> {
    pages.doors.answer(&who, &dag_id, &run_id, &task_id, form.map_index, &form.chosen).await?;
    Ok(Redirect::to(&task_href(&dag_id, &run_id, &task_id, form.map_index)))
}
