//! A run: the tree of its task instances.

use std::collections::BTreeSet;

use api::TaskInstance;
use jiff::SignedDuration;

use super::dialog::{Choice, Choosable, Dialog};
use super::list::{Did, List};
use super::runs::of_run;
use super::{Action, Log, Screen};
use crate::commands::runs::tree::{Of, Twig, state, twigs, why};
use crate::commands::runs::{Shown, run_has_ended};
use crate::tui::ask::{Change, Name, Request};
use crate::tui::keys::Key;

/// While the run is unfinished.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Once it has ended: somebody may clear it.
const IDLE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// The screen.
#[derive(Debug)]
pub(in crate::tui) struct Run {
    pub(in crate::tui) dag_id: String,
    pub(in crate::tui) run_id: String,
    /// None: not known yet.
    pub(in crate::tui) shown: Option<Shown>,
    /// The lines of the tree.
    pub(in crate::tui) twigs: Vec<Twig>,
    /// Ids of the groups that are folded.
    folded: BTreeSet<String>,
    pub(in crate::tui) list: List,
}

/// What a line of the tree is about, whatever its position.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Selected {
    Group(String),
    Instance(String, i32),
}

impl Run {
    pub(super) fn new(dag_id: &str, run_id: &str) -> Self {
        Self {
            dag_id: dag_id.to_owned(),
            run_id: run_id.to_owned(),
            shown: None,
            twigs: Vec::new(),
            folded: BTreeSet::new(),
            list: List::default(),
        }
    }

    /// The selected task instance.
    pub(in crate::tui) fn instance(&self) -> Option<&TaskInstance> {
        match &self.twigs.get(self.list.selected)?.of {
            Of::Instance(position) => self.shown.as_ref()?.task_instances.get(*position),
            Of::Group { .. } => None,
        }
    }

    pub(super) fn press(&mut self, key: Key, page: usize) -> Action {
        match self.list.press(key, self.twigs.len(), page) {
            Did::Moved => return Action::Nothing,
            Did::Filtered => {
                self.grow();
                return Action::Nothing;
            }
            Did::Nothing => {}
        }
        if matches!(key, Key::Char('q') | Key::Escape) {
            return Action::Back;
        }
        if let Some(Twig { of: Of::Group { path, is_folded, .. }, .. }) = self.twigs.get(self.list.selected) {
            let (path, is_folded) = (path.clone(), *is_folded);
            if self.fold(key, path, is_folded) {
                return Action::Nothing;
            }
        }
        let of_task = self.instance().map(|instance| (name(instance), state(instance).to_owned()));
        match (key, of_task, &self.shown) {
            (Key::Enter, Some((name, _)), _) => {
                let elements = self.elements(&name.task_id);
                Action::Open(Screen::Log(Box::new(Log::new(name, elements))))
            }
            (Key::Char('c'), Some((name, state)), _) => clear(&name, &state),
            (Key::Char('m'), Some((name, _)), _) => mark(&name),
            (Key::Char('c' | 'm'), None, _) => {
                Action::Tell("a group cannot be changed as a whole: choose a task".to_owned())
            }
            // Small letters are about the task, capital ones about the run.
            (Key::Char('x' | 'X' | 'C' | 'M'), _, Some(shown)) => of_run(key, &shown.dag_run),
            _ => Action::Nothing,
        }
    }

    /// Folds or unfolds a group; false when the key asks for something else.
    fn fold(&mut self, key: Key, path: String, is_folded: bool) -> bool {
        match key {
            Key::Enter | Key::Char(' ') if is_folded => self.folded.remove(&path),
            Key::Right => self.folded.remove(&path),
            Key::Enter | Key::Char(' ') | Key::Left => self.folded.insert(path),
            _ => return false,
        };
        self.grow();
        true
    }

    /// The elements of a mapped task.
    fn elements(&self, task_id: &str) -> Vec<i32> {
        let instances = self.shown.iter().flat_map(|shown| &shown.task_instances);
        instances.filter(|instance| instance.task_id == task_id).map(|instance| instance.map_index).collect()
    }

    pub(super) fn wanted(&self) -> Request {
        Request::Run { dag_id: self.dag_id.clone(), run_id: self.run_id.clone() }
    }

    pub(super) fn take(&mut self, shown: Shown) -> SignedDuration {
        let selected = self.selected();
        let pause = if run_has_ended(&shown.dag_run) { IDLE_PAUSE } else { BUSY_PAUSE };
        self.shown = Some(shown);
        self.grow_around(selected.as_ref());
        pause
    }

    /// Makes the lines of the tree anew; what was selected stays selected.
    pub(super) fn grow(&mut self) {
        let selected = self.selected();
        self.grow_around(selected.as_ref());
    }

    fn grow_around(&mut self, selected: Option<&Selected>) {
        let Some(shown) = &self.shown else { return };
        let (list, folded) = (&self.list, &self.folded);
        let keeps = |instance: &TaskInstance| list.keeps(&[&instance.task_id, state(instance)]);
        self.twigs = twigs(&shown.task_instances, keeps, |path| folded.contains(path));
        let found = self.twigs.iter().position(|twig| selected_by(twig, &shown.task_instances).as_ref() == selected);
        self.list.selected = found.unwrap_or(self.list.selected);
    }

    fn selected(&self) -> Option<Selected> {
        selected_by(self.twigs.get(self.list.selected)?, &self.shown.as_ref()?.task_instances)
    }

    /// Why the selected task instance waits or ended so.
    pub(in crate::tui) fn why(&self) -> Option<&str> {
        let shown = self.shown.as_ref()?;
        Some(why(&shown.waiting, self.instance()?)).filter(|why| !why.is_empty())
    }
}

fn selected_by(twig: &Twig, instances: &[TaskInstance]) -> Option<Selected> {
    match &twig.of {
        Of::Group { path, .. } => Some(Selected::Group(path.clone())),
        Of::Instance(position) => {
            let instance = instances.get(*position)?;
            Some(Selected::Instance(instance.task_id.clone(), instance.map_index))
        }
    }
}

fn name(instance: &TaskInstance) -> Name {
    Name {
        dag_id: instance.dag_id.clone(),
        run_id: instance.dag_run_id.clone(),
        task_id: instance.task_id.clone(),
        map_index: instance.map_index,
    }
}

fn clear(name: &Name, state: &str) -> Action {
    let question = match state {
        "running" => format!("Stop `{}`, and let it and what follows it start over?", name.element()),
        _ => format!("Let `{}` and what follows it start over?", name.element()),
    };
    let choosable =
        |key, label, is_alone| Choosable { key, label, change: Change::ClearTask { name: name.clone(), is_alone } };
    let options = vec![choosable('y', "clear them", false), choosable('o', "only it", true)];
    Action::Ask(Dialog::Choice(Choice { question, options, preview: None }.previewed()))
}

fn mark(name: &Name) -> Action {
    let choosable =
        |key, state| Choosable { key, label: state, change: Change::MarkTask { name: name.clone(), state } };
    let question = format!("Mark `{}`? An attempt of it that runs is stopped.", name.element());
    let options = vec![choosable('s', "success"), choosable('f', "failed"), choosable('k', "skipped")];
    Action::Ask(Dialog::Choice(Choice { question, options, preview: None }))
}
