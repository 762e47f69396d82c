//! Python's `datetime`, with what pendulum adds to it.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use minijinja::value::{DynObject, Kwargs, Object, ObjectRepr, Value, from_args};
use minijinja::{Error, State};

use super::day::Day;
use super::delta::Delta;
use super::language::{no_method, wrong};
use super::pattern;

/// A point in time, aware of its zone or naive (then `at` is in UTC and its zone means nothing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    at: Zoned,
    is_aware: bool,
}

/// Attributes of a datetime.
pub(super) const ATTRIBUTES: [&str; 16] = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "microsecond",
    "tzinfo",
    "timezone_name",
    "day_of_week",
    "day_of_year",
    "week_of_year",
    "days_in_month",
    "quarter",
    "int_timestamp",
    "float_timestamp",
];

/// Methods of a datetime.
pub(super) const METHODS: [&str; 23] = [
    "isoformat",
    "strftime",
    "format",
    "date",
    "timestamp",
    "weekday",
    "isoweekday",
    "add",
    "subtract",
    "replace",
    "in_timezone",
    "in_tz",
    "astimezone",
    "start_of",
    "end_of",
    "diff",
    "to_date_string",
    "to_datetime_string",
    "to_time_string",
    "to_iso8601_string",
    "naive",
    "utcoffset",
    "tzname",
];

/// So many of a unit.
type MakeSpan = fn(i64) -> Result<Span, jiff::Error>;

/// Pendulum's units, greatest first.
const SPANS: [(&str, MakeSpan); 8] = [
    ("years", |amount| Span::new().try_years(amount)),
    ("months", |amount| Span::new().try_months(amount)),
    ("weeks", |amount| Span::new().try_weeks(amount)),
    ("days", |amount| Span::new().try_days(amount)),
    ("hours", |amount| Span::new().try_hours(amount)),
    ("minutes", |amount| Span::new().try_minutes(amount)),
    ("seconds", |amount| Span::new().try_seconds(amount)),
    ("microseconds", |amount| Span::new().try_microseconds(amount)),
];

impl Moment {
    /// An instant in UTC.
    pub(super) fn utc(at: Timestamp) -> Self {
        Self { at: at.to_zoned(TimeZone::UTC), is_aware: true }
    }

    pub(super) const fn aware(at: Zoned) -> Self {
        Self { at, is_aware: true }
    }

    /// A time without a zone.
    pub(super) fn naive(at: DateTime) -> Result<Self, Error> {
        Ok(Self { at: at.to_zoned(TimeZone::UTC).map_err(out_of_range)?, is_aware: false })
    }

    /// Reads what Python's `fromisoformat` reads: a date, or a time with or without an offset.
    pub(super) fn from_iso(text: &str) -> Result<Self, Error> {
        if let Ok(at) = text.parse::<Timestamp>() {
            let zone = jiff::fmt::temporal::Pieces::parse(text)
                .ok()
                .and_then(|pieces| pieces.to_numeric_offset())
                .map_or(TimeZone::UTC, TimeZone::fixed);
            return Ok(Self::aware(at.to_zoned(zone)));
        }
        let naive: DateTime = text.parse().map_err(|_| {
            wrong(format!("`{text}` is not a time; write it as `2026-01-01` or `2026-01-01T06:00:00+09:00`"))
        })?;
        Self::naive(naive)
    }

    pub(super) const fn zoned(&self) -> &Zoned {
        &self.at
    }

    pub(super) fn strftime(&self, form: &str) -> Result<String, Error> {
        pattern::strftime(&self.at, self.is_aware, form)
    }

    /// `isoformat` with a letter between date and time.
    pub(super) fn isoformat(&self, separator: &str) -> String {
        let time = self.at.datetime();
        let mut text = format!("{}{separator}{}", time.strftime("%Y-%m-%d"), time.strftime("%H:%M:%S"));
        let micros = time.subsec_nanosecond() / 1000;
        if micros != 0 {
            let _ = write!(text, ".{micros:06}");
        }
        if self.is_aware {
            text.push_str(&self.at.strftime("%:z").to_string());
        }
        text
    }

    fn same_kind(&self, at: Result<Zoned, jiff::Error>) -> Result<Self, Error> {
        Ok(Self { at: at.map_err(out_of_range)?, is_aware: self.is_aware })
    }

    /// Python moves the clock's hands, not the instant: a day later is the same time of the next day.
    pub(super) fn plus(&self, delta: Delta) -> Result<Self, Error> {
        let moved = self.at.datetime().checked_add(delta.signed());
        self.same_kind(moved.and_then(|civil| civil.to_zoned(self.at.time_zone().clone())))
    }

