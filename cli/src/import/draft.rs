//! A DAG on its way into a file.

use std::fmt::Write;

use model::template::is_template;
use serde_json::{Map, Value};

/// Something that was not understood, or that is meant differently here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// Line of the source, from 1; 0 when it is not known.
    pub line: usize,
    /// What, and what becomes of it.
    pub text: String,
}

/// A DAG file to be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Draft {
    /// Its name.
    pub dag_id: String,
    /// Its other keys, in order.
    pub keys: Map<String, Value>,
    /// Its tasks: mappings as in the file, `id` first.
    pub tasks: Vec<Map<String, Value>>,
}

/// Keys of tasks that do only this today; any other value is refused by `validate`.
const ONLY: [(&str, &str); 9] = [
    ("pool", "default_pool"),
    ("pool_slots", "1"),
    ("queue", "default"),
    ("depends_on_past", "false"),
    ("wait_for_downstream", "false"),
    ("retry_exponential_backoff", "false"),
    ("weight_rule", "downstream"),
    ("executor", "local"),
    ("max_retry_delay", ""),
];

/// Everything of a DAG file that is a name, made from any text: `[A-Za-z0-9_.-]`, not empty.
pub(super) fn name(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect();
    let name = name.trim_matches(['_', '.', '-']);
    if name.is_empty() { "imported".to_owned() } else { name.chars().take(250).collect() }
}

/// A text that is no template where it comes from.
pub(super) fn literal(text: &str) -> String {
    if is_template(text) { format!("{{% raw %}}{text}{{% endraw %}}") } else { text.to_owned() }
}

impl Draft {
    /// Leaves out what does not run yet; each is noted.
    pub(super) fn leave_out_unsupported(&mut self, notes: &mut Vec<Note>) {
        if let Some(Value::Object(default_args)) = self.keys.get_mut("default_args") {
            strip(default_args, "default_args", notes);
            if default_args.is_empty() {
                self.keys.shift_remove("default_args");
            }
        }
        for task in &mut self.tasks {
            let id = task.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            strip(task, &format!("the task `{id}`"), notes);
        }
    }

    /// The file's text.
    pub(super) fn write(&self, source: &str, notes: &[Note]) -> String {
        let mut text = format!("# Written by `flowctl import` from {}.\n", one_line(source));
        for note in notes {
            let place = if note.line == 0 { String::new() } else { format!("line {}: ", note.line) };
            let _ = writeln!(text, "# {place}{}", one_line(&note.text));
        }
        let _ = writeln!(text, "dag_id: {}", Value::from(self.dag_id.as_str()));
        for (key, value) in &self.keys {
            entry(&mut text, "", key, value);
        }
        text.push_str("\ntasks:\n");
        for task in &self.tasks {
            let mut lead = "  - ";
            for (key, value) in task {
                text.push_str(lead);
                entry(&mut text, "    ", key, value);
                lead = "    ";
            }
        }
        text
    }
}

fn strip(task: &mut Map<String, Value>, whose: &str, notes: &mut Vec<Note>) {
    for (key, only) in ONLY {
        let Some(value) = task.shift_remove(key) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if text != only {
            notes.push(Note {
                line: 0,
                text: format!("`{key}: {text}` of {whose} is left out: flowctl does not run it yet"),
            });
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `key: value`; texts of several lines as a block, mappings over several lines, all else as JSON, which is YAML.
fn entry(text: &mut String, indent: &str, key: &str, value: &Value) {
    match value {
        Value::String(lines) if is_block(lines) => {
            let chomp = if lines.ends_with('\n') { "|" } else { "|-" };
            let _ = writeln!(text, "{key}: {chomp}");
            for line in lines.lines() {
                if line.is_empty() {
                    text.push('\n');
                } else {
                    let _ = writeln!(text, "{indent}  {line}");
                }
            }
        }
        Value::Object(entries) if !entries.is_empty() => {
            let _ = writeln!(text, "{key}:");
            let deeper = format!("{indent}  ");
            for (key, value) in entries {
                text.push_str(&deeper);
                entry(text, &deeper, &yaml_key(key), value);
            }
        }
        value => {
            let _ = writeln!(text, "{key}: {value}");
        }
    }
}

fn yaml_key(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let is_word = matches!(key, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if is_plain && !is_word { key.to_owned() } else { Value::from(key).to_string() }
}

/// Whether a text stays itself as a block: several lines, the first not indented, nothing that YAML would change.
fn is_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n', '\t'])
        && text.chars().all(|c| {
            c == '\n' || (c != '\t' && !c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}')
        })
}
