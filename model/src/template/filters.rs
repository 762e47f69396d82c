//! Airflow's filters.

use jiff::civil::DateTime;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use super::language::wrong;
use super::moment::Moment;

/// Airflow's filters for times and what they print (`airflow/sdk/definitions/_internal/templater.py`).
pub(super) const PATTERNS: [(&str, &str); 5] = [
    ("ds", "%Y-%m-%d"),
    ("ds_nodash", "%Y%m%d"),
    ("ts", ""),
    ("ts_nodash", "%Y%m%dT%H%M%S"),
    ("ts_nodash_with_tz", "%Y%m%dT%H%M%S%z"),
];

pub(super) fn add_to(environment: &mut Environment<'static>) {
    for (name, pattern) in PATTERNS {
        environment.add_filter(name, move |value: Value| printed(name, pattern, &value));
    }
}

/// None stays None, as in Airflow.
fn printed(filter: &str, pattern: &str, value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(Value::from(()));
    }
    let moment = moment_of(value).map_err(|message| wrong(format!("`| {filter}` {message}")))?;
    Ok(if pattern.is_empty() { moment.isoformat("T").into() } else { moment.strftime(pattern)?.into() })
}

/// A time, or the text of one (an XCom is JSON, so a time in it is a text).
fn moment_of(value: &Value) -> Result<Moment, String> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Ok(moment.clone());
    }
    match value.as_str() {
        Some(text) => text
            .parse::<DateTime>()
            .map_err(|_| ())
            .and_then(|_| Moment::from_iso(text).map_err(|_| ()))
            .map_err(|()| format!("takes a time, and `{text}` is not one")),
        None if value.kind() == ValueKind::Undefined => Err("takes a time, not something undefined".to_owned()),
        None => Err(format!("takes a time, not a {}", value.kind())),
    }
}
