//! dag-factory: a YAML file with a mapping per DAG.

use serde_json::{Map, Value, json};

use super::Imported;
use super::draft::{Draft, Note, name};
use crate::failure::Failure;

/// Keys of a DAG that mean the same here.
const DAG_KEYS: [&str; 9] = [
    "description",
    "catchup",
    "tags",
    "max_active_runs",
    "max_active_tasks",
    "doc_md",
    "params",
    "timezone",
    "is_paused_upon_creation",
];
/// Keys of a task that mean the same here.
const TASK_KEYS: [&str; 8] =
    ["retries", "trigger_rule", "priority_weight", "pool", "queue", "do_xcom_push", "doc_md", "multiple_outputs"];

/// Reads a dag-factory file.
pub(super) fn read(text: &str) -> anyhow::Result<Imported> {
    let root: Map<String, Value> = serde_saphyr::from_str(text)
        .map_err(|error| Failure::failed(format!("this is not a dag-factory file: {error}")))?;
    let default = root.get("default").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut reader = Reader { text, imported: Imported::default() };
    for (dag_id, value) in root.iter().filter(|(key, _)| *key != "default") {
        match value.as_object() {
            Some(dag) => {
                let mut merged = default.clone();
                merge(&mut merged, dag);
                reader.dag(dag_id, &merged);
            }
            None => reader.note(dag_id, format!("not understood: `{dag_id}` is no mapping")),
        }
    }
    Ok(reader.imported)
}

