//! Renders the templates of an attempt, fetching what they ask for.

use std::sync::Arc;

use indexmap::IndexMap;
use model::attempt::Attempt;
use model::template::{self, Fetched, Need, RenderError, is_template};
use serde_json::{Map, Value};

use crate::masking::Known;
use crate::values::Values;

/// A template that asks for more than this, one value after the other, does not end.
const MAX_ROUNDS: usize = 256;

/// Why an attempt cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotRender {
    #[error("template of `{field}` of task `{task_id}` (line {line} of the DAG file): {message}")]
    Template { field: String, task_id: String, line: u32, message: String },
    #[error("a value that a template asks for cannot be fetched: {0}")]
    Values(String),
}

impl CannotRender {
    /// A template stays wrong; values may be back later.
    pub(crate) const fn may_retry(&self) -> bool {
        matches!(self, Self::Values(_))
    }
}

/// Renders strings for one attempt and remembers what it fetched.
pub(crate) struct Renderer<'a, V> {
    attempt: &'a Attempt,
    values: &'a V,
    fetched: Arc<Fetched>,
    known: Known,
    fields: Map<String, Value>,
    has_template: bool,
}

impl<'a, V: Values> Renderer<'a, V> {
    pub(crate) fn new(attempt: &'a Attempt, values: &'a V, known: Known) -> Self {
        Self { attempt, values, fetched: Arc::default(), known, fields: Map::new(), has_template: false }
    }

    /// Notes what a field of the task became.
    pub(crate) fn keep(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// What was noted; none when no text was a template, so that the DAG file says it all.
    pub(crate) fn rendered(self) -> Option<Map<String, Value>> {
        self.has_template.then_some(self.fields)
    }

    /// The value of a template; `field` names it in errors.
    async fn value(&mut self, field: &str, source: &str) -> Result<Value, CannotRender> {
        self.has_template |= is_template(source);
        for _ in 0..MAX_ROUNDS {
            match template::render(source, &self.attempt.scope(self.attempt.task(), &self.fetched)) {
                Ok(value) => return Ok(value),
                Err(RenderError::Needs(needs)) => self.fetch(needs).await?,
                Err(RenderError::Failed(message)) => return Err(self.wrong(field, message)),
            }
        }
        Err(self.wrong(field, format!("it asks for other values more than {MAX_ROUNDS} times")))
    }

    fn wrong(&self, field: &str, message: String) -> CannotRender {
        let task = self.attempt.task();
        CannotRender::Template { field: field.to_owned(), task_id: task.task_id.clone(), line: task.line, message }
    }

    async fn fetch(&mut self, needs: Vec<Need>) -> Result<(), CannotRender> {
        let dag_run = self.attempt.dag_run.key;
        let failed = |error: crate::ValuesError| CannotRender::Values(error.to_string());
        let of = |what: &str, name: &str| {
            let name = format!("{what} `{name}`");
            move |error: crate::ValuesError| CannotRender::Values(format!("{name}: {error}"))
        };
        let fetched = Arc::make_mut(&mut self.fetched);
        for need in needs {
            match need {
                Need::XCom { task_id, key, elements } => {
                    let value = self.values.xcom(dag_run, &task_id, &key, elements).await.map_err(failed)?;
                    fetched.xcoms.insert((task_id, key), value);
                }
                Need::AssetEvents { uri } => {
                    let events = self.values.asset_events(&uri).await.map_err(failed)?;
                    fetched.asset_events.insert(uri, events);
                }
                Need::TriggeringAssetEvents => {
                    let events = self.values.triggering_asset_events(dag_run).await.map_err(failed)?;
                    fetched.triggering_asset_events = Some(events);
                }
                Need::PreviousSuccess => {
                    let previous = self.values.previous_success(dag_run).await.map_err(failed)?;
                    fetched.previous_success = Some(previous);
                }
                Need::Variable(key) => {
                    let value = self.values.variable(&key).await.map_err(of("variable", &key))?;
                    fetched.variables.insert(key, Ok(value));
                }
                Need::Connection(id) => {
                    let connection = self.values.connection(&id).await.map_err(of("connection", &id))?;
                    fetched.connections.insert(id, Ok(connection));
                }
            }
        }
        self.known.with(|masker| self.fetched.teach(masker));
        Ok(())
    }

    /// The text of a template, as Jinja prints its value.
    pub(crate) async fn text(&mut self, field: &str, source: &str) -> Result<String, CannotRender> {
        Ok(template::as_text(&self.value(field, source).await?))
    }

    /// An environment's values, laid over what is there already.
    pub(crate) async fn env(
        &mut self,
        into: &mut Vec<(String, String)>,
        env: &IndexMap<String, String>,
    ) -> Result<(), CannotRender> {
        for (name, source) in env {
            let text = self.text(&format!("env.{name}"), source).await?;
            into.push((name.clone(), text));
        }
        Ok(())
    }

    /// Positional arguments.
    pub(crate) async fn list(&mut self, field: &str, list: &[Value]) -> Result<Vec<Value>, CannotRender> {
        let mut rendered = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            rendered.push(self.deep(&format!("{field}[{position}]"), value).await?);
        }
        Ok(rendered)
    }

    /// Keyword arguments.
    pub(crate) async fn map(
        &mut self,
        field: &str,
        map: &Map<String, Value>,
    ) -> Result<Map<String, Value>, CannotRender> {
        let mut rendered = Map::new();
        for (key, value) in map {
            rendered.insert(key.clone(), self.deep(&format!("{field}.{key}"), value).await?);
        }
        Ok(rendered)
    }

    /// Every string in a value, at any depth.
    async fn deep(&mut self, field: &str, value: &Value) -> Result<Value, CannotRender> {
        match value {
            Value::String(source) => self.value(field, source).await,
            Value::Array(list) => Ok(Value::Array(Box::pin(self.list(field, list)).await?)),
            Value::Object(map) => Ok(Value::Object(Box::pin(self.map(field, map)).await?)),
            other => Ok(other.clone()),
        }
    }
}
