//! Python's `date`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use minijinja::value::{DynObject, Object, ObjectRepr, Value, from_args};
use minijinja::{Error, State};

use super::delta::Delta;
use super::language::no_method;
use super::moment::{Moment, out_of_range};

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(Date);

/// Attributes and methods of a date.
pub(super) const NAMES: [&str; 7] = ["year", "month", "day", "isoformat", "strftime", "weekday", "isoweekday"];

impl Day {
    pub(super) const fn new(date: Date) -> Self {
        Self(date)
    }

    pub(super) fn plus(self, delta: Delta) -> Result<Self, Error> {
        self.0.checked_add(delta.signed()).map(Self).map_err(out_of_range)
    }

    pub(super) fn minus(self, delta: Delta) -> Result<Self, Error> {
        self.0.checked_sub(delta.signed()).map(Self).map_err(out_of_range)
    }

    pub(super) fn since(self, other: Self) -> Result<Delta, Error> {
        Delta::from_signed(self.0.duration_since(other.0))
    }
}

impl Object for Day {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => self.0.year().into(),
            "month" => self.0.month().into(),
            "day" => self.0.day().into(),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let no_arguments = || from_args::<()>(args);
        Ok(match method {
            "isoformat" => no_arguments().map(|()| self.0.to_string().into())?,
            "strftime" => {
                let at = Moment::naive(self.0.to_datetime(jiff::civil::Time::midnight()))?;
                at.strftime(from_args::<(&str,)>(args)?.0)?.into()
            }
            "weekday" => no_arguments().map(|()| self.0.weekday().to_monday_zero_offset().into())?,
            "isoweekday" => no_arguments().map(|()| self.0.weekday().to_monday_one_offset().into())?,
            _ => return Err(no_method("a date", method, &NAMES)),
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
