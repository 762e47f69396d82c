//! `macros`: Airflow's functions for templates, as far as the same inputs give the same text every time.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use minijinja::value::{Kwargs, Object, ObjectRepr, Serde, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use super::delta::Delta;
use super::language::{no_method, wrong};
use super::moment::Moment;
use super::pattern;

/// What there is.
pub(super) const NAMES: [&str; 6] =
    ["ds_add", "ds_format", "datetime", "timedelta", "datetime_diff_for_humans", "json"];

/// What Airflow has beside these, and what to do instead.
pub(super) const REFUSED: [(&str, &str); 6] = [
    ("ds_format_locale", "use `macros.ds_format`, or format it in the task"),
    ("dateutil", "use `.add(months=1)` and `.start_of('month')` of a datetime"),
    ("time", "it asks the clock; use `data_interval_end` or `dag_run.start_date`"),
    ("uuid", "it is different every time; use `run_id` and `ti.try_number`, or make one in the task"),
    ("random", "it is different every time; make random numbers in the task"),
    ("yaml", "use `| tojson`: JSON is YAML"),
];

/// Methods of `macros.datetime`.
pub(super) const DATETIME_METHODS: [&str; 3] = ["strptime", "fromisoformat", "fromtimestamp"];
/// Methods of `macros.json`.
pub(super) const JSON_METHODS: [&str; 2] = ["dumps", "loads"];
/// Deeper JSON is a mistake, and taking it apart needs stack.
const MAX_JSON: usize = 1_000_000;

/// `macros` itself.
#[derive(Debug)]
pub(super) struct Macros;

#[derive(Debug, Clone, Copy)]
enum Macro {
    DsAdd,
    DsFormat,
    Datetime,
    Timedelta,
    DatetimeDiffForHumans,
    Json,
}

/// The reason why a macro of Airflow is not there.
pub(super) fn refusal(name: &str) -> Option<String> {
    let (_, instead) = REFUSED.iter().find(|(refused, _)| *refused == name)?;
    Some(format!("`macros.{name}` is not supported: {instead}"))
}