fn merge(into: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (into.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    imported: Imported,
}

impl Reader<'_> {
    /// A note at the first line that has the word.
    fn note(&mut self, word: &str, text: impl Into<String>) {
        let line = self.text.lines().position(|line| line.contains(word)).map_or(0, |line| line + 1);
        self.imported.notes.push(Note { line, text: text.into() });
    }

    fn dag(&mut self, dag_id: &str, dag: &Map<String, Value>) {
        let mut draft = Draft { dag_id: name(dag_id), ..Draft::default() };
        let mut default_args = Map::new();
        for (key, value) in dag {
            match key.as_str() {
                "default_args" => self.default_args(value, &mut draft.keys, &mut default_args),
                "tasks" => {}
                "schedule" | "schedule_interval" => self.schedule(value, &mut draft.keys),
                "dagrun_timeout_sec" | "dagrun_timeout" => {
                    draft.keys.insert("dagrun_timeout".to_owned(), value.clone());
                }
                "concurrency" => {
                    draft.keys.insert("max_active_tasks".to_owned(), value.clone());
                }
                "doc_md_file_path" | "default_view" | "orientation" => {
                    self.note(key, format!("`{key}` of `{dag_id}` is left out"));
                }
                key if DAG_KEYS.contains(&key) => {
                    draft.keys.insert(key.to_owned(), value.clone());
                }
                key => self.note(key, format!("`{key}` of `{dag_id}` is left out: flowctl has no such key")),
            }
        }
        if !default_args.is_empty() {
            draft.keys.insert("default_args".to_owned(), Value::Object(default_args));
        }
        for (task_id, task) in tasks(dag.get("tasks")) {
            match task.as_object() {
                Some(task) => draft.tasks.push(self.task(&task_id, task)),
                None => self.note(&task_id, format!("not understood: the task `{task_id}` is no mapping")),
            }
        }
        self.imported.drafts.push(draft);
    }

    fn schedule(&mut self, value: &Value, keys: &mut Map<String, Value>) {
        let seconds = value.as_object().and_then(|timedelta| {
            let part = |unit: &str| timedelta.get(unit).and_then(Value::as_u64).unwrap_or(0);
            let total = part("weeks") * 604_800
                + part("days") * 86_400
                + part("hours") * 3600
                + part("minutes") * 60
                + part("seconds");
            (total > 0).then_some(total)
        });
        match (value, seconds) {
            (_, Some(seconds)) if seconds % 86_400 == 0 => {
                keys.insert("schedule".to_owned(), json!(format!("{}d", seconds / 86_400)));
            }
            (_, Some(seconds)) => {
                keys.insert("schedule".to_owned(), json!(format!("{seconds}s")));
            }
            (Value::String(text), None) if text == "None" => {}
            (Value::String(_) | Value::Null, None) => {
                keys.insert("schedule".to_owned(), value.clone());
            }
            _ => self.note("schedule", format!("not understood: the schedule `{value}`; the DAG runs only by trigger")),
        }
    }

    fn default_args(&mut self, value: &Value, keys: &mut Map<String, Value>, default_args: &mut Map<String, Value>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            match key.as_str() {
                "start_date" | "end_date" => {
                    let is_date = value.as_str().is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()));
                    if is_date {
                        keys.insert(key.clone(), value.clone());
                    } else {
                        self.note(
                            key,
                            format!(
                                "`{key}: {value}` is left out: a date counted from today would move with each look"
                            ),
                        );
                    }
                }
                "owner" | "timezone" => {
                    keys.insert(key.clone(), value.clone());
                }
                _ => self.task_key(key, value, "default_args", default_args),
            }
        }
    }

    fn task_key(&mut self, key: &str, value: &Value, whose: &str, task: &mut Map<String, Value>) {
        let renamed = match key {
            "retry_delay_sec" | "retry_delay" => "retry_delay",
            "execution_timeout_secs" | "execution_timeout_sec" | "execution_timeout" => "execution_timeout",
            key if TASK_KEYS.contains(&key) => key,
            key => {
                self.note(key, format!("`{key}` of `{whose}` is left out: flowctl has no such key"));
                return;
            }
        };
        task.insert(renamed.to_owned(), value.clone());
    }

    fn task(&mut self, task_id: &str, task: &Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::from_iter([("id".to_owned(), json!(task_id))]);
        let operator =
            task.get("operator").or_else(|| task.get("decorator")).and_then(Value::as_str).unwrap_or_default();
        let short = operator.rsplit('.').next().unwrap_or_default();
        let text = |key: &str| task.get(key).and_then(Value::as_str);
        let mut used = vec!["operator", "dependencies", "task_id", "task_group_name"];
        match short {
            "BashOperator" if text("bash_command").is_some() => {
                used.extend(["bash_command", "env", "cwd", "append_env"]);
                let long: Map<String, Value> = [("command", "bash_command"), ("env", "env"), ("cwd", "cwd")]
                    .into_iter()
                    .filter_map(|(ours, theirs)| Some((ours.to_owned(), task.get(theirs)?.clone())))
                    .collect();
                out.insert("bash".to_owned(), if long.len() == 1 { json!(text("bash_command")) } else { long.into() });
            }
            "PythonOperator" if text("python_callable").is_some() => {
                used.extend([
                    "python_callable",
                    "python_callable_file",
                    "python_callable_name",
                    "op_kwargs",
                    "op_args",
                ]);
                out.insert("python".to_owned(), python(task, text("python_callable").unwrap_or_default()));
            }
            "PythonOperator" if text("python_callable_name").is_some() && text("python_callable_file").is_some() => {
                used.extend(["python_callable_file", "python_callable_name", "op_kwargs", "op_args"]);
                let file = text("python_callable_file").unwrap_or_default();
                let module = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".py");
                let callable = format!("{module}.{}", text("python_callable_name").unwrap_or_default());
                self.note(
                    "python_callable_file",
                    format!("put {file} beside the DAG file: `{task_id}` imports it as `{module}`"),
                );
                out.insert("python".to_owned(), python(task, &callable));
            }
            "EmptyOperator" | "DummyOperator" => {
                out.insert("empty".to_owned(), json!({}));
            }
            _ => {
                let said = format!(
                    "not understood: the operator `{operator}` of the task `{task_id}`; the task fails until it is ported"
                );
                self.note(task_id, said);
                let command = format!("echo 'flowctl import: {short} is to be ported by hand' >&2; exit 1");
                out.insert("bash".to_owned(), json!(command));
                used.extend(task.keys().map(String::as_str));
            }
        }
        if let Some(dependencies) =
            task.get("dependencies").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
        {
            out.insert("depends_on".to_owned(), dependencies.clone());
        }
        if let Some(group) = text("task_group_name") {
            self.note(group, format!("the group `{group}` of `{task_id}` is left out; the task stands outside"));
        }
        for (key, value) in task.iter().filter(|(key, _)| !used.contains(&key.as_str())) {
            self.task_key(key, value, task_id, &mut out);
        }
        out
    }
}

fn python(task: &Map<String, Value>, callable: &str) -> Value {
    let mut python = Map::from_iter([("callable".to_owned(), json!(callable))]);
    for (ours, theirs) in [("kwargs", "op_kwargs"), ("args", "op_args")] {
        if let Some(value) = task.get(theirs) {
            python.insert(ours.to_owned(), value.clone());
        }
    }
    if python.len() == 1 { json!(callable) } else { Value::Object(python) }
}

/// A mapping by id, or a list of mappings with `task_id`.
fn tasks(value: Option<&Value>) -> Vec<(String, Value)> {
    match value {
        Some(Value::Object(tasks)) => tasks.iter().map(|(id, task)| (id.clone(), task.clone())).collect(),
        Some(Value::Array(tasks)) => tasks
            .iter()
            .enumerate()
            .map(|(number, task)| {
                let id = task.get("task_id").and_then(Value::as_str).map(str::to_owned);
                (id.unwrap_or_else(|| format!("task_{number}")), task.clone())
            })
            .collect(),
        _ => Vec::new(),
    }
}
