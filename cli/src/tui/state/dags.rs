//! The list of DAGs.

use std::collections::{HashMap, HashSet};

use api::{Dag, DagRun};
use jiff::{SignedDuration, Timestamp};

use super::dialog::{Dialog, Trigger};
use super::list::{Did, List};
use super::{Action, Runs, Screen};
use crate::commands::runs::run_has_ended;
use crate::tui::ask::{Change, RECENT, Request};
use crate::tui::keys::Key;

/// DAG files change seldom.
const DAGS_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// While a run is unfinished.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// While none is.
const IDLE_PAUSE: SignedDuration = SignedDuration::from_secs(3);
/// Runs that are not among the newest of all DAGs are asked for so often: they change only when somebody clears them.
const RECENT_AGE: SignedDuration = SignedDuration::from_secs(30);

/// The screen.
#[derive(Debug, Default)]
pub(in crate::tui) struct Dags {
    /// By id; none: not known yet.
    pub(in crate::tui) dags: Option<Vec<Dag>>,
    /// How many DAG files were refused.
    pub(in crate::tui) refused_files: u64,
    /// Positions of those that the filter keeps.
    pub(in crate::tui) rows: Vec<usize>,
    pub(in crate::tui) list: List,
    /// The newest runs of each, the newest first.
    pub(in crate::tui) recent: HashMap<String, Vec<DagRun>>,
    /// How many of them are among the newest runs of all DAGs, which are read again and again.
    covered: HashMap<String, usize>,
    /// When the newest runs of one were asked for.
    asked: HashMap<String, Timestamp>,
    /// The newest runs are known, and these are all that there are.
    is_all: bool,
    /// The newest runs were asked for once.
    has_newest: bool,
}

impl Dags {
    /// The selected DAG.
    pub(in crate::tui) fn selected(&self) -> Option<&Dag> {
        self.dags.as_ref()?.get(*self.rows.get(self.list.selected)?)
    }

    pub(super) fn press(&mut self, key: Key, page: usize) -> Action {
        match self.list.press(key, self.rows.len(), page) {
            Did::Moved => return Action::Nothing,
            Did::Filtered => {
                self.filter();
                return Action::Nothing;
            }
            Did::Nothing => {}
        }
        let selected = self.selected().map(|dag| (dag.dag_id.clone(), dag.is_paused));
        match (key, selected) {
            (Key::Char('q') | Key::Escape, _) => Action::Back,
            (Key::Enter, Some((dag_id, _))) => Action::Open(Screen::Runs(Box::new(Runs::of(&dag_id, self.selected())))),
            (Key::Char('p'), Some((dag_id, is_paused))) => {
                Action::Change(Change::Pause { dag_id, is_paused: !is_paused })
            }
            (Key::Char('t'), Some((dag_id, _))) => Action::Ask(Dialog::Trigger(Trigger::new(&dag_id))),
            _ => Action::Nothing,
        }
    }

    /// What has to be known while so many lines are on the screen.
    pub(super) fn wanted(&self, page: usize, now: Timestamp) -> Vec<Request> {
        let mut wanted = vec![Request::Dags, Request::Newest];
        wanted.extend(self.stalest(page, now).map(|dag_id| Request::Recent { dag_id }));
        wanted
    }

    /// The DAG on the screen whose runs are not among the newest ones and were not asked for, or not for the longest
    /// time.
    fn stalest(&self, page: usize, now: Timestamp) -> Option<String> {
        let dags = self.dags.as_ref().filter(|_| self.has_newest && !self.is_all)?;
        let is_covered = |dag_id: &str| self.covered.get(dag_id).is_some_and(|runs| *runs >= RECENT);
        self.rows
            .iter()
            .skip(self.list.top)
            .take(page)
            .filter_map(|position| dags.get(*position))
            .map(|dag| (self.asked.get(&dag.dag_id), &dag.dag_id))
            .filter(|(_, dag_id)| !is_covered(dag_id))
            .filter(|(asked, _)| asked.is_none_or(|asked| now.duration_since(*asked) >= RECENT_AGE))
            .min()
            .map(|(_, dag_id)| dag_id.clone())
    }

    pub(super) fn take_dags(&mut self, dags: Vec<Dag>, refused_files: u64) -> SignedDuration {
        let selected = self.selected().map(|dag| dag.dag_id.clone());
        self.refused_files = refused_files;
        self.dags = Some(dags);
        self.filter();
        self.select(selected.as_deref());
        DAGS_PAUSE
    }

    pub(super) fn take_newest(&mut self, runs: Vec<DagRun>, is_all: bool) -> SignedDuration {
        let is_busy = runs.iter().any(|run| !run_has_ended(run));
        let mut newest: HashMap<String, Vec<DagRun>> = HashMap::new();
        for run in runs {
            newest.entry(run.dag_id.clone()).or_default().push(run);
        }
        self.covered = newest.iter().map(|(dag_id, runs)| (dag_id.clone(), runs.len())).collect();
        if is_all {
            self.recent.clear();
        }
        for (dag_id, runs) in newest {
            let known = self.recent.remove(&dag_id).unwrap_or_default();
            self.recent.insert(dag_id, merge(runs, known));
        }
        self.is_all = is_all;
        self.has_newest = true;
        if is_busy { BUSY_PAUSE } else { IDLE_PAUSE }
    }

    pub(super) fn take_recent(&mut self, dag_id: String, runs: &[DagRun], now: Timestamp) -> SignedDuration {
        self.recent.insert(dag_id.clone(), merge(runs.to_vec(), Vec::new()));
        self.asked.insert(dag_id, now);
        SignedDuration::ZERO
    }

    /// Leaves the runs of the DAG that was asked about alone for a while: they were refused.
    pub(super) fn pass_over(&mut self, page: usize, now: Timestamp) {
        if let Some(dag_id) = self.stalest(page, now) {
            self.asked.insert(dag_id, now);
        }
    }

    /// Takes what a change made of a DAG.
    pub(super) fn replace(&mut self, changed: &Dag) {
        let same = |dag: &&mut Dag| dag.dag_id == changed.dag_id;
        if let Some(dag) = self.dags.iter_mut().flatten().find(same) {
            dag.clone_from(changed);
        }
    }

    pub(super) fn filter(&mut self) {
        let selected = self.selected().map(|dag| dag.dag_id.clone());
        let (dags, list) = (self.dags.as_deref().unwrap_or_default(), &self.list);
        let keeps = |dag: &Dag| {
            let tags = dag.tags.iter().map(|tag| tag.name.as_str());
            let state = if dag.is_paused { "paused" } else { "active" };
            list.keeps(&tags.chain([dag.dag_id.as_str(), state]).collect::<Vec<_>>())
        };
        self.rows = (0..dags.len()).filter(|position| keeps(&dags[*position])).collect();
        self.select(selected.as_deref());
    }

    /// Selects what was selected before, if it is still there.
    fn select(&mut self, dag_id: Option<&str>) {
        let dags = self.dags.as_deref().unwrap_or_default();
        let found = self.rows.iter().position(|position| Some(dags[*position].dag_id.as_str()) == dag_id);
        self.list.selected = found.unwrap_or(self.list.selected);
    }
}

/// The newest runs of a DAG: those that were just read, then those that are known from before.
fn merge(read: Vec<DagRun>, known: Vec<DagRun>) -> Vec<DagRun> {
    let mut merged = read;
    let ids: HashSet<_> = merged.iter().map(|run| run.dag_run_id.clone()).collect();
    merged.extend(known.into_iter().filter(|run| !ids.contains(&run.dag_run_id)));
    merged.truncate(RECENT);
    merged
}
