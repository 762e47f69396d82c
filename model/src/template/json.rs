//! Values of templates as JSON and back.

use minijinja::Value;
use minijinja::value::{Serde, ValueKind};
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value as Json};
use std::io;

/// A value may hold parts of itself many times; as JSON each is written out. More than this is a mistake.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What `serde_json` reads back.
const MAX_DEPTH: usize = 100;

/// A value as JSON: times as their text. The error says what is not JSON.
pub(super) fn from_template(value: &Value) -> Result<Json, String> {
    let mut budget = MAX_BYTES;
    convert(value, MAX_DEPTH, &mut budget)
}

fn convert(value: &Value, depth: usize, budget: &mut usize) -> Result<Json, String> {
    if depth == 0 {
        return Err(format!("the value is nested deeper than {MAX_DEPTH} levels"));
    }
    let size = value.as_str().map_or(16, |text| text.len() + 16);
    *budget = budget.checked_sub(size).ok_or_else(|| format!("the value is larger than {MAX_BYTES} bytes"))?;
    match value.kind() {
        ValueKind::Undefined => Err("a part of the value is undefined".to_owned()),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => Ok(Json::String(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            items.map(|item| convert(&item, depth - 1, budget)).collect()
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter().map_err(|error| error.to_string())? {
                let item = value.get_item(&key).map_err(|error| error.to_string())?;
                map.insert(key.to_string(), convert(&item, depth - 1, budget)?);
            }
            Ok(Json::Object(map))
        }
        ValueKind::Plain => Ok(Json::String(value.to_string())),
        ValueKind::Invalid => Err(value.to_string()),
        other => Err(format!("{other} is not JSON")),
    }
}

fn number(value: &Value) -> Result<Json, String> {
    if let (true, Ok(whole)) = (value.is_integer(), i64::try_from(value.clone())) {
        return Ok(whole.into());
    }
    if let (true, Ok(whole)) = (value.is_integer(), u64::try_from(value.clone())) {
        return Ok(whole.into());
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(serde_json::Number::from_f64)
        .map(Json::Number)
        .ok_or_else(|| format!("{value} is not a number of JSON"))
}

/// A JSON value as Jinja prints it: `True`, `None`, `['a', 1]`.
pub fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => Value::from(Serde(other)).to_string(),
    }
}

/// As Python's `json.dumps(ensure_ascii=False)` writes it.
pub(super) fn dumps(value: &Json, indent: Option<usize>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = match indent {
        Some(indent) => {
            let spaces = " ".repeat(indent);
            let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Blanks)),
    };
    String::from_utf8(bytes).unwrap_or_default()
}

/// Python's separators: `, ` and `: `.
struct Blanks;

impl Formatter for Blanks {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
