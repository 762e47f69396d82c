//! Renders the templates of an attempt, fetching what they ask for.

use indexmap::IndexMap;
use model::attempt::Attempt;
use model::template::{self, Fetched, Need, RenderError, Scope};
use serde_json::{Map, Value};

use crate::values::Values;

/// A template that asks for more than this, one value after the other, does not end.
const MAX_ROUNDS: usize = 256;

/// Why an attempt cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotRender {
    #[error("template of {field}: {message}")]
    Template { field: String, message: String },
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
    fetched: Fetched,
}

impl<'a, V: Values> Renderer<'a, V> {
    pub(crate) fn new(attempt: &'a Attempt, values: &'a V) -> Self {
        Self { attempt, values, fetched: Fetched::default() }
    }

    /// The value of a template; `field` names it in errors.
    pub(crate) async fn value(&mut self, field: &str, source: &str) -> Result<Value, CannotRender> {
        // Jinja's delimiters all start with a brace; most strings have none.
        if !source.contains('{') {
            return Ok(Value::String(source.to_owned()));
        }
        for _ in 0..MAX_ROUNDS {
            let scope = Scope {
                dag: &self.attempt.dag,
                task: self.attempt.task(),
                dag_run: &self.attempt.dag_run,
                try_number: self.attempt.try_number,
                map_index: self.attempt.key.map_index,
                fetched: &self.fetched,
            };
            match template::render(source, &scope) {
                Ok(value) => return Ok(value),
                Err(RenderError::Needs(needs)) => self.fetch(needs).await?,
                Err(RenderError::Failed(message)) => {
                    return Err(CannotRender::Template { field: field.to_owned(), message });
                }
            }
        }
        let message = format!("it asks for other values more than {MAX_ROUNDS} times");
        Err(CannotRender::Template { field: field.to_owned(), message })
    }

    async fn fetch(&mut self, needs: Vec<Need>) -> Result<(), CannotRender> {
        let dag_run = self.attempt.dag_run.key;
        let failed = |error: crate::ValuesError| CannotRender::Values(error.to_string());
        for need in needs {
            match need {
                Need::XCom { task_id, key } => {
                    let value = self.values.xcom(dag_run, &task_id, &key).await.map_err(failed)?;
                    self.fetched.xcoms.insert((task_id, key), value);
                }
                Need::PreviousSuccess => {
                    let previous = self.values.previous_success(dag_run).await.map_err(failed)?;
                    self.fetched.previous_success = Some(previous);
                }
            }
        }
        Ok(())
    }

    /// The text of a template.
    pub(crate) async fn text(&mut self, field: &str, source: &str) -> Result<String, CannotRender> {
        Ok(as_text(self.value(field, source).await?))
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

/// A value in a place that takes text, as Jinja would write it; lists and mappings as JSON.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}
