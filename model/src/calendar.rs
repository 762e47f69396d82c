//! The days on which a schedule fires.

pub mod ics;

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::state::{UnknownName, named};

/// The days on which a schedule fires, in the DAG's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {
    /// Days without a firing, ascending, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<Date>,
    /// Days of each year without a firing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yearly: Vec<Yearly>,
    /// The only days of the week with one, from Monday on; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Weekday>,
}

/// A day that comes back every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Yearly {
    /// From 1.
    pub month: i8,
    /// From 1.
    pub day: i8,
    /// Its first date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Its last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

named! {
    /// A day of the week.
    Weekday, "day of the week" {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
}

impl Calendar {
    /// Whether a schedule fires on this day.
    pub fn is_open(&self, day: Date) -> bool {
        let is_chosen = self.only.is_empty() || self.only.contains(&Weekday::of(day));
        is_chosen && self.skip.binary_search(&day).is_err() && !self.yearly.iter().any(|yearly| yearly.is_on(day))
    }
}

impl Yearly {
    fn is_on(&self, day: Date) -> bool {
        (day.month(), day.day()) == (self.month, self.day)
            && self.from.is_none_or(|from| day >= from)
            && self.until.is_none_or(|until| day <= until)
    }
}

impl Weekday {
    /// The day of the week of a date.
    pub fn of(day: Date) -> Self {
        match day.weekday() {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}
