//! The JSON of `--conf`.

use std::io::Read;

use anyhow::Context;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Reads `{"day": "2026-01-01"}`, `@FILE`, or `@-` for stdin.
pub(crate) fn read(argument: &str) -> anyhow::Result<Map<String, Value>> {
    let Some(file) = argument.strip_prefix('@') else { return parse(argument, "--conf") };
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read")?;
        return parse(&text, "stdin");
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("the file {file} of --conf cannot be read: {error}")))?;
    parse(&text, file)
}

/// Reads a JSON object; `from` is where it came from, for the failure.
pub(crate) fn parse(text: &str, from: &str) -> anyhow::Result<Map<String, Value>> {
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(text, from, &error))?;
    match value {
        Value::Object(conf) => Ok(conf),
        other => {
            let what = match other {
                Value::Array(_) => "a list",
                Value::String(_) => "a string",
                Value::Null => "null",
                _ => "a number or a boolean",
            };
            Err(Failure::usage(format!(
                "{from} must be a JSON object such as '{{\"day\": \"2026-01-01\"}}', not {what}"
            ))
            .into())
        }
    }
}

/// The line with a caret under the place.
fn not_json(text: &str, from: &str, error: &serde_json::Error) -> Failure {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // serde_json counts columns in bytes from 1, and gives 0 at the start of a line.
    let before = line.get(..error.column().saturating_sub(1)).unwrap_or(line);
    let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let place = format!("line {}, column {}", error.line(), error.column());
    Failure::usage(format!("{from} is not JSON: {message} ({place})\n  {line}\n  {indent}^"))
        .hint("names and strings stand in double quotes, and the shell wants single quotes around the whole")
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn problem(text: &str) -> String {
        parse(text, "--conf").unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_json_is_shown_with_its_place() {
        insta::assert_snapshot!(problem("{day: 1}"), @r"
        --conf is not JSON: key must be a string (line 1, column 2)
          {day: 1}
           ^
        ");
        insta::assert_snapshot!(problem("{\"a\": 1,\n \"b\" 2}"), @r#"
        --conf is not JSON: expected `:` (line 2, column 6)
           "b" 2}
               ^
        "#);
    }

    #[test]
    fn only_an_object_is_a_conf() {
        insta::assert_snapshot!(problem("[1]"), @r#"--conf must be a JSON object such as '{"day": "2026-01-01"}', not a list"#);
        assert!(parse(r#"{"day": "2026-01-01"}"#, "--conf").is_ok());
    }
}