    pub(super) fn minus(&self, delta: Delta) -> Result<Self, Error> {
        let moved = self.at.datetime().checked_sub(delta.signed());
        self.same_kind(moved.and_then(|civil| civil.to_zoned(self.at.time_zone().clone())))
    }

    pub(super) fn since(&self, other: &Self) -> Result<Delta, Error> {
        if self.is_aware != other.is_aware {
            return Err(wrong("a time with a zone and one without cannot be subtracted".to_owned()));
        }
        Delta::from_signed(self.at.duration_since(&other.at))
    }

    /// Pendulum's `add` and `subtract`: years, months, weeks, days, hours, minutes, seconds, microseconds.
    fn moved(&self, args: &[Value], is_forward: bool) -> Result<Self, Error> {
        let (kwargs,): (Kwargs,) = from_args(args)?;
        let mut at = Ok(self.at.clone());
        // One unit after the other, because in one call they may have different signs, in a span they may not.
        for (name, span) in SPANS {
            let Some(amount) = kwargs.get::<Option<i64>>(name)? else { continue };
            at = at.and_then(|at| {
                let span = span(amount)?;
                if is_forward { at.checked_add(span) } else { at.checked_sub(span) }
            });
        }
        kwargs.assert_all_used()?;
        self.same_kind(at)
    }

    fn in_timezone(&self, name: &str) -> Result<Self, Error> {
        let zone = TimeZone::get(name)
            .map_err(|_| wrong(format!("there is no time zone `{name}`; use an IANA name such as `Asia/Seoul`")))?;
        Ok(Self::aware(self.at.with_time_zone(zone)))
    }

    fn replaced(&self, args: &[Value]) -> Result<Self, Error> {
        let (kwargs,): (Kwargs,) = from_args(args)?;
        let mut with = self.at.with();
        if let Some(year) = kwargs.get::<Option<i16>>("year")? {
            with = with.year(year);
        }
        if let Some(month) = kwargs.get::<Option<i8>>("month")? {
            with = with.month(month);
        }
        if let Some(day) = kwargs.get::<Option<i8>>("day")? {
            with = with.day(day);
        }
        if let Some(hour) = kwargs.get::<Option<i8>>("hour")? {
            with = with.hour(hour);
        }
        if let Some(minute) = kwargs.get::<Option<i8>>("minute")? {
            with = with.minute(minute);
        }
        if let Some(second) = kwargs.get::<Option<i8>>("second")? {
            with = with.second(second);
        }
        if let Some(micros) = kwargs.get::<Option<i32>>("microsecond")? {
            with = with.subsec_nanosecond(micros.saturating_mul(1000));
        }
        kwargs.assert_all_used()?;
        self.same_kind(with.build())
    }

    fn bound(&self, unit: &str, is_end: bool) -> Result<Self, Error> {
        let date = self.at.date();
        let first = |month: i8| Date::new(date.year(), month, 1);
        let (start, length) = match unit {
            "hour" => {
                let start = date.at(self.at.hour(), 0, 0, 0);
                return self.bounds(start, Span::new().hours(1), is_end);
            }
            "day" => (Ok(date), Span::new().days(1)),
            "week" => (
                date.checked_sub(Span::new().days(i64::from(date.weekday().to_monday_zero_offset()))),
                Span::new().days(7),
            ),
            "month" => (first(date.month()), Span::new().months(1)),
            "quarter" => (first((date.month() - 1) / 3 * 3 + 1), Span::new().months(3)),
            "year" => (first(1), Span::new().years(1)),
            other => {
                let message = format!("there is no unit `{other}`; use hour, day, week, month, quarter or year");
                return Err(wrong(message));
            }
        };
        self.bounds(start.map_err(out_of_range)?.to_datetime(jiff::civil::Time::midnight()), length, is_end)
    }

