//! Operator keys: what a task does.

use super::callbacks::{self, About};
use super::keys::{self, Keys};
use super::node::{Key, Mapping, Node, Place, Value, mapping_to_json};
use super::problems::Problems;
use super::read;
use super::templates::Templates;
use super::waiting;
use crate::operator::{Bash, Branch, Condition, Operator, Python, PythonCall, ShortCircuit};

/// Reads the value of an operator key; `defaults` is what `default_args` says under the same key.
pub(super) fn operator(
    key: &Key,
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Operator> {
    if keys::takes(keys::OPERATORS, &key.name) == Some(keys::Takes::NotYet) {
        problems.not_yet(key.at, &format!("`{}`", key.name));
        return None;
    }
    match key.name.as_str() {
        "bash" => bash(node, defaults, templates, problems).map(Operator::Bash),
        "python" => python(node, defaults, templates, problems).map(Operator::Python),
        "branch" => branch(node, defaults, templates, problems).map(Operator::Branch),
        "short_circuit" => short_circuit(node, defaults, templates, problems).map(Operator::ShortCircuit),
        "sensor" => waiting::sensor(node, defaults, templates, problems).map(Operator::Sensor),
        "trigger_dag" => waiting::trigger_dag(node, defaults, templates, problems).map(Operator::TriggerDag),
        "approve" => waiting::approve(node, defaults, templates, problems).map(Operator::Approve),
        "notify" => callbacks::notify(node, "notify", About::Itself, templates, problems).map(Operator::Notify),
        _ => empty(node, problems),
    }
}

fn empty(node: &Node, problems: &mut Problems) -> Option<Operator> {
    match &node.value {
        Value::Null => Some(Operator::Empty),
        Value::Mapping(entries) if entries.is_empty() => Some(Operator::Empty),
        _ => {
            problems.error(node.at, "`empty` takes nothing; write `empty: {}`");
            None
        }
    }
}

/// The long form's entries: the task's own, then those of the defaults that it does not give.
pub(super) fn entries<'n>(
    node: &'n Node,
    short: &str,
    defaults: &[&'n Mapping],
    problems: &mut Problems,
) -> Option<Vec<(Key, &'n Node)>> {
    let mut entries: Vec<(Key, &Node)> = match &node.value {
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => vec![(Key { name: short.to_owned(), at: node.at }, node)],
        Value::Mapping(own) => own.iter().map(|(key, node)| (key.clone(), node)).collect(),
        Value::Null | Value::List(_) => {
            problems.error(node.at, format!("expected a text or a mapping with `{short}`, not {}", node.kind()));
            return None;
        }
    };
    for (key, node) in defaults.iter().rev().copied().flatten() {
        let alternatives = ["callable", "script", "code"];
        let is_given = |given: &(Key, &Node)| {
            given.0.name == key.name
                || alternatives.contains(&key.name.as_str()) && alternatives.contains(&given.0.name.as_str())
        };
        if !entries.iter().any(is_given) {
            entries.push((key.clone(), node));
        }
    }
    Some(entries)
}

fn bash(node: &Node, defaults: &[&Mapping], templates: &mut Templates<'_>, problems: &mut Problems) -> Option<Bash> {
    let mut bash = Bash::new("");
    let mut has_command = false;
    for (key, node) in entries(node, "command", defaults, problems)? {
        if !read::is_to_be_read(&key, node, keys::BASH, "`bash`", problems) {
            continue;
        }
        match key.name.as_str() {
            "command" | "cwd" | "env" => templates.check(node, problems),
            other => templates.refuse(node, other, problems),
        }
        match key.name.as_str() {
            "command" => {
                has_command = true;
                bash.command = read::text(node, "command", problems)?;
                if bash.command.trim().is_empty() {
                    problems.error(node.at, "the command is empty; a task that does nothing is `empty: {}`");
                }
            }
            "cwd" => bash.cwd = read::text(node, "cwd", problems),
            "env" => bash.env = read::environment(node, "env", problems),
            "shell" => bash.shell = read::text(node, "shell", problems)?,
            "skip_on_exit_code" => bash.skip_on_exit_code = skip_on_exit_code(node, problems),
            _ => bash.output_encoding = read::text(node, "output_encoding", problems)?,
        }
    }
    if !has_command {
        problems.error(node.at, "`bash` lacks its `command`");
    }
    Some(bash)
}

fn skip_on_exit_code(node: &Node, problems: &mut Problems) -> Option<i32> {
    if matches!(node.value, Value::Null) {
        return None;
    }
    let code: i32 = read::whole(node, "skip_on_exit_code", 1, problems)?;
    if code > 255 {
        problems.error(node.at, format!("an exit code is between 1 and 255, not {code}"));
    }
    Some(code)
}

pub(super) fn python(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Python> {
    let mut calls: Vec<(PythonCall, Place)> = Vec::new();
    let mut python = Python {
        call: PythonCall::Code(String::new()),
        args: Vec::new(),
        kwargs: serde_json::Map::new(),
        interpreter: None,
    };
    let mut args_at = None;
    let mut kwargs_at = None;
    for (key, node) in entries(node, "callable", defaults, problems)? {
        if !read::is_to_be_read(&key, node, keys::PYTHON, "`python`", problems) {
            continue;
        }
        match key.name.as_str() {
            "args" | "kwargs" => templates.check(node, problems),
            // Python has braces of its own.
            "code" => {}
            other => templates.refuse(node, other, problems),
        }
        match key.name.as_str() {
            "callable" => {
                let name = read::text(node, "callable", problems)?;
                check_callable(&name, node, problems);
                calls.push((PythonCall::Callable(name), key.at));
            }
            "script" => calls.push((PythonCall::Script(read::text(node, "script", problems)?), key.at)),
            "code" => calls.push((PythonCall::Code(read::text(node, "code", problems)?), key.at)),
            "args" => {
                args_at = Some(key.at);
                python.args = read::list(node, "args", problems).iter().map(Node::to_json).collect();
            }
            "kwargs" => {
                kwargs_at = Some(key.at);
                python.kwargs = mapping_to_json(read::mapping(node, "kwargs", problems)?);
            }
            _ => python.interpreter = read::text(node, "interpreter", problems),
        }
    }
    if let Some((_, at)) = calls.get(1) {
        problems.error(*at, "`python` takes one of `callable`, `script` and `code`, not two");
    }
    let Some((call, _)) = calls.into_iter().next() else {
        problems.error(node.at, "`python` lacks its `callable`, `script` or `code`");
        return None;
    };
    match (&call, args_at, kwargs_at) {
        (PythonCall::Script(_), _, Some(at)) => {
            problems.error(at, "a script takes `args`, not `kwargs`");
        }
        (PythonCall::Code(_), Some(at), _) => {
            problems.error(at, "inline code takes `kwargs`, not `args`");
        }
        _ => {}
    }
    python.call = call;
    Some(python)
}

/// The `python` of a branch or short circuit, whose value decides something.
fn deciding(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Python> {
    let python = python(node, defaults, templates, problems)?;
    if matches!(python.call, PythonCall::Script(_)) {
        problems.error(node.at, "a script returns nothing to decide by; use `callable` or `code`");
    }
    Some(python)
}

fn check_callable(name: &str, node: &Node, problems: &mut Problems) {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|character| character.is_alphanumeric() || character == '_')
    };
    let is_file = name.to_ascii_lowercase().ends_with(".py") || name.contains('/');
    // A template here has been refused already.
    if name.contains("{{") || (!is_file && name.contains('.') && name.split('.').all(is_identifier)) {
        return;
    }
    let help = is_file.then(|| format!("a file is run with `python: {{script: {name}}}`"));
    problems.error_with_help(node.at, format!("`{name}` is not a callable; write `module.function`"), help);
}

fn branch(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Branch> {
    match &node.value {
        Value::Text(text) => {
            templates.check(node, problems);
            Some(Branch::Expression(text.clone()))
        }
        Value::Mapping(own) => {
            let mut found = None;
            for (key, node) in own {
                if read::is_to_be_read(key, node, keys::BRANCH, "`branch`", problems) {
                    found = deciding(node, defaults, templates, problems);
                }
            }
            if own.is_empty() {
                problems.error(node.at, "`branch` lacks its template or its `python`");
            }
            found.map(Branch::Python)
        }
        _ => {
            problems.wrong_kind(node, "branch", "a template or a mapping with `python`");
            None
        }
    }
}

fn short_circuit(
    node: &Node,
    defaults: &[&Mapping],
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<ShortCircuit> {
    match &node.value {
        Value::Text(text) => {
            templates.check(node, problems);
            let condition = Condition::Expression(text.clone());
            Some(ShortCircuit { condition, ignore_downstream_trigger_rules: true })
        }
        Value::Mapping(own) => {
            let (mut found, mut is_given, mut ignores) = (None, false, true);
            for (key, node) in own {
                is_given |= key.name == "python";
                if !read::is_to_be_read(key, node, keys::SHORT_CIRCUIT, "`short_circuit`", problems) {
                    continue;
                }
                if key.name == "python" {
                    found = deciding(node, defaults, templates, problems);
                } else {
                    ignores = read::flag(node, &key.name, problems).unwrap_or(true);
                }
            }
            if !is_given {
                problems.error(node.at, "`short_circuit` lacks its template or its `python`");
            }
            found.map(|python| ShortCircuit {
                condition: Condition::Python(python),
                ignore_downstream_trigger_rules: ignores,
            })
        }
        _ => {
            problems.wrong_kind(node, "short_circuit", "a template or a mapping with `python`");
            None
        }
    }
}

/// Whether a table has a key.
pub(super) fn is_known(keys: Keys, name: &str) -> bool {
    keys::takes(keys, name).is_some()
}
