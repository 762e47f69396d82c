//! Airflow: a Python file, read by Python itself and never run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Imported;
use super::draft::{Draft, Note, literal, name};
use crate::failure::Failure;

/// Reads the syntax tree; see its own documentation.
const SCRIPT: &str = include_str!("../../../python/airflow_import.py");

/// What the script writes.
#[derive(Debug, Deserialize)]
struct Found {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    dags: Vec<FoundDag>,
    #[serde(default)]
    notes: Vec<FoundNote>,
}

#[derive(Debug, Deserialize)]
struct FoundDag {
    dag_id: String,
    keys: Map<String, Value>,
    default_args: Map<String, Value>,
    tasks: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct FoundNote {
    line: usize,
    text: String,
}

/// Reads an Airflow file.
pub(super) fn read(path: &Path) -> anyhow::Result<Imported> {
    if !path.is_file() {
        return Err(Failure::not_found(format!("there is no file {}", path.display())).into());
    }
    let output = Command::new("python3").args(["-I", "-c", SCRIPT]).arg(path).output();
    let output = output.map_err(|error| {
        Failure::failed(format!("python3 cannot be run: {error}")).hint("it reads the syntax of the file; install it")
    })?;
    if !output.status.success() {
        bail!("reading {} failed: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let found: Found = serde_json::from_slice(&output.stdout).context("what Python found cannot be read")?;
    if let Some(error) = found.error {
        return Err(Failure::failed(error).into());
    }
    let notes = found.notes.into_iter().map(|note| Note { line: note.line, text: note.text }).collect();
    Ok(Imported { drafts: found.dags.into_iter().map(draft).collect(), notes })
}

fn draft(dag: FoundDag) -> Draft {
    let mut keys = dag.keys;
    if keys.get("schedule").is_some_and(Value::is_null) {
        keys.shift_remove("schedule");
    }
    if !dag.default_args.is_empty() {
        keys.insert("default_args".to_owned(), Value::Object(dag.default_args));
    }
    Draft { dag_id: name(&dag.dag_id), keys, tasks: dag.tasks.into_iter().map(task).collect() }
}

/// Without what is empty, and with dependencies last.
fn task(mut task: Map<String, Value>) -> Map<String, Value> {
    task.shift_remove("line");
    let depends_on =
        task.shift_remove("depends_on").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    for operator in ["python", "branch"] {
        let mut inner = task.get_mut(operator);
        if operator == "branch" {
            inner = inner.and_then(|branch| branch.get_mut("python"));
        }
        let Some(Value::Object(python)) = inner else { continue };
        if let Some(Value::String(code)) = python.get_mut("code") {
            // Python's `{{` of a format string is no template.
            *code = literal(code);
        }
        if python.get("kwargs") == Some(&json!({})) {
            python.shift_remove("kwargs");
        }
    }
    if let Some(depends_on) = depends_on {
        task.insert("depends_on".to_owned(), depends_on);
    }
    task
}
