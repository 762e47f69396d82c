//! Mapping: one task instance for each element of a list, or for each element of the cross product of several.
//!
//! 1. `expand` of a task or of a group ([`Expand`]) is rendered once its inputs are done ([`values`]);
//! 2. [`Expansion::new`] says how many elements there are, or what is wrong with the lists;
//! 3. the mappings around a task ([`levels`]), outermost first, give each of its instances a `map_index`: the last
//!    level varies fastest;
//! 4. [`seen`] says which instances of one task an instance of another sees: those of the same elements of the
//!    mappings they share, and all elements of the others.

mod reach;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dag::{Dag, Task};
use crate::template::{RenderError, Scope, render};

pub use reach::{Reached, reach};

/// What a task or a group is mapped over; every string in it is a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expand {
    /// `expand`: the cross product of the lists; the last key varies fastest.
    Product(IndexMap<String, Value>),
    /// `expand_zip`: the lists side by side; they have one length.
    Zip(IndexMap<String, Value>),
}

impl Expand {
    /// The key it is written under.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Product(_) => "expand",
            Self::Zip(_) => "expand_zip",
        }
    }

    /// By the name that `map` has them under.
    pub const fn values(&self) -> &IndexMap<String, Value> {
        match self {
            Self::Product(values) | Self::Zip(values) => values,
        }
    }

    /// The templates in it; none: nothing has to be asked for.
    pub fn templates(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.values().values().for_each(|value| templates_in(value, &mut found));
        found
    }
}

fn templates_in<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        // Jinja's delimiters all start with a brace.
        Value::String(text) if text.contains('{') => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| templates_in(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| templates_in(item, found)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The values of a mapping, with its templates rendered.
pub fn values(expand: &Expand, scope: &Scope<'_>) -> Result<IndexMap<String, Value>, RenderError> {
    let (mut rendered, mut needs) = (IndexMap::new(), Vec::new());
    for (name, value) in expand.values() {
        match deep(value, scope) {
            Ok(value) => {
                rendered.insert(name.clone(), value);
            }
            Err(RenderError::Needs(more)) => needs.extend(more),
            Err(RenderError::Failed(reason)) => {
                return Err(RenderError::Failed(format!("template of `{}.{name}`: {reason}", expand.key())));
            }
        }
    }
    if needs.is_empty() { Ok(rendered) } else { Err(RenderError::Needs(needs)) }
}

fn deep(value: &Value, scope: &Scope<'_>) -> Result<Value, RenderError> {
    match value {
        Value::String(source) => render(source, scope),
        Value::Array(items) => items.iter().map(|item| deep(item, scope)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, item)| Ok((key.clone(), deep(item, scope)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}

/// A mapping whose values are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    lists: Vec<(String, Vec<Value>)>,
    is_zip: bool,
    length: u32,
}

impl Expansion {
    /// Checks the values: lists, of one length where they are paired, of `max` elements together at most.
    pub fn new(expand: &Expand, values: IndexMap<String, Value>, max: u32) -> Result<Self, String> {
        let key = expand.key();
        let mut lists = Vec::with_capacity(values.len());
        for (name, value) in values {
            match value {
                Value::Array(items) => lists.push((name, items)),
                other => return Err(format!("`{key}.{name}` must be a list, not {}", kind(&other))),
            }
        }
        let is_zip = matches!(expand, Expand::Zip(_));
        let total = if is_zip {
            let lengths: Vec<usize> = lists.iter().map(|(_, items)| items.len()).collect();
            if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
                let told: Vec<_> = lists.iter().map(|(name, items)| format!("`{name}` has {}", items.len())).collect();
                return Err(format!("`{key}` pairs lists of one length, but {}", told.join(", ")));
            }
            lengths.first().copied().unwrap_or(0)
        } else {
            lists.iter().map(|(_, items)| items.len()).fold(1, usize::saturating_mul)
        };
        match u32::try_from(total).ok().filter(|total| *total <= max) {
            Some(length) => Ok(Self { lists, is_zip, length }),
            None => Err(format!("`{key}` has {total} elements, more than {max} (core.max_map_length)")),
        }
    }

    /// How many elements it has.
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// What `map` is for one element.
    pub fn element(&self, index: u32) -> Map<String, Value> {
        let mut rest = index as usize;
        let mut taken = Vec::with_capacity(self.lists.len());
        for (name, items) in self.lists.iter().rev() {
            let at = if self.is_zip { index as usize } else { rest % items.len().max(1) };
            rest /= items.len().max(1);
            taken.push((name.clone(), items.get(at).cloned().unwrap_or(Value::Null)));
        }
        taken.into_iter().rev().collect()
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// How many elements the mappings of a run have, as far as they are known, by the id of the task or group.
pub type Lengths = BTreeMap<String, u32>;

/// What an attempt in a DAG with mappings knows of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mapped {
    /// `map` of the task instance, from the outermost mapping to its own; empty when it is not mapped.
    pub values: Map<String, Value>,
    /// Of the run.
    pub lengths: Lengths,
}

/// A mapping around a task.
#[derive(Debug, Clone, Copy)]
pub struct Level<'d> {
    /// The id of the group or of the task itself.
    pub id: &'d str,
    /// What it is mapped over.
    pub expand: &'d Expand,
}

/// The mappings around a task, outermost first, its own last.
pub fn levels<'d>(dag: &'d Dag, task: &'d Task) -> Vec<Level<'d>> {
    let mut levels: Vec<Level<'d>> = Vec::new();
    levels.extend(task.expand.as_ref().map(|expand| Level { id: &task.task_id, expand }));
    let mut around = task.group.as_deref();
    while let Some(group) = around.and_then(|id| dag.groups.iter().find(|group| group.group_id == id)) {
        levels.extend(group.expand.as_ref().map(|expand| Level { id: &group.group_id, expand }));
        around = group.parent.as_deref();
    }
    levels.reverse();
    levels
}

/// How many mappings two tasks share.
pub fn shared(one: &[Level<'_>], other: &[Level<'_>]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one.id == other.id).count()
}

/// Which instances of a task somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elements {
    /// The one with this map index; −1 when the task is not mapped.
    One(i32),
    /// Those from the first map index up to, without it, the second: their values are a list.
    Range(i32, i32),
}

