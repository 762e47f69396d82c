//! `expand` and `expand_zip`: what a task or a group is mapped over.

use indexmap::IndexMap;

use super::graph::{Item, Wish};
use super::keys;
use super::node::{Key, Mapping, Node, Value};
use super::read;
use super::task::Walk;
use crate::dag::Task;
use crate::mapping::Expand;
use crate::template::is_template;

impl Walk<'_, '_, '_> {
    /// Reads the mapping among the entries of a task or a group. What its templates name comes before it.
    pub(super) fn expand<'n>(
        &mut self,
        entries: impl Iterator<Item = (&'n Key, &'n Node)>,
        downstream: Item,
    ) -> Option<Expand> {
        let mut found = entries.filter(|(key, node)| keys::is_expand(&key.name) && !matches!(node.value, Value::Null));
        let (key, node) = found.next()?;
        if let Some((second, _)) = found.next() {
            self.problems.error(second.at, "one of `expand` and `expand_zip`, not both");
        }
        let entries = read::mapping(node, &key.name, self.problems)?;
        if entries.is_empty() {
            self.problems.error(node.at, format!("`{}` needs a list to map over", key.name));
            return None;
        }
        let values = self.values(&key.name, entries);
        if key.name == "expand_zip" {
            self.one_length(entries);
        }
        self.inputs(node, downstream);
        Some(if key.name == "expand" { Expand::Product(values) } else { Expand::Zip(values) })
    }

    fn values(&mut self, expand: &str, entries: &Mapping) -> IndexMap<String, serde_json::Value> {
        let mut values = IndexMap::new();
        for (name, node) in entries {
            let is_name = |first: char, rest: &str| {
                (first.is_alphabetic() || first == '_') && rest.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            let mut characters = name.name.chars();
            if !characters.next().is_some_and(|first| is_name(first, characters.as_str())) {
                let message = format!("`{}` cannot be a name of `map`; use letters, digits and `_`", name.name);
                self.problems.error(name.at, message);
            }
            self.is_list(&format!("{expand}.{}", name.name), node);
            values.insert(name.name.clone(), node.to_json());
        }
        values
    }

    /// A list, or a template that is one expression as a whole: anything else that is text stays text.
    fn is_list(&mut self, what: &str, node: &Node) {
        match &node.value {
            Value::List(_) => {}
            Value::Text(text) if text.trim().starts_with("{{") && text.trim().ends_with("}}") => {}
            Value::Text(text) if is_template(text) => {
                let message = format!(
                    "`{what}` must be a list; this template gives a text, because it is not one `{{{{ … }}}}` as a whole"
                );
                self.problems.error(node.at, message);
            }
            _ => self.problems.wrong_kind(node, what, "a list or a template that gives one"),
        }
    }

    fn one_length(&mut self, entries: &Mapping) {
        let lists = entries.iter().filter_map(|(key, node)| match &node.value {
            Value::List(items) => Some((key, items.len())),
            _ => None,
        });
        let lists: Vec<_> = lists.collect();
        if let Some(pair) = lists.windows(2).find(|pair| pair[0].1 != pair[1].1) {
            let ((first, one), (second, other)) = (pair[0], pair[1]);
            let message = format!(
                "`expand_zip` pairs lists of one length, but `{}` has {one} and `{}` has {other}",
                first.name, second.name
            );
            self.problems.error(second.at, message);
        }
    }

    /// Checks the templates, and lets what they name come first.
    fn inputs(&mut self, node: &Node, downstream: Item) {
        for (task_id, at) in self.templates.names_in(node, self.problems) {
            let around = self.mapped.iter().find(|(group, _)| task_id.starts_with(&format!("{group}.")));
            if let Some((group, _)) = around {
                let message = format!(
                    "a mapping inside the mapped group `{group}` cannot use `{task_id}` of the same group: it is the \
                     same for every element of the group"
                );
                self.problems.error(at, message);
                continue;
            }
            self.layout.wishes.push(Wish {
                upstream: task_id,
                downstream,
                scope: None,
                at,
                is_implied: true,
                is_setup: false,
            });
        }
        self.templates.refuse_map("a mapping cannot use `map`: it is the same for every element", self.problems);
    }

    /// The names that `map` has in a task.
    pub(super) fn names_of_map(&self, task: &Task) -> Vec<String> {
        let around = self.mapped.iter().flat_map(|(_, names)| names.iter().cloned());
        let own = task.expand.iter().flat_map(|expand| expand.values().keys().cloned());
        around.chain(own).collect()
    }
}
