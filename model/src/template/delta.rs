//! Python's `timedelta`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Kwargs, Object, ObjectRepr, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use super::language::wrong;

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Python's own bound: 999,999,999 days do not fit into 64 bits of microseconds, 100,000,000 do.
const MAX_DAYS: i64 = 100_000_000;

/// A difference between two instants, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delta {
    micros: i64,
}

impl Delta {
    pub(super) fn from_micros(micros: i128) -> Result<Self, Error> {
        let bound = i128::from(MAX_DAYS) * i128::from(MICROS_PER_DAY);
        match i64::try_from(micros) {
            Ok(fits) if (-bound..=bound).contains(&micros) => Ok(Self { micros: fits }),
            _ => Err(wrong(format!("a timedelta may have {MAX_DAYS} days"))),
        }
    }

    pub(super) fn from_signed(duration: jiff::SignedDuration) -> Result<Self, Error> {
        Self::from_micros(duration.as_micros())
    }

    pub(super) const fn micros(self) -> i64 {
        self.micros
    }

    pub(super) const fn signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_micros(self.micros)
    }

    /// `timedelta(days, seconds, microseconds, milliseconds, minutes, hours, weeks)`.
    pub(super) fn from_python(args: &[Value]) -> Result<Self, Error> {
        const UNITS: [(&str, i64); 7] = [
            ("days", MICROS_PER_DAY),
            ("seconds", 1_000_000),
            ("microseconds", 1),
            ("milliseconds", 1_000),
            ("minutes", 60_000_000),
            ("hours", 3_600_000_000),
            ("weeks", 7 * MICROS_PER_DAY),
        ];
        let (given, kwargs): (&[Value], Kwargs) = from_args(args)?;
        if given.len() > UNITS.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        let mut micros = 0_i128;
        for (position, (name, unit)) in UNITS.into_iter().enumerate() {
            let amount = match given.get(position) {
                Some(value) => Some(value.clone()),
                None => kwargs.get::<Option<Value>>(name)?,
            };
            let Some(amount) = amount else { continue };
            micros = micros
                .saturating_add(scaled(unit, &amount).ok_or_else(|| {
                    wrong(format!("`{name}` of a timedelta must be a number, not {}", amount.kind()))
                })?);
        }
        kwargs.assert_all_used()?;
        Self::from_micros(micros)
    }

    pub(super) fn times(self, factor: &Value) -> Option<Result<Self, Error>> {
        scaled(self.micros, factor).map(Self::from_micros)
    }

    pub(super) fn divided(self, divisor: &Value) -> Option<Result<Value, Error>> {
        let by_zero = || Err(wrong("a timedelta cannot be divided by zero".to_owned()));
        if let Some(other) = divisor.downcast_object_ref::<Self>() {
            return Some(if other.micros == 0 { by_zero() } else { Ok((seconds(self) / seconds(*other)).into()) });
        }
        let divisor = number(divisor)?;
        if divisor == 0.0 {
            return Some(by_zero());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as Python rounds")]
        let micros = (self.micros as f64 / divisor).round_ties_even() as i128;
        Some(Self::from_micros(micros).map(Value::from_object))
    }
}

#[expect(clippy::cast_precision_loss, reason = "Python's total_seconds() is a float too")]
fn seconds(delta: Delta) -> f64 {
    delta.micros as f64 / 1_000_000.0
}

fn number(value: &Value) -> Option<f64> {
    if value.is_number() { f64::try_from(value.clone()).ok() } else { None }
}

fn scaled(unit: i64, amount: &Value) -> Option<i128> {
    if let (true, Ok(whole)) = (value_is_integer(amount), i64::try_from(amount.clone())) {
        return Some(i128::from(unit) * i128::from(whole));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as Python rounds")]
    number(amount).map(|amount| (amount * unit as f64).round_ties_even() as i128)
}

fn value_is_integer(value: &Value) -> bool {
    value.is_number() && value.is_integer()
}

impl Object for Delta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let rest = self.micros.rem_euclid(MICROS_PER_DAY);
        Some(match key.as_str()? {
            "days" => Value::from(self.micros.div_euclid(MICROS_PER_DAY)),
            "seconds" => Value::from(rest / 1_000_000),
            "microseconds" => Value::from(rest % 1_000_000),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "total_seconds" {
            return Err(super::language::no_method("a timedelta", method, &["total_seconds"]));
        }
        let () = from_args(args)?;
        Ok(seconds(**self).into())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.micros.cmp(&other.downcast_ref::<Self>()?.micros))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.micros != 0
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl fmt::Display for Delta {
    /// As Python's `str`: `1 day, 0:00:00`, `-1 day, 23:00:00`, `0:00:00.500000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.micros.div_euclid(MICROS_PER_DAY);
        let rest = self.micros.rem_euclid(MICROS_PER_DAY);
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        let seconds = rest / 1_000_000;
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if rest % 1_000_000 != 0 {
            write!(f, ".{:06}", rest % 1_000_000)?;
        }
        Ok(())
    }
}
