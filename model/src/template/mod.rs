//! Jinja templates with Airflow's context: checked when a file is read, rendered when a task runs.
//!
//! 1. `check` reads a template's syntax tree against the tables of `names`, without a run;
//! 2. `render` compiles it (`language`) and evaluates it over a `context` of lazy objects, whose times (`moment`,
//!    `delta`, `pattern`) behave as Python's and pendulum's do;
//! 3. what it asked for that is not there (XComs, the previous run) comes back as [`Need`]s; with these in
//!    [`Fetched`] it is rendered again.
//!
//! Rendering is pure and bounded: it asks no clock and no random numbers, and stops after so many instructions and
//! bytes.
mod check;
mod context;
mod day;
mod delta;
mod events;
mod filters;
mod json;
mod language;
mod macros;
mod moment;
mod names;
mod pattern;
mod problem;
mod python;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::asset::AssetEvent;
use crate::connection::Connection;
use crate::dag::{Dag, Task};
use crate::dag_run::{DagRunFacts, DataInterval};
use crate::mapping::{Elements, Mapped};
use crate::mask::Masker;

pub use check::{Checked, check, check_of_run, check_with};
pub use json::as_text;
pub use python::to_python;

/// Something wrong with a template, found without rendering it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// What is wrong.
    pub message: String,
    /// What was perhaps meant, or what to write instead.
    pub help: Option<String>,
    /// Where in the template's text, in bytes; none when it is unknown.
    pub range: Option<std::ops::Range<usize>>,
}

/// The last successful run before this one, for the `prev_*_success` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousSuccess {
    /// Its interval.
    pub data_interval: Option<DataInterval>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Values from outside that templates asked for and that have been fetched.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// `(task_id, key)` → value; `None` when there is no such XCom.
    pub xcoms: HashMap<(String, String), Option<Value>>,
    /// Outer `None`: not asked for yet; inner `None`: there is no such run.
    pub previous_success: Option<Option<PreviousSuccess>>,
    /// URI → the newest events of the asset, the newest last.
    pub asset_events: HashMap<String, Vec<AssetEvent>>,
    /// The events that the run took; none: not asked for yet.
    pub triggering_asset_events: Option<Vec<AssetEvent>>,
    /// By key.
    pub variables: HashMap<String, Found<String>>,
    /// By id.
    pub connections: HashMap<String, Found<Connection>>,
}

/// What looking for a variable or a connection gave: none where there is no such one; an error says why it cannot be read.
pub type Found<T> = Result<Option<T>, String>;

impl Fetched {
    /// What of it must not be shown.
    pub fn masker(&self) -> Masker {
        let mut masker = Masker::default();
        self.teach(&mut masker);
        masker
    }

    /// Adds to a masker what must not be shown.
    pub fn teach(&self, masker: &mut Masker) {
        for (key, found) in &self.variables {
            if let Ok(Some(value)) = found {
                masker.learn_variable(key, value);
            }
        }
        for connection in self.connections.values().flatten().flatten() {
            masker.learn_connection(connection);
        }
    }
}

/// What a template needs before it can be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// An XCom of the same run.
    XCom {
        /// Whose.
        task_id: String,
        /// Which.
        key: String,
        /// Of which instances of the task.
        elements: Elements,
    },
    /// The last successful run before this one.
    PreviousSuccess,
    /// The newest events of an asset.
    AssetEvents {
        /// Which.
        uri: String,
    },
    /// The events that the run took.
    TriggeringAssetEvents,
    /// The variable with this key.
    Variable(String),
    /// The connection with this id.
    Connection(String),
}

/// Everything a template may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The DAG version.
    pub dag: &'a Arc<Dag>,
    /// The task.
    pub task: &'a Arc<Task>,
    /// The run.
    pub dag_run: &'a Arc<DagRunFacts>,
    /// Number of the try, from 1.
    pub try_number: u32,
    /// How many tries there may be.
    pub max_tries: u32,
    /// −1 when not mapped.
    pub map_index: i32,
    /// In a DAG with mappings: its element, and how long they are.
    pub mapped: Option<&'a Arc<Mapped>>,
    /// What was fetched for it.
    pub fetched: &'a Arc<Fetched>,
}

/// Why a template was not rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Fetch these and render again.
    #[error("values are needed first")]
    Needs(Vec<Need>),
    /// The template is wrong; the message names the field, the name or the line.
    #[error("{0}")]
    Failed(String),
}

/// Where the first expression, statement or comment of a template begins, in bytes; none: the text is only itself.
pub fn first_tag(text: &str) -> Option<usize> {
    ["{{", "{%", "{#"].iter().filter_map(|delimiter| text.find(delimiter)).min()
}

/// Whether a text is more than itself.
pub fn is_template(text: &str) -> bool {
    first_tag(text).is_some()
}

/// Renders one template. A template that is one expression as a whole keeps its value's type; anything else is a string.
pub fn render(source: &str, scope: &Scope<'_>) -> Result<Value, RenderError> {
    render_with(source, scope, &serde_json::Map::new())
}

/// Renders a template that may name more than the context, as [`render`] does. The scope of a run as a whole has a task
/// without an id; what is a task's is undefined there.
pub fn render_with(
    source: &str,
    scope: &Scope<'_>,
    more: &serde_json::Map<String, Value>,
) -> Result<Value, RenderError> {
    if !is_template(source) {
        return Ok(Value::String(source.to_owned()));
    }
    let context = context::Context::new(scope, more);
    let result = language::evaluate(source, &minijinja::Value::from_object(context.clone()));
    let needs = context.needs();
    if !needs.is_empty() {
        return Err(RenderError::Needs(needs));
    }
    let explained = |error| context.missing(&error, source).unwrap_or_else(|| failure(&error, source));
    let value = result.map_err(|error| RenderError::Failed(explained(error)))?;
    json::from_template(&value).map_err(|message| RenderError::Failed(context.first_missing().unwrap_or(message)))
}

/// Renders every text in a value, at any depth, with `render`, which is told where each stands (`field.key`).
pub fn render_deep<E>(
    field: &str,
    value: &Value,
    render: &impl Fn(&str, &str) -> Result<Value, E>,
) -> Result<Value, E> {
    match value {
        Value::String(source) => render(field, source),
        Value::Array(items) => items.iter().map(|item| render_deep(field, item, render)).collect(),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                Ok((key.clone(), render_deep(&format!("{field}.{key}"), value, render)?))
            };
            entries.iter().map(entry).collect::<Result<serde_json::Map<_, _>, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

/// Renders a template over one name and nothing else; a value as in [`render`].
pub fn render_over(source: &str, name: &str, value: &Value) -> Result<Value, String> {
    let context: minijinja::Value =
        minijinja::Value::from_pairs([(name, minijinja::Value::from(minijinja::value::Serde(value)))]);
    let value = language::evaluate(source, &context).map_err(|error| failure(&error, source))?;
    json::from_template(&value)
}

/// The error in one sentence, with the line when the template has several.
fn failure(error: &minijinja::Error, source: &str) -> String {
    let (mut message, help) = problem::in_words(error, source);
    if let Some(help) = help {
        message.push_str("; ");
        message.push_str(&help);
    }
    if source.trim_end().contains('\n')
        && let Some(line) = error.line()
    {
        let _ = write!(message, " (line {line} of the template)");
    }
    message
}
