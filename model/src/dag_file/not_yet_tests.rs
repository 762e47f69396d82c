//! What the language has and flowctl does not run yet is refused by name, where it stands: never ignored, never called
//! unknown.

use super::tests::mistakes;

/// Each file has exactly one problem, at the text beside it.
const FILES: &[(&str, &str)] = &[
    ("tasks: [{id: a, http: 'https://example.org'}]", "http"),
    ("tasks: [{id: a, sql: {conn_id: c, sql: select 1}}]", "sql"),
    ("tasks: [{id: a, container: {image: alpine}}]", "container"),
    ("tasks: [{id: a, evaluate: {predictions: p.csv, k: [5, 10]}}]", "evaluate"),
    ("tasks: [{id: a, python: {callable: m.f, requirements: [x]}}]", "requirements"),
    ("tasks: [{id: a, python: {callable: m.f, preload: [pandas]}}]", "preload"),
    ("tasks: [{id: a, branch: {python: {callable: m.f, preload: [pandas]}}}]", "preload"),
    ("default_args: {python: {requirements: [x]}}\ntasks: [{id: a, python: m.f}]", "requirements"),
    ("default_args: {http: {method: GET}}\nTASKS", "http"),
];

/// Keys of a task, with a value that does not run yet.
const TASK_KEYS: &[(&str, &str)] = &[
    ("queue", "gpu"),
    ("executor", "kubernetes"),
    ("expect", "['{{ true }}']"),
    ("only_latest", "true"),
    ("mutex", "serving"),
    ("metrics", "{file: metrics.json}"),
    ("artifacts", "[{path: model.bin, name: model}]"),
    ("resources", "{cpu: 1, memory: 1Gi}"),
];

/// Names of templates.
const NAMES: &[&str] = &["partition_key", "map_index_template"];

fn is_refused_at(file: &str, text: &str) {
    let file = file.replace("TASKS", "tasks: [{id: a, empty: {}}]");
    let before = &file[..file.find(text).expect("the text is in the file")];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let shown = mistakes(&file);
    assert!(shown.starts_with(&format!("{line}:{column} ")), "{file}\n{shown}");
    assert!(shown.contains(" is not supported yet"), "{file}\n{shown}");
    assert_eq!(shown.lines().count(), 1, "{file}\n{shown}");
}

#[test]
fn what_does_not_run_yet_is_refused_by_name_where_it_stands() {
    for (file, text) in FILES {
        is_refused_at(file, text);
    }
}

#[test]
fn a_key_of_a_task_that_does_not_run_yet_is_refused_there_and_in_default_args() {
    for (key, value) in TASK_KEYS {
        is_refused_at(&format!("tasks: [{{id: a, bash: x, {key}: {value}}}]"), key);
        is_refused_at(
            &format!("default_args: {{{key}: {value}}}\ntasks: [{{id: a, bash: x}}, {{id: b, bash: y}}]"),
            key,
        );
    }
}

#[test]
fn a_name_of_a_template_that_has_no_value_yet_is_refused_where_it_stands() {
    for name in NAMES {
        is_refused_at(&format!("tasks: [{{id: a, bash: 'echo {{{{ {name} }}}}'}}]"), name);
    }
}
