//! What the templates of an attempt became, for people: what the worker writes beside the attempt's log, and what the
//! scheduler keeps of a wait.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::dag::Task;
use crate::mask::{marks, redacted};
use crate::operator::Operator;
use crate::template::is_template;
use crate::wait::Awaited;

/// Greatest length of one text, in characters; what follows is left out.
const MAX_TEXT: usize = 64 * 1024;

/// The fields of a task in a process that may be templates, as its file has them, under their names there; none of a
/// task that has no process. `dag_env` is the environment of all of the DAG's tasks.
pub fn sources(dag_env: &IndexMap<String, String>, task: &Task) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut env: Vec<_> = dag_env.iter().chain(&task.env).collect();
    if let Operator::Bash(bash) = &task.operator {
        fields.insert("bash".to_owned(), bash.command.clone().into());
        fields.extend(bash.cwd.iter().map(|cwd| ("cwd".to_owned(), cwd.clone().into())));
        env.extend(&bash.env);
    } else if let Some(python) = task.operator.python() {
        fields.insert("args".to_owned(), python.args.clone().into());
        fields.insert("kwargs".to_owned(), python.kwargs.clone().into());
    } else {
        return fields;
    }
    fields.insert("env".to_owned(), environment(env.into_iter().map(|(name, value)| (name.clone(), value.clone()))));
    present(fields)
}

/// Whether one of the texts in it, at any depth, is a template.
pub fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(entries) => entries.values().any(has_template),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The variables of an environment as one field; the last of a name holds.
pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Value {
    variables.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
}

/// What people may see of rendered fields: none that is empty, nothing under a name that says it is secret, no text that
/// is endless.
pub fn shown(fields: Map<String, Value>) -> Map<String, Value> {
    let fields = present(fields).into_iter().map(|(name, value)| (name, cut(redacted(None, &value))));
    fields.collect()
}

/// What people may see of a wait, under the names that its parts have.
pub fn of_wait(awaited: &Awaited) -> Map<String, Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(awaited.with_texts(marks::hidden)) else {
        return Map::new();
    };
    // What kind it is, the operator says; by whom a run was started is nothing that anybody wrote.
    fields.retain(|name, _| name != "kind" && name != "caller");
    shown(fields)
}

fn present(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => true,
    });
    fields
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(match text.char_indices().nth(MAX_TEXT) {
            Some((at, _)) => format!("{}… ({} more bytes)", &text[..at], text.len() - at),
            None => text,
        }),
        Value::Array(items) => items.into_iter().map(cut).collect(),
        Value::Object(entries) => entries.into_iter().map(|(name, value)| (name, cut(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_empty_nothing_secret_and_nothing_endless_is_shown() {
        let fields =
            json!({"bash": "a".repeat(MAX_TEXT + 3), "cwd": null, "args": [], "env": {"API_KEY": "k", "A": "1"}});
        let Value::Object(fields) = fields else { unreachable!() };
        let fields = shown(fields);
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["bash", "env"]);
        assert!(fields["bash"].as_str().is_some_and(|text| text.ends_with("a… (3 more bytes)")));
        assert_eq!(fields["env"], json!({"API_KEY": "***", "A": "1"}));
    }

    #[test]
    fn a_wait_tells_its_parts_and_hides_its_secrets() {
        let awaited = Awaited::Sql { conn_id: "db".to_owned(), sql: "SELECT '\u{f8f1}token\u{f8f2}'".to_owned() };
        assert_eq!(Value::from(of_wait(&awaited)), json!({"conn_id": "db", "sql": "SELECT '***'"}));
    }
}
