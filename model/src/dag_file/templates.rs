//! The templates of a file's texts: their problems at the very place inside a scalar, and the tasks they name.

use std::collections::HashSet;
use std::ops::Range;

use super::callbacks::About;
use super::node::{Node, Place, Value};
use super::problems::{Problems, did_you_mean};
use super::scalar;
use crate::callback::NAMES;
use crate::dag::{Task, TaskGroup};
use crate::template::{Checked, first_tag, is_template};
use std::sync::Arc;

/// Checks the templates of a file.
#[derive(Debug)]
pub(super) struct Templates<'l> {
    lines: &'l [&'l str],
    /// Tasks that templates name, which can only be looked for once all are known.
    named: Vec<(String, Place)>,
    /// Uses of `map` since they were last looked at, with the name of it when that is written out.
    map: Vec<(Option<String>, Place)>,
}

impl<'l> Templates<'l> {
    pub(super) const fn new(lines: &'l [&'l str]) -> Self {
        Self { lines, named: Vec::new(), map: Vec::new() }
    }

    /// Checks every text in a value.
    pub(super) fn check(&mut self, node: &Node, problems: &mut Problems) {
        match &node.value {
            Value::Text(text) => self.check_text(text, node.at, &[], problems),
            Value::List(items) => items.iter().for_each(|item| self.check(item, problems)),
            Value::Mapping(entries) => entries.iter().for_each(|(_, value)| self.check(value, problems)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Checks every text in a message.
    pub(super) fn check_message(&mut self, node: &Node, about: About, problems: &mut Problems) {
        match (&node.value, about) {
            (_, About::Itself) => self.check(node, problems),
            (Value::Text(text), About::Task) => self.check_text(text, node.at, &NAMES, problems),
            (Value::Text(text), About::Run) if text.contains('{') => {
                self.take(crate::template::check_of_run(text, &NAMES), text, node.at, problems);
            }
            (Value::List(items), _) => items.iter().for_each(|item| self.check_message(item, about, problems)),
            (Value::Mapping(entries), _) => {
                for (_, value) in entries {
                    self.check_message(value, about, problems);
                }
            }
            (Value::Text(_) | Value::Null | Value::Bool(_) | Value::Number(_), _) => {}
        }
    }

    /// Checks a text that may also use `response`.
    pub(super) fn check_with_response(&mut self, node: &Node, problems: &mut Problems) {
        if let Value::Text(text) = &node.value {
            self.check_text(text, node.at, &["response"], problems);
        }
    }

    fn check_text(&mut self, text: &str, at: Place, more: &[&str], problems: &mut Problems) {
        // Jinja's delimiters all start with a brace.
        if !text.contains('{') {
            return;
        }
        self.take(crate::template::check_with(text, more), text, at, problems);
    }

    fn take(&mut self, checked: Checked, text: &str, at: Place, problems: &mut Problems) {
        let place = |range: Range<usize>| scalar::locate(text, range, at, self.lines).unwrap_or(at);
        for problem in checked.problems {
            problems.error_with_help(problem.range.map_or(at, place), problem.message, problem.help);
        }
        let named = checked.tasks.into_iter().map(|(task_id, range)| (task_id, place(range)));
        self.named.extend(named);
        self.map.extend(checked.map.into_iter().map(|(name, range)| (name, place(range))));
    }

    /// The tasks that the templates of a value name, with their places; checks the value.
    pub(super) fn names_in(&mut self, node: &Node, problems: &mut Problems) -> Vec<(String, Place)> {
        let known = self.named.len();
        self.check(node, problems);
        self.named[known..].to_vec()
    }

    /// `map` where nothing is mapped.
    pub(super) fn refuse_map(&mut self, why: &str, problems: &mut Problems) {
        for (name, at) in self.map.drain(..) {
            if name.is_none() {
                problems.error(at, why);
            }
        }
    }

    /// Uses of `map` in a task for which it has these names.
    pub(super) fn check_map(&mut self, names: &[String], problems: &mut Problems) {
        if names.is_empty() {
            return self.refuse_map("`map` is for tasks with `expand`, or in a group with it", problems);
        }
        for (name, at) in self.map.drain(..) {
            let Some(name) = name.filter(|name| !names.contains(name)) else { continue };
            let help = did_you_mean(&name, names.iter().map(String::as_str));
            problems.error_with_help(at, format!("`map` has no `{name}` here; it has {}", names.join(", ")), help);
        }
    }

    /// Refuses a template in a text that is none, because it would be taken as it stands.
    pub(super) fn refuse(&self, node: &Node, what: &str, problems: &mut Problems) {
        if let Value::Text(text) = &node.value
            && let Some(start) = first_tag(text)
        {
            let at = scalar::locate(text, start..start + 2, node.at, self.lines).unwrap_or(node.at);
            problems.error(at, format!("`{what}` is not a template"));
        }
    }

    /// The same for every text of a list; true when there is a template.
    pub(super) fn refuse_all(&self, node: &Node, what: &str, problems: &mut Problems) -> bool {
        let items = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        for item in items {
            self.refuse(item, what, problems);
        }
        items.iter().any(|item| matches!(&item.value, Value::Text(text) if is_template(text)))
    }

    /// The tasks that templates named must be there.
    pub(super) fn finish(self, tasks: &[Arc<Task>], groups: &[TaskGroup], problems: &mut Problems) {
        if self.named.is_empty() {
            return;
        }
        let known: HashSet<&str> = tasks.iter().map(|task| task.task_id.as_str()).collect();
        for (task_id, at) in self.named {
            if known.contains(task_id.as_str()) {
                continue;
            }
            let help = if groups.iter().any(|group| group.group_id == task_id) {
                Some("this is a group; name one of its tasks".to_owned())
            } else {
                let mut candidates: Vec<&str> = known.iter().copied().collect();
                candidates.sort_unstable();
                did_you_mean(&task_id, candidates.into_iter())
            };
            problems.error_with_help(at, format!("there is no task `{task_id}`"), help);
        }
    }
}
