//! SARIF 2.1.0 (OASIS, 2020): the format of code scanners.

use model::dag_file::{Problem, Severity};
use serde_json::{Value, json};

use super::Checked;

/// The one rule: everything that keeps a file from being a DAG.
const RULE: &str = "dag-file";

/// The report of one run over files.
pub(super) fn report(files: &[Checked]) -> Value {
    let results: Vec<Value> =
        files.iter().flat_map(|file| file.problems.iter().map(|problem| result(&file.path, problem))).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "flowctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [{"id": RULE, "shortDescription": {"text": "The DAG file is not accepted"}}],
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(path: &str, problem: &Problem) -> Value {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let mut location = json!({"artifactLocation": {"uri": uri(path)}});
    if problem.line > 0 {
        location["region"] = json!({
            "startLine": problem.line,
            "startColumn": problem.column,
            "endColumn": problem.column + problem.length,
        });
    }
    json!({
        "ruleId": RULE,
        "level": level,
        "message": {"text": format!("{}{help}", problem.message)},
        "locations": [{"physicalLocation": location}],
    })
}

/// A path as a URI reference; an absolute path with the scheme.
fn uri(path: &str) -> String {
    let encoded: String = path
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if encoded.starts_with('/') { format!("file://{encoded}") } else { encoded }
}
