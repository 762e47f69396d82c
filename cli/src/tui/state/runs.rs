//! The runs of a DAG.

use api::{Dag, DagRun};
use jiff::SignedDuration;

use super::dialog::{Choice, Choosable, Dialog, Trigger};
use super::list::{Did, List};
use super::{Action, Run, Screen};
use crate::commands::runs::run_has_ended;
use crate::tui::ask::{self, Change, Request};
use crate::tui::keys::Key;

/// How many runs are asked for at first, and how many more whenever the last one is near.
const PORTION: u64 = 100;
/// So near.
const NEAR: u64 = 20;
/// While a run is unfinished.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// While none is.
const IDLE_PAUSE: SignedDuration = SignedDuration::from_secs(3);

/// The screen.
#[derive(Debug)]
pub(in crate::tui) struct Runs {
    pub(in crate::tui) dag_id: String,
    /// None: not known yet.
    pub(in crate::tui) dag: Option<Dag>,
    /// The newest first; none: not known yet.
    pub(in crate::tui) runs: Option<Vec<DagRun>>,
    /// How many there are in all.
    pub(in crate::tui) total: u64,
    /// What a queued one waits for.
    pub(in crate::tui) waiting: Option<(String, String)>,
    /// Positions of those that the filter keeps.
    pub(in crate::tui) rows: Vec<usize>,
    pub(in crate::tui) list: List,
}

impl Runs {
    /// Nothing but the name is known.
    pub(super) fn new(dag_id: &str) -> Self {
        Self::of(dag_id, None)
    }

    /// The DAG is known from the list before.
    pub(super) fn of(dag_id: &str, dag: Option<&Dag>) -> Self {
        Self {
            dag_id: dag_id.to_owned(),
            dag: dag.cloned(),
            runs: None,
            total: 0,
            waiting: None,
            rows: Vec::new(),
            list: List::default(),
        }
    }

    /// The selected run.
    pub(in crate::tui) fn selected(&self) -> Option<&DagRun> {
        self.runs.as_ref()?.get(*self.rows.get(self.list.selected)?)
    }

    /// What the selected run waits for.
    pub(in crate::tui) fn why(&self) -> Option<&str> {
        let selected = self.selected()?;
        let (_, reason) = self.waiting.as_ref().filter(|(run_id, _)| *run_id == selected.dag_run_id)?;
        Some(reason)
    }

    pub(super) fn press(&mut self, key: Key, page: usize) -> Action {
        let before = (self.queued(), self.limit());
        match self.list.press(key, self.rows.len(), page) {
            // Why a queued run waits is known of the selected one only, and the last run that is known may be near.
            Did::Moved if self.limit() > before.1 || self.queued().is_some_and(|run| before.0 != Some(run)) => {
                return Action::Refresh;
            }
            Did::Moved => return Action::Nothing,
            Did::Filtered => {
                self.filter();
                return Action::Nothing;
            }
            Did::Nothing => {}
        }
        let dag_id = self.dag_id.clone();
        match (key, &self.dag) {
            (Key::Char('q') | Key::Escape, _) => return Action::Back,
            (Key::Char('t'), _) => return Action::Ask(Dialog::Trigger(Trigger::new(&dag_id))),
            (Key::Char('p'), Some(dag)) => {
                return Action::Change(Change::Pause { dag_id, is_paused: !dag.is_paused });
            }
            _ => {}
        }
        let Some(run) = self.selected() else { return Action::Nothing };
        match key {
            Key::Enter => Action::Open(Screen::Run(Box::new(Run::new(&dag_id, &run.dag_run_id)))),
            key => of_run(key, run),
        }
    }

    /// The selected run, if it is queued.
    fn queued(&self) -> Option<String> {
        self.selected().filter(|run| run.state == "queued").map(|run| run.dag_run_id.clone())
    }

    /// How many runs have to be known.
    fn limit(&self) -> u64 {
        let known = self.runs.as_ref().map_or(0, |runs| runs.len() as u64);
        let is_near = self.list.selected as u64 + NEAR >= known && known < self.total;
        if is_near { known + PORTION } else { known.max(PORTION) }
    }

    pub(super) fn wanted(&self) -> Request {
        Request::Runs { dag_id: self.dag_id.clone(), limit: self.limit(), waiting: self.queued() }
    }

    pub(super) fn take(&mut self, found: ask::Runs) -> SignedDuration {
        let selected = self.selected().map(|run| run.dag_run_id.clone());
        // Who looks at the newest run goes on looking at the newest run.
        let selected = selected.filter(|_| self.list.selected > 0);
        let is_busy = found.runs.iter().any(|run| !run_has_ended(run));
        (self.dag, self.total, self.waiting) = (Some(found.dag), found.total, found.waiting);
        self.runs = Some(found.runs);
        self.filter();
        self.select(selected.as_deref());
        if is_busy { BUSY_PAUSE } else { IDLE_PAUSE }
    }

    pub(super) fn filter(&mut self) {
        let selected = self.selected().map(|run| run.dag_run_id.clone());
        let (runs, list) = (self.runs.as_deref().unwrap_or_default(), &self.list);
        let keeps = |run: &DagRun| list.keeps(&[&run.dag_run_id, &run.state, &run.run_type]);
        self.rows = (0..runs.len()).filter(|position| keeps(&runs[*position])).collect();
        self.select(selected.as_deref());
    }

    fn select(&mut self, run_id: Option<&str>) {
        let runs = self.runs.as_deref().unwrap_or_default();
        let found = self.rows.iter().position(|position| Some(runs[*position].dag_run_id.as_str()) == run_id);
        self.list.selected = found.unwrap_or(self.list.selected);
    }
}

/// A key that does something to a run.
pub(super) fn of_run(key: Key, run: &DagRun) -> Action {
    let (dag_id, run_id) = (run.dag_id.clone(), run.dag_run_id.clone());
    match key {
        Key::Char('x' | 'X') if run_has_ended(run) => {
            Action::Tell(format!("run `{run_id}` has ended: it is {}", run.state))
        }
        Key::Char('x' | 'X') => {
            let question =
                format!("Cancel run `{run_id}`? What runs of it is stopped, what has not started never will.");
            Action::Ask(Dialog::Choice(Choice::confirm(question, "cancel it", Change::CancelRun { dag_id, run_id })))
        }
        Key::Char('c' | 'C') => {
            let question =
                format!("Let what failed of run `{run_id}`, and what did not run because of that, start over?");
            let change = Change::ClearFailed { dag_id, run_id };
            Action::Ask(Dialog::Choice(Choice::confirm(question, "clear them", change).previewed()))
        }
        Key::Char('m' | 'M') => {
            let mark = |key, label, state| {
                let change = Change::MarkRun { dag_id: dag_id.clone(), run_id: run_id.clone(), state };
                Choosable { key, label, change }
            };
            let question = format!("Mark run `{run_id}`? What runs of it is stopped.");
            let options = vec![mark('s', "success", "success"), mark('f', "failed", "failed")];
            Action::Ask(Dialog::Choice(Choice { question, options, preview: None }))
        }
        _ => Action::Nothing,
    }
}
