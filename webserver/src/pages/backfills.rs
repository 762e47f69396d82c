//! The backfills of a DAG: how far each is, its buttons, and the form that creates one.

use axum::Extension;
use axum::extract::{Form, Path, State as Shared};
use axum::response::Redirect;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::state::ReprocessBehavior;
use serde::Deserialize;
use store::backfill::{Backfill, Part};

use super::format::{Moment, absolute, dag_href};
use super::{PageError, Pages};
use crate::doors::{ActionError, AskedBackfill, LoggedIn};

/// Backfills listed; the API has all.
const LISTED: i64 = 50;

/// A backfill in the list.
pub(super) struct BackfillView {
    pub(super) id: i64,
    pub(super) state: &'static str,
    pub(super) range: String,
    pub(super) is_active: bool,
    pub(super) is_paused: bool,
    pub(super) done: i64,
    pub(super) total: i64,
    pub(super) counts: String,
    pub(super) created: Moment,
    pub(super) by: String,
}

/// The list.
pub(super) async fn load(pages: &Pages, dag_id: &str) -> Result<Vec<BackfillView>, PageError> {
    let (rows, _) = pages.store.backfills(Some(dag_id), None, Part::newest(LISTED)).await.map_err(ActionError::from)?;
    Ok(rows.into_iter().map(view).collect())
}

fn view(row: Backfill) -> BackfillView {
    let counts = [
        (row.succeeded, "succeeded"),
        (row.failed, "failed"),
        (row.active, "active"),
        (row.pending, "to come"),
        (row.left_out, "left out"),
    ];
    let told: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    BackfillView {
        id: row.id,
        state: match (row.completed_at, row.is_paused) {
            (Some(_), _) => "completed",
            (None, true) => "paused",
            (None, false) => "running",
        },
        range: format!("{} to {}", absolute(row.from_date), absolute(row.to_date)),
        is_active: row.completed_at.is_none(),
        is_paused: row.is_paused,
        done: row.succeeded + row.failed + row.left_out,
        total: row.total,
        counts: told.join(", "),
        created: Moment(row.created_at),
        by: row.triggering_user.unwrap_or_default(),
    }
}

/// The form.
#[derive(Deserialize)]
pub(super) struct BackfillForm {
    from_date: String,
    to_date: String,
    #[serde(default)]
    run_backwards: bool,
    reprocess: String,
    max_active_runs: u32,
}

/// Creates a backfill.
pub(super) async fn create(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path(dag_id): Path<String>,
    Form(form): Form<BackfillForm>,
) -> Result<Redirect, PageError> {
    let dag = pages.store.current_dag(&dag_id).await.map_err(ActionError::from)?;
    let dag = dag.ok_or_else(|| PageError::NotFound(format!("DAG `{dag_id}`")))?;
    let asked = AskedBackfill {
        from_date: date("the first date", &form.from_date, &dag.timezone)?,
        to_date: date("the last date", &form.to_date, &dag.timezone)?,
        run_backwards: form.run_backwards,
        conf: serde_json::Map::new(),
        reprocess_behavior: form.reprocess.parse::<ReprocessBehavior>().map_err(|problem| wrong(&problem))?,
        max_active_runs: form.max_active_runs,
        on_latest_version: false,
        dag_id: dag_id.clone(),
    };
    pages.doors.create_backfill(&who, asked).await?;
    Ok(Redirect::to(&href(&dag_id)))
}

fn wrong(problem: &dyn std::fmt::Display) -> ActionError {
    ActionError::Invalid(problem.to_string())
}

/// What a browser's field for a time gives: on the wall clock of the DAG's zone.
fn date(what: &str, text: &str, zone: &str) -> Result<Timestamp, ActionError> {
    let civil =
        text.parse::<DateTime>().map_err(|_| wrong(&format!("{what} must be a date such as 2026-01-31T00:00")))?;
    let zone = TimeZone::get(zone).map_err(|problem| wrong(&problem))?;
    zone.to_ambiguous_zoned(civil).compatible().map(|zoned| zoned.timestamp()).map_err(|problem| wrong(&problem))
}

/// A button of a backfill.
pub(super) async fn change(
    Shared(pages): Shared<Pages>,
    Extension(who): Extension<LoggedIn>,
    Path((dag_id, id, verb)): Path<(String, i64, String)>,
) -> Result<Redirect, PageError> {
    pages.doors.check_backfill(id, &dag_id).await?;
    match verb.as_str() {
        "pause" => drop(pages.doors.pause_backfill(&who, id, true).await?),
        "unpause" => drop(pages.doors.pause_backfill(&who, id, false).await?),
        "cancel" => drop(pages.doors.cancel_backfill(&who, id).await?),
        _ => return Err(PageError::NotFound(format!("button `{verb}`"))),
    }
    Ok(Redirect::to(&href(&dag_id)))
}

fn href(dag_id: &str) -> String {
    format!("{}?tab=backfills", dag_href(dag_id))
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_of_the_form_are_on_the_clock_of_the_dags_zone() {
        assert_eq!(date("it", "2026-01-31T00:00", "Asia/Seoul").unwrap().to_string(), "2026-01-30T15:00:00Z");
        assert_eq!(date("it", "2026-01-31", "UTC").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert!(date("the first date", "soon", "UTC").unwrap_err().to_string().contains("the first date must be"));
    }
}