/// Which instances of `task` the instance `map_index` of `reader` sees.
pub fn seen(dag: &Dag, reader: &Task, map_index: i32, task: &Task, lengths: &Lengths) -> Elements {
    let theirs = levels(dag, task);
    if theirs.is_empty() {
        return Elements::One(-1);
    }
    let own = levels(dag, reader);
    let shared = shared(&own, &theirs);
    let index = u32::try_from(map_index).ok().filter(|_| shared > 0);
    let tail = |levels: &[Level<'_>]| tail(levels.iter().skip(shared).map(|level| lengths.get(level.id).copied()));
    match index.and_then(|index| Some(window(index, tail(&own)?, tail(&theirs)?))) {
        Some(window) if shared == theirs.len() => Elements::One(window.start),
        Some(window) => Elements::Range(window.start, window.end),
        None => Elements::Range(0, i32::MAX),
    }
}

/// How many elements levels have together; none when that is not known.
pub fn tail(lengths: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    lengths.into_iter().try_fold(1_u32, |total, length| Some(total.saturating_mul(length?)))
}

/// The map indexes of a task that share the leading elements with `index` of another; the tails are how many elements
/// the levels that are not shared have together.
pub fn window(index: u32, own_tail: u32, other_tail: u32) -> Range<i32> {
    let first = (index / own_tail.max(1)).saturating_mul(other_tail);
    let bound = |index: u32| i32::try_from(index).unwrap_or(i32::MAX);
    bound(first)..bound(first.saturating_add(other_tail))
}
