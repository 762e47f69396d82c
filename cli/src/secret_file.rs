//! Variables and connections in files, as Airflow writes and reads them: an object by name in JSON or YAML, or lines of
//! `NAME=VALUE`. No message repeats a value: any may be a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use model::connection::{Connection, dumps};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::output::print;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// An object by name.
    Json,
    /// The same.
    Yaml,
    /// Lines of `NAME=VALUE`.
    Env,
}

impl FileFormat {
    /// The one that is asked for, else that of the file's name; stdin and stdout are JSON.
    pub(crate) fn of(asked: Option<Self>, file: &str) -> anyhow::Result<Self> {
        if let Some(asked) = asked {
            return Ok(asked);
        }
        // A file may be called `.env` as a whole.
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        match name.rsplit('.').next() {
            _ if file == "-" => Ok(Self::Json),
            Some("json") => Ok(Self::Json),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("env") => Ok(Self::Env),
            _ => Err(Failure::usage(format!("what {file} holds does not follow from its name"))
                .hint("end it in .json, .yaml or .env, or say --file-format")
                .into()),
        }
    }
}

/// Values by name.
pub(crate) fn read(file: &str, format: FileFormat) -> anyhow::Result<Map<String, Value>> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read")?;
    } else {
        text =
            std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{file} cannot be read: {error}")))?;
    }
    parse(&text, format).map_err(|why| Failure::usage(format!("{file} cannot be imported: {why}")).into())
}

fn parse(text: &str, format: FileFormat) -> Result<Map<String, Value>, String> {
    let value = match format {
        FileFormat::Json => serde_json::from_str(text)
            .map_err(|error| format!("line {}, column {} is not JSON", error.line(), error.column()))?,
        FileFormat::Yaml => serde_saphyr::from_str(text).map_err(|error| match error.location() {
            Some(place) => format!("line {}, column {} is not YAML", place.line(), place.column()),
            None => "it is not YAML".to_owned(),
        })?,
        FileFormat::Env => return lines(text),
    };
    match value {
        Value::Object(object) => Ok(object),
        _ => Err("it is not an object with values by name".to_owned()),
    }
}

fn lines(text: &str) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| format!("line {number} has no `=`"))?;
        if name.is_empty() || value.is_empty() {
            return Err(format!("line {number} lacks a name or a value"));
        }
        if values.insert(name.to_owned(), value.into()).is_some() {
            return Err(format!("line {number} gives `{name}` a second time"));
        }
    }
    Ok(values)
}

/// Connections from values by name: a URI, or an object with the fields.
pub(crate) fn connections(values: Map<String, Value>) -> Result<BTreeMap<String, Connection>, String> {
    let one = |(id, value): (String, Value)| {
        let connection = match value {
            Value::String(text) => Connection::parse(&text),
            Value::Object(fields) => Connection::from_fields(fields),
            _ => return Err(format!("`{id}` is neither a URI nor an object")),
        };
        connection.map(|connection| (id.clone(), connection)).map_err(|error| format!("`{id}`: {error}"))
    };
    values.into_iter().map(one).collect()
}

/// A connection as Airflow's exports have it.
pub(crate) fn exported(connection: &Connection) -> Value {
    json!({
        "conn_type": connection.conn_type,
        "description": connection.description,
        "login": connection.login,
        "password": connection.password,
        "host": connection.host,
        "port": connection.port,
        "schema": connection.schema,
        "extra": connection.extra,
    })
}

/// Writes values by name to a file that only its owner reads, or to stdout.
pub(crate) fn write(file: &str, format: FileFormat, values: &Map<String, Value>) -> anyhow::Result<()> {
    let text = match format {
        FileFormat::Json => serde_json::to_string_pretty(values)?,
        FileFormat::Yaml => serde_saphyr::to_string(values)?,
        FileFormat::Env => env_lines(values)?,
    };
    let text = text.trim_end();
    if file == "-" {
        return if text.is_empty() { Ok(()) } else { print(text) };
    }
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    opened
        .and_then(|mut opened| opened.write_all(format!("{text}\n").as_bytes()))
        .with_context(|| format!("{file} cannot be written"))
}

fn env_lines(values: &Map<String, Value>) -> anyhow::Result<String> {
    let mut lines = String::new();
    for (name, value) in values {
        let text = value.as_str().map_or_else(|| dumps(value), str::to_owned);
        if text.contains(['\n', '\r']) {
            let failure = Failure::usage(format!("`{name}` has several lines, which no line of an env file can hold"));
            return Err(failure.hint("choose --file-format json or yaml").into());
        }
        let _ = writeln!(lines, "{name}={text}");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_airflow_exports_is_understood() {
        let text = r#"{"db": {"conn_type": "postgres", "description": null, "login": "u", "password": "p", "host": "h",
            "port": 5432, "schema": "s", "extra": "{\"sslmode\": \"require\"}"}, "api": "http://h"}"#;
        let read = connections(parse(text, FileFormat::Json).unwrap()).unwrap();
        assert_eq!(read["db"].uri(), "postgres://u:p@h:5432/s?sslmode=require");
        assert_eq!(read["api"].conn_type, "http");
        let yaml = serde_saphyr::to_string(&exported(&read["db"])).unwrap();
        let indented = yaml.trim_end().replace('\n', "\n  ");
        let again = connections(parse(&format!("db:\n  {indented}\n"), FileFormat::Yaml).unwrap()).unwrap();
        assert_eq!(again["db"], read["db"]);
        let env = connections(parse("# mine\n\ndb=postgres://u:p@h/s?a=b\n", FileFormat::Env).unwrap()).unwrap();
        assert_eq!(env["db"].uri(), "postgres://u:p@h/s?a=b");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_not_repeated() {
        let wrong = [
            (FileFormat::Json, "{\"a\": hunter2}", "line 1, column 7 is not JSON"),
            (FileFormat::Json, "[\"hunter2\"]", "it is not an object with values by name"),
            (FileFormat::Env, "A=1\nhunter2", "line 2 has no `=`"),
            (FileFormat::Env, "A=1\nA=hunter2", "line 2 gives `A` a second time"),
            (FileFormat::Env, "A=", "line 1 lacks a name or a value"),
        ];
        for (format, text, expected) in wrong {
            assert_eq!(parse(text, format).unwrap_err(), expected, "{text}");
        }
        let error = connections(parse("{\"a\": \"hunter2\"}", FileFormat::Json).unwrap()).unwrap_err();
        assert!(error.starts_with("`a`: it is not a connection URI") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_form_follows_from_the_name() {
        let of = |file| FileFormat::of(None, file).ok();
        assert_eq!(of("a/b.yml"), Some(FileFormat::Yaml));
        assert_eq!(of(".env"), Some(FileFormat::Env));
        assert_eq!(of("-"), Some(FileFormat::Json));
        assert_eq!(of("conns"), None);
        assert_eq!(FileFormat::of(Some(FileFormat::Env), "conns").ok(), Some(FileFormat::Env));
    }
}