    fn bounds(&self, start: DateTime, length: Span, is_end: bool) -> Result<Self, Error> {
        let civil = if is_end {
            start.checked_add(length).and_then(|end| end.checked_sub(Span::new().microseconds(1)))
        } else {
            Ok(start)
        };
        self.same_kind(civil.and_then(|civil| civil.to_zoned(self.at.time_zone().clone())))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let at = &self.at;
        Some(match name {
            "year" => at.year().into(),
            "month" => at.month().into(),
            "day" => at.day().into(),
            "hour" => at.hour().into(),
            "minute" => at.minute().into(),
            "second" => at.second().into(),
            "microsecond" => (at.subsec_nanosecond() / 1000).into(),
            "tzinfo" | "timezone_name" if self.is_aware => self.zone_name().into(),
            "tzinfo" | "timezone_name" => Value::from(()),
            // As in pendulum 3 and Python: Monday is 0.
            "day_of_week" => at.weekday().to_monday_zero_offset().into(),
            "day_of_year" => at.day_of_year().into(),
            "week_of_year" => at.date().iso_week_date().week().into(),
            "days_in_month" => at.days_in_month().into(),
            "quarter" => ((at.month() - 1) / 3 + 1).into(),
            "int_timestamp" => at.timestamp().as_second().into(),
            "float_timestamp" => seconds_since_epoch(at).into(),
            _ => return None,
        })
    }

    fn zone_name(&self) -> String {
        self.at.time_zone().iana_name().map_or_else(|| self.at.strftime("%:z").to_string(), str::to_owned)
    }
}

#[expect(clippy::cast_precision_loss, reason = "Python's timestamp() is a float too")]
fn seconds_since_epoch(at: &Zoned) -> f64 {
    at.timestamp().as_microsecond() as f64 / 1_000_000.0
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn out_of_range(error: jiff::Error) -> Error {
    wrong(format!("no such time: {error}"))
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.attribute(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let no_arguments = || from_args::<()>(args);
        Ok(match method {
            "isoformat" => {
                let (separator, kwargs): (Option<&str>, Kwargs) = from_args(args)?;
                let separator = separator.map(str::to_owned).or(kwargs.get::<Option<String>>("sep")?);
                kwargs.assert_all_used()?;
                self.isoformat(separator.as_deref().unwrap_or("T")).into()
            }
            "strftime" => self.strftime(from_args::<(&str,)>(args)?.0)?.into(),
            "format" => pattern::pendulum(&self.at, self.is_aware, from_args::<(&str,)>(args)?.0)?.into(),
            "date" => no_arguments().map(|()| Value::from_object(Day::new(self.at.date())))?,
            "timestamp" => no_arguments().map(|()| seconds_since_epoch(&self.at).into())?,
            "weekday" => no_arguments().map(|()| self.at.weekday().to_monday_zero_offset().into())?,
            "isoweekday" => no_arguments().map(|()| self.at.weekday().to_monday_one_offset().into())?,
            "add" => Value::from_object(self.moved(args, true)?),
            "subtract" => Value::from_object(self.moved(args, false)?),
            "replace" => Value::from_object(self.replaced(args)?),
            "in_timezone" | "in_tz" | "astimezone" => {
                Value::from_object(self.in_timezone(from_args::<(&str,)>(args)?.0)?)
            }
            "start_of" => Value::from_object(self.bound(from_args::<(&str,)>(args)?.0, false)?),
            "end_of" => Value::from_object(self.bound(from_args::<(&str,)>(args)?.0, true)?),
            "diff" => {
                let (other,): (&Value,) = from_args(args)?;
                let other =
                    other.downcast_object_ref::<Self>().ok_or_else(|| wrong("`diff` takes a time".to_owned()))?;
                let micros = i128::from(other.since(self)?.micros()).abs();
                Value::from_object(Delta::from_micros(micros)?)
            }
            "to_date_string" => no_arguments().and_then(|()| self.strftime("%Y-%m-%d"))?.into(),
            "to_time_string" => no_arguments().and_then(|()| self.strftime("%H:%M:%S"))?.into(),
            "to_datetime_string" => no_arguments().and_then(|()| self.strftime("%Y-%m-%d %H:%M:%S"))?.into(),
            "to_iso8601_string" => {
                let text = no_arguments().map(|()| self.isoformat("T"))?;
                match text.strip_suffix("+00:00") {
                    Some(utc) => format!("{utc}Z").into(),
                    None => text.into(),
                }
            }
            "naive" => no_arguments().and_then(|()| Self::naive(self.at.datetime())).map(Value::from_object)?,
            "utcoffset" => {
                let () = no_arguments()?;
                Value::from_object(Delta::from_micros(i128::from(self.at.offset().seconds()) * 1_000_000)?)
            }
            "tzname" => no_arguments().and_then(|()| self.strftime("%Z"))?.into(),
            _ => return Err(no_method("a datetime", method, &METHODS)),
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.at.timestamp().cmp(&other.downcast_ref::<Self>()?.at.timestamp()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat(" "))
    }
}
