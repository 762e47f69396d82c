//! The runs of one DAG, newest first.

use jiff::Timestamp;
use model::state::DagRunState;
use store::read::pages::RunRow;

use super::dag::Tab;
use super::format::{Moment, State, absolute, dag_href, duration, run_href};
use super::{PageError, Pages};

/// Runs on one page of the list.
const PAGE_SIZE: i64 = 50;

/// A row.
pub(super) struct RunView {
    pub(super) run_id: String,
    pub(super) href: String,
    pub(super) note: String,
    pub(super) state: State,
    pub(super) run_type: String,
    pub(super) logical_date: String,
    pub(super) started: Option<Moment>,
    pub(super) duration: String,
    pub(super) version_number: i32,
}

/// A page of the list.
pub(super) struct Runs {
    pub(super) states: Vec<Tab>,
    pub(super) rows: Vec<RunView>,
    /// Links to the neighbouring pages; empty where there is none.
    pub(super) newer: String,
    pub(super) older: String,
}

/// The runs in a state (empty or no state: in any), from `offset` on.
pub(super) async fn load(
    pages: &Pages,
    dag_id: &str,
    state: &str,
    offset: i64,
    now: Timestamp,
) -> Result<Runs, PageError> {
    let offset = offset.max(0);
    let state = state.parse::<DagRunState>().map(DagRunState::as_str).unwrap_or_default();
    let at = |state: &str, offset: i64| {
        let given = [("state", state.to_owned()), ("offset", offset.max(0).to_string())];
        let pairs: Vec<_> = given
            .iter()
            .filter(|(_, value)| !value.is_empty() && value != "0")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let href = dag_href(dag_id);
        if pairs.is_empty() { href } else { format!("{href}?{}", pairs.join("&")) }
    };
    let mut runs = pages.store.pages_runs(dag_id, state, PAGE_SIZE + 1, offset).await?;
    let size = usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let has_more = runs.len() > size;
    runs.truncate(size);
    let states =
        std::iter::once(("", "All")).chain(DagRunState::ALL.iter().map(|state| (state.as_str(), state.as_str())));
    Ok(Runs {
        states: states.map(|(value, text)| Tab { text, href: at(value, 0), is_current: value == state }).collect(),
        rows: runs.into_iter().map(|run| run_view(dag_id, run, now)).collect(),
        newer: if offset > 0 { at(state, offset - PAGE_SIZE) } else { String::new() },
        older: if has_more { at(state, offset + PAGE_SIZE) } else { String::new() },
    })
}

fn run_view(dag_id: &str, run: RunRow, now: Timestamp) -> RunView {
    RunView {
        href: run_href(dag_id, &run.run_id),
        run_id: run.run_id,
        note: run.note.unwrap_or_default(),
        state: State(run.state),
        run_type: run.run_type,
        logical_date: run.logical_date.map_or_else(|| "–".to_owned(), absolute),
        started: run.started_at.map(Moment),
        duration: duration(run.started_at, run.ended_at, now),
        version_number: run.version_number,
    }
}
