//! Reading one value as what its key takes; what it is instead becomes a problem.

use std::str::FromStr;

use indexmap::IndexMap;

use super::keys::{self, Keys, Takes};
use super::node::{Key, Mapping, Node, Value};
use super::problems::Problems;
use crate::duration::Duration;

/// A text; numbers and booleans are taken as written by YAML's rules.
pub(super) fn text(node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => {
            problems.wrong_kind(node, what, "a text");
            None
        }
    }
}

/// One text or a list of texts.
pub(super) fn texts<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Vec<(String, &'n Node)> {
    match &node.value {
        Value::List(items) => {
            items.iter().filter_map(|item| text(item, what, problems).map(|text| (text, item))).collect()
        }
        Value::Null => Vec::new(),
        Value::Mapping(_) => {
            problems.wrong_kind(node, what, "a text or a list of texts");
            Vec::new()
        }
        _ => text(node, what, problems).map(|text| (text, node)).into_iter().collect(),
    }
}

/// `true` or `false`.
pub(super) fn flag(node: &Node, what: &str, problems: &mut Problems) -> Option<bool> {
    if let Value::Bool(flag) = node.value {
        return Some(flag);
    }
    problems.wrong_kind(node, what, "true or false");
    None
}

/// A whole number of `T`, at least `least`.
pub(super) fn whole<T: TryFrom<i64>>(node: &Node, what: &str, least: i64, problems: &mut Problems) -> Option<T> {
    let Value::Number(number) = &node.value else {
        problems.wrong_kind(node, what, "a whole number");
        return None;
    };
    let read = number.as_i64().filter(|number| *number >= least).and_then(|number| T::try_from(number).ok());
    if read.is_none() {
        let bound = if least > i64::from(i32::MIN) { format!(" from {least}") } else { String::new() };
        problems.error(node.at, format!("`{what}` must be a whole number{bound} within reason, not {number}"));
    }
    read
}

/// A duration: a text, or a number of seconds.
pub(super) fn duration(node: &Node, what: &str, problems: &mut Problems) -> Option<Duration> {
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => {
            problems.wrong_kind(node, what, "a duration such as `5m`");
            return None;
        }
    };
    Duration::from_str(&text).map_err(|error| problems.error(node.at, error.to_string())).ok()
}

/// A mapping.
pub(super) fn mapping<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n Mapping> {
    if let Value::Mapping(entries) = &node.value {
        return Some(entries);
    }
    problems.wrong_kind(node, what, "a mapping");
    None
}

/// A list.
pub(super) fn list<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> &'n [Node] {
    if let Value::List(items) = &node.value {
        return items;
    }
    problems.wrong_kind(node, what, "a list");
    &[]
}

/// Names to texts: an environment.
pub(super) fn environment(node: &Node, what: &str, problems: &mut Problems) -> IndexMap<String, String> {
    let mut environment = IndexMap::new();
    for (key, node) in mapping(node, what, problems).into_iter().flatten() {
        if key.name.is_empty() || key.name.contains(['=', '\0']) {
            problems
                .error(key.at, format!("`{}` cannot be the name of an environment variable", key.name.escape_debug()));
        }
        if let Some(text) = text(node, &format!("{what}.{}", key.name), problems) {
            environment.insert(key.name.clone(), text);
        }
    }
    environment
}

/// Checks a key against its table. True: it runs and its value is to be read.
pub(super) fn is_to_be_read(key: &Key, node: &Node, keys: Keys, place: &str, problems: &mut Problems) -> bool {
    match keys::takes(keys, &key.name) {
        None => {
            problems.unknown_key(key, place, keys::names(keys));
            false
        }
        Some(Takes::NotYet) => {
            problems.not_yet(key.at, &format!("`{}`", key.name));
            false
        }
        Some(Takes::OnlyDefault(default)) => {
            let is_default = match &node.value {
                Value::Null => true,
                Value::Text(text) => text == default,
                Value::Bool(flag) => flag.to_string() == default,
                Value::Number(number) => number.to_string() == default,
                Value::List(_) | Value::Mapping(_) => false,
            };
            if !is_default {
                let help = format!("`{}: {default}` is what it does today", key.name);
                let message = format!("`{}` other than `{default}` is not supported yet", key.name);
                problems.error_with_help(key.at, message, Some(help));
            }
            false
        }
        // `key:` without a value is as good as no key.
        Some(_) => !matches!(node.value, Value::Null) || matches!(key.name.as_str(), "empty" | "skip_on_exit_code"),
    }
}
