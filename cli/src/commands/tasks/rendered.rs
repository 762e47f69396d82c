//! `flowctl tasks rendered`.

use std::process::ExitCode;

use api::TaskInstance;
use serde_json::{Map, Value};

use super::TaskArguments;
use crate::globals::Globals;
use crate::output::{Format, print};

/// Prints each field with its value.
pub(super) async fn run(globals: &Globals, arguments: &TaskArguments) -> anyhow::Result<ExitCode> {
    let instance = arguments.load(&globals.client()?).await?;
    let fields = &instance.rendered_fields;
    match globals.output().format() {
        Format::Json | Format::Yaml => globals.output().data(fields)?,
        Format::Table | Format::Plain if fields.is_empty() => anstream::eprintln!("{}", nothing(&instance)),
        Format::Table | Format::Plain => print(&text(fields))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to say when there is nothing to show.
fn nothing(instance: &TaskInstance) -> String {
    let TaskInstance { task_id, state, operator, .. } = instance;
    let begins = format!("the templates of `{task_id}` are rendered when it starts");
    match state.as_deref() {
        None => format!("{begins}; it is not scheduled yet"),
        Some(state @ ("scheduled" | "queued" | "upstream_failed" | "removed")) => format!("{begins}; it is {state}"),
        Some(state) => {
            let operator = operator.as_deref().unwrap_or("task");
            format!("nothing is kept of the templates of `{task_id}` ({operator}, {state})")
        }
    }
}

/// One block a field; a text as it is, anything else as JSON.
fn text(fields: &Map<String, Value>) -> String {
    let mut blocks = Vec::new();
    for (field, value) in fields {
        let value = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
        let lines: Vec<_> = value.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        blocks.push(format!("{field}:\n{}", lines.join("\n")));
    }
    blocks.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_is_a_block_with_texts_as_they_are() {
        let fields = json!({"bash": "echo a\necho b", "env": {"DAY": "2026-01-01"}, "kwargs": {"x": [1]}});
        let Value::Object(fields) = fields else { unreachable!() };
        insta::assert_snapshot!(text(&fields), @r#"
        bash:
          echo a
          echo b
        env:
          {
            "DAY": "2026-01-01"
          }
        kwargs:
          {
            "x": [
              1
            ]
          }
        "#);
    }
}
