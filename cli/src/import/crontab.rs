//! crontab(5): a DAG per line.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Imported;
use super::draft::{Draft, Note, literal, name};

/// Presets that mean the same here.
const PRESETS: [(&str, &str); 6] = [
    ("@hourly", "@hourly"),
    ("@daily", "@daily"),
    ("@midnight", "@daily"),
    ("@weekly", "@weekly"),
    ("@monthly", "@monthly"),
    ("@yearly", "@yearly"),
];

/// Reads a crontab; with `has_user` a user stands before each command.
pub(super) fn read(text: &str, has_user: bool) -> Imported {
    let mut reader = Reader { has_user, ..Reader::default() };
    for (line, text) in (1..).zip(text.lines()) {
        reader.line(line, text.trim());
    }
    Imported { drafts: reader.drafts, notes: reader.notes }
}

#[derive(Debug, Default)]
struct Reader {
    has_user: bool,
    /// What the lines above set.
    env: Map<String, Value>,
    shell: Option<String>,
    zone: Option<String>,
    taken: BTreeSet<String>,
    drafts: Vec<Draft>,
    notes: Vec<Note>,
}

impl Reader {
    fn note(&mut self, line: usize, text: impl Into<String>) {
        self.notes.push(Note { line, text: text.into() });
    }

    fn line(&mut self, line: usize, text: &str) {
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        if let Some((variable, value)) = assignment(text) {
            self.set(line, variable, value);
            return;
        }
        match self.entry(line, text) {
            Ok(draft) => self.drafts.push(draft),
            Err(why) => self.note(line, format!("not understood: `{text}`: {why}")),
        }
    }

    fn set(&mut self, line: usize, variable: &str, value: &str) {
        match variable {
            "SHELL" => self.shell = Some(value.to_owned()),
            "CRON_TZ" | "TZ" => self.zone = Some(value.to_owned()),
            "MAILTO" | "MAILFROM" => {
                self.note(line, format!("`{variable}={value}` is left out: output is in the task's log"));
            }
            _ => {
                self.env.insert(variable.to_owned(), json!(literal(value)));
            }
        }
    }

    fn entry(&mut self, line: usize, text: &str) -> Result<Draft, String> {
        let (schedule, rest) = schedule(text)?;
        let command = if self.has_user {
            let (user, command) = split(rest).ok_or("there is no command behind the user")?;
            self.note(line, format!("the user `{user}` is left out: tasks run as the user that flowctl runs as"));
            command
        } else {
            rest
        };
        if command.is_empty() {
            return Err("there is no command".to_owned());
        }
        let command = percent(command)?;
        let mut keys = Map::new();
        keys.insert("description".to_owned(), json!(format!("{schedule} {}", one_line(&command))));
        keys.insert("schedule".to_owned(), json!(schedule));
        if let Some(zone) = &self.zone {
            keys.insert("timezone".to_owned(), json!(zone));
        }
        if !self.env.is_empty() {
            keys.insert("env".to_owned(), Value::Object(self.env.clone()));
        }
        let bash = match &self.shell {
            Some(shell) => json!({"command": literal(&command), "shell": shell}),
            None => json!({"command": literal(&command), "shell": "sh"}),
        };
        let task = Map::from_iter([("id".to_owned(), json!("run")), ("bash".to_owned(), bash)]);
        let draft = Draft { dag_id: self.dag_id(&command), keys, tasks: vec![task] };
        let defaults = model::dag_file::Defaults { timezone: "UTC".to_owned() };
        match model::dag_file::parse(&draft.write("", &[]), "cron", &defaults) {
            Ok(_) => Ok(draft),
            Err(problems) => {
                self.taken.remove(&draft.dag_id);
                Err(problems.first().map(|problem| problem.message.clone()).unwrap_or_default())
            }
        }
    }

    /// The program's name, numbered when it is there already.
    fn dag_id(&mut self, command: &str) -> String {
        let is_setting = |word: &&str| {
            word.contains('=')
                || matches!(
                    *word,
                    "cd" | "&&" | "nice" | "sudo" | "env" | "exec" | "bash" | "sh" | "python" | "python3"
                )
        };
        let mut words = command.split_whitespace().skip_while(is_setting);
        // `cd /folder && program`
        let mut word = words.next().unwrap_or("cron");
        if command.starts_with("cd ")
            && let Some(after) = command.split_once("&&")
        {
            word = after.1.split_whitespace().find(|word| !is_setting(word)).unwrap_or(word);
        }
        let file = word.rsplit('/').next().unwrap_or(word);
        let base = name(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|id| !self.taken.contains(id)).unwrap_or(base);
        self.taken.insert(free.clone());
        free
    }
}

/// `NAME = value`, quotes taken off.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (variable, value) = text.split_once('=')?;
    let variable = variable.trim().trim_matches(['"', '\'']);
    let is_name = !variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value.trim();
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    is_name.then(|| (variable, quoted('"').or_else(|| quoted('\'')).unwrap_or(value)))
}

/// The schedule, as flowctl writes it, and what follows.
fn schedule(text: &str) -> Result<(String, &str), String> {
    if text.starts_with('@') {
        let (preset, rest) = split(text).ok_or("there is no command")?;
        let preset = if preset == "@annually" { "@yearly" } else { preset };
        let known = PRESETS.iter().find(|(cron, _)| *cron == preset);
        return match known {
            Some((_, preset)) => Ok(((*preset).to_owned(), rest)),
            None => {
                Err(format!("`{preset}` has no counterpart: a DAG can run at times, not at a start of the machine"))
            }
        };
    }
    let mut rest = text;
    let mut fields = Vec::new();
    for _ in 0..5 {
        let (field, after) = split(rest).ok_or("it has fewer than five fields and a command")?;
        fields.push(field);
        rest = after;
    }
    Ok((fields.join(" "), rest))
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once(char::is_whitespace).map(|(first, rest)| (first, rest.trim_start()))
}

/// cron ends the command at a bare `%` and gives what follows to it as input; `\%` is the sign itself.
fn percent(command: &str) -> Result<String, String> {
    let without = command.replace("\\%", "\u{0}");
    if without.contains('%') {
        return Err("what follows `%` is the command's input, which a task has not: use a here-document".to_owned());
    }
    Ok(without.replace('\u{0}', "%"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