impl Object for Macros {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        Some(Value::from_object(match name {
            "ds_add" => Macro::DsAdd,
            "ds_format" => Macro::DsFormat,
            "datetime" => Macro::Datetime,
            "timedelta" => Macro::Timedelta,
            "datetime_diff_for_humans" => Macro::DatetimeDiffForHumans,
            "json" => Macro::Json,
            _ => return refusal(name).map(|reason| Value::from(wrong(reason))),
        }))
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match self.get_value(&Value::from(name)) {
            Some(function) => function.call(state, args),
            None => Err(no_method("`macros`", name, &NAMES)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("macros")
    }
}

impl Object for Macro {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match **self {
            Self::DsAdd => {
                let (ds, days): (&str, i64) = from_args(args)?;
                let moved = date(ds)?.checked_add(jiff::SignedDuration::from_hours(
                    days.saturating_mul(24).clamp(-100_000_000, 100_000_000),
                ));
                moved.map(|date| date.to_string().into()).map_err(|error| wrong(format!("no such day: {error}")))
            }
            Self::DsFormat => {
                let (text, input, output): (&str, &str, &str) = from_args(args)?;
                let (civil, zoned) = pattern::strptime(text, input)?;
                let moment = zoned.map_or_else(|| Moment::naive(civil), |at| Ok(Moment::aware(at)))?;
                moment.strftime(output).map(Value::from)
            }
            Self::Datetime => datetime(args),
            Self::Timedelta => Delta::from_python(args).map(Value::from_object),
            Self::DatetimeDiffForHumans => {
                let (at, since): (&Value, Option<&Value>) = from_args(args)?;
                let moment = |value: &Value| value.downcast_object_ref::<Moment>().cloned();
                let Some(since) = since.and_then(moment) else {
                    return Err(wrong(
                        "`macros.datetime_diff_for_humans` needs two datetimes: it does not ask the clock".to_owned(),
                    ));
                };
                let at = moment(at).ok_or_else(|| wrong("`datetime_diff_for_humans` takes datetimes".to_owned()))?;
                difference_in_words(&at, &since).map(Value::from)
            }
            Self::Json => Err(wrong("`macros.json` is called as `macros.json.dumps(…)` or `.loads(…)`".to_owned())),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (**self, method) {
            (Self::Datetime, "strptime") => {
                let (text, form): (&str, &str) = from_args(args)?;
                let (civil, zoned) = pattern::strptime(text, form)?;
                zoned.map_or_else(|| Moment::naive(civil), |at| Ok(Moment::aware(at))).map(Value::from_object)
            }
            (Self::Datetime, "fromisoformat") => {
                Moment::from_iso(from_args::<(&str,)>(args)?.0).map(Value::from_object)
            }
            (Self::Datetime, "fromtimestamp") => {
                let (seconds,): (f64,) = from_args(args)?;
                #[expect(clippy::cast_possible_truncation, reason = "as Python rounds; out of range is refused below")]
                let at = jiff::Timestamp::from_microsecond((seconds * 1_000_000.0).round() as i64);
                at.map(|at| Value::from_object(Moment::utc(at)))
                    .map_err(|error| wrong(format!("no such time: {error}")))
            }
            (Self::Datetime, "now" | "utcnow" | "today") => Err(wrong(format!(
                "`macros.datetime.{method}` is not supported: it asks the clock; use `data_interval_end` or \
                 `dag_run.start_date`"
            ))),
            (Self::Datetime, _) => Err(no_method("`macros.datetime`", method, &DATETIME_METHODS)),
            (Self::Json, "dumps") => {
                let (value, kwargs): (&Value, Kwargs) = from_args(args)?;
                let indent: Option<usize> = kwargs.get("indent")?;
                let sorted: Option<bool> = kwargs.get("sort_keys")?;
                let _: Option<bool> = kwargs.get("ensure_ascii")?;
                kwargs.assert_all_used()?;
                dumps(value, indent, sorted == Some(true), state)
            }
            (Self::Json, "loads") => {
                let (text,): (&str,) = from_args(args)?;
                if text.len() > MAX_JSON {
                    return Err(wrong(format!("`json.loads` takes {MAX_JSON} bytes at most")));
                }
                state.consume_fuel(u64::try_from(text.len() / 4).unwrap_or(u64::MAX))?;
                let value: serde_json::Value =
                    serde_json::from_str(text).map_err(|error| wrong(format!("this is not JSON: {error}")))?;
                Ok(Value::from(Serde(value)))
            }
            (Self::Json, _) => Err(no_method("`macros.json`", method, &JSON_METHODS)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn date(ds: &str) -> Result<Date, Error> {
    ds.parse().map_err(|_| wrong(format!("`{ds}` is not a day; write it as `2026-01-01`")))
}

/// Python's `datetime(year, month, day, hour=0, minute=0, second=0, microsecond=0)`, naive.
fn datetime(args: &[Value]) -> Result<Value, Error> {
    const PARTS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
    let (given, kwargs): (&[Value], Kwargs) = from_args(args)?;
    let mut parts = [0_i32; 7];
    for (position, name) in PARTS.into_iter().enumerate() {
        let value = match given.get(position) {
            Some(value) => Some(value.clone()),
            None => kwargs.get::<Option<Value>>(name)?,
        };
        parts[position] = match value {
            Some(value) => i32::try_from(value)?,
            None if position < 3 => return Err(wrong(format!("`macros.datetime` needs its `{name}`"))),
            None => 0,
        };
    }
    kwargs.assert_all_used()?;
    if given.len() > PARTS.len() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let [year, month, day, hour, minute, second, micros] = parts;
    let small = |part: i32| i8::try_from(part).unwrap_or(-1);
    let civil = jiff::civil::DateTime::new(
        i16::try_from(year).unwrap_or(i16::MIN),
        small(month),
        small(day),
        small(hour),
        small(minute),
        small(second),
        micros.checked_mul(1000).unwrap_or(-1),
    );
    civil.map_err(|error| wrong(format!("no such time: {error}"))).and_then(Moment::naive).map(Value::from_object)
}

/// Pendulum's words: `2 hours after`, `1 day before`.
fn difference_in_words(at: &Moment, since: &Moment) -> Result<String, Error> {
    let seconds = at.since(since)?.micros() / 1_000_000;
    let (from, to) = if seconds < 0 { (at, since) } else { (since, at) };
    let span = from.zoned().until((jiff::Unit::Year, to.zoned())).map_err(|error| wrong(error.to_string()))?;
    let (weeks, days) = (span.get_days() / 7, span.get_days() % 7);
    let units = [
        (i64::from(span.get_years()), i64::from(span.get_months() > 6), "year"),
        (i64::from(span.get_months()), i64::from(weeks >= 3 && days > 0), "month"),
        (i64::from(weeks), i64::from(days > 3), "week"),
        (i64::from(days), i64::from(span.get_hours() >= 22), "day"),
        (i64::from(span.get_hours()), 0, "hour"),
        (span.get_minutes(), 0, "minute"),
        (span.get_seconds(), 0, "second"),
    ];
    let (amount, unit) = units
        .into_iter()
        .find(|(whole, _, _)| *whole > 0)
        .map_or((0, "second"), |(whole, rounded, unit)| (whole + rounded, unit));
    let direction = if seconds < 0 { "before" } else { "after" };
    if unit == "second" && amount <= 10 {
        return Ok(format!("a few seconds {direction}"));
    }
    Ok(format!("{amount} {unit}{} {direction}", if amount == 1 { "" } else { "s" }))
}

/// Python's `json.dumps` with `ensure_ascii=False`: a blank after `,` and `:`.
fn dumps(value: &Value, indent: Option<usize>, is_sorted: bool, state: &State<'_, '_>) -> Result<Value, Error> {
    if indent.is_some_and(|indent| indent > 16) {
        return Err(wrong("`indent` of `json.dumps` may be 16".to_owned()));
    }
    let mut json = super::json::from_template(value).map_err(wrong)?;
    if is_sorted {
        json.sort_all_objects();
    }
    let text = super::json::dumps(&json, indent);
    state.consume_fuel(u64::try_from(text.len() / 4).unwrap_or(u64::MAX))?;
    Ok(text.into())
}
