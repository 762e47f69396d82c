//! What waits for a person, and what people answered last.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use serde::Deserialize;
use store::read::api::{HitlFilter, HitlRow, Listing};

use super::format::{Moment, run_href, segment, task_href};
use super::{PageError, PageResult, Pages, Shell, page, pools};
use crate::doors::{LoggedIn, Scope};

/// Questions of each kind on the page.
const SHOWN: u32 = 100;

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
        let filter = HitlFilter { is_answered: Some(is_answered), readable, ..HitlFilter::default() };
        let listing = Listing { limit: SHOWN, ..Listing::default() };
        let found = pages.store.api_hitl_details(&filter, &listing).await.map_err(pools::unread)?;
        Ok::<_, PageError>(found.rows.into_iter().map(row).collect())
    };
    let (open, answered) = (load(false).await?, load(true).await?);
    page(&ApprovalsPage {
        locked: if who.scope == Scope::All { shell.locked("hitl.edit") } else { String::new() },
        shell,
        open,
        answered,
    })
}

fn row(row: HitlRow) -> Row {
    let ask = ask(&row);
    let answer = row.chosen.zip(row.answered_by).map(|(chosen, by)| format!("{chosen}, by {by}"));
    let of = row.task_instance;
    Row {
        ask,
        task_href: task_href(&of.dag_id, &of.run_id, &of.task_id, of.map_index),
        task_id: of.task_id,
        dag_id: of.dag_id,
        run_id: of.run_id,
        asked: Moment(row.asked_at.0),
        answer: answer.unwrap_or_default(),
        answered: row.answered_at.map(|at| Moment(at.0)),
    }
}

/// The buttons of a question.
pub(super) fn ask(row: &HitlRow) -> Ask {
    let of = &row.task_instance;
    let place = (format!("{}/tasks/{}/answer", run_href(&of.dag_id, &of.run_id), segment(&of.task_id)), of.map_index);
    let Some(question) = row.question() else {
        let prompt = "This version of flowctl cannot read this question.".to_owned();
        return Ask { prompt, options: Vec::new(), action: place.0, map_index: place.1, remark: String::new() };
    };
    let until = row.deadline.map(|at| match &question.default {
        Some(default) => format!("{default} is chosen at {:.0}", at.0),
        None => format!("fails at {:.0}", at.0),
    });
    let who = Some(question.roles.join(", ")).filter(|roles| !roles.is_empty()).map(|roles| format!("asked: {roles}"));
    let remark: Vec<String> = until.into_iter().chain(who).collect();
    Ask {
        prompt: question.prompt,
        options: question.options,
        action: place.0,
        map_index: place.1,
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
