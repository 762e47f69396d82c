//! Pools: named numbers of slots that task instances of all DAGs share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::duration::Duration;

/// The pool of tasks that name none. It always exists.
pub const DEFAULT_POOL: &str = "default_pool";
/// What a pool's slots are in the database and the API when they are not bounded.
pub const UNLIMITED: i32 = -1;
/// Airflow's column.
const MAX_NAME: usize = 256;

/// A pool as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// How many slots its task instances hold at most, together; none: no bound.
    pub slots: Option<u32>,
    /// Whether deferred task instances hold their slots.
    pub include_deferred: bool,
    /// How often task instances of it start at most.
    pub rate: Option<Rate>,
}

/// At most so many starts in any stretch of time of a length. Written `10/1m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Starts in one window.
    pub starts: u32,
    /// Length of the window.
    pub window: Duration,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate; write starts and a duration, such as `10/1m`")]
pub struct NotARate(String);

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let refused = || NotARate(text.to_owned());
        let (starts, window) = text.split_once('/').ok_or_else(refused)?;
        let starts = starts.trim().parse().ok().filter(|starts| *starts > 0).ok_or_else(refused)?;
        // `10/m` is what people write for `10/1m`.
        let window = window.trim();
        let window = if window.starts_with(|first: char| first.is_ascii_alphabetic() && first != 'P') {
            format!("1{window}")
        } else {
            window.to_owned()
        };
        let window = window.parse::<Duration>().ok().filter(|window| !window.is_zero()).ok_or_else(refused)?;
        Ok(Self { starts, window })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
        let printer = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::None);
        write!(f, "{}/{}", self.starts, printer.duration_to_string(&self.window.absolute()))
    }
}

/// Why a pool cannot be as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPool {
    /// Its name.
    #[error("a pool's name has 1 to 256 characters, none of them a blank at an end or a control character")]
    Name,
    /// Its slots.
    #[error("a pool has 0 or more slots, or -1 for no bound, not {0}")]
    Slots(i32),
    /// Its rate.
    #[error(transparent)]
    Rate(#[from] NotARate),
}

/// Checks what somebody gives as a pool's name.
pub fn check_name(name: &str) -> Result<(), InvalidPool> {
    let is_good = !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if is_good { Ok(()) } else { Err(InvalidPool::Name) }
}

/// Checks what somebody gives as a pool's slots.
pub const fn check_slots(slots: i32) -> Result<(), InvalidPool> {
    if slots >= UNLIMITED { Ok(()) } else { Err(InvalidPool::Slots(slots)) }
}

/// A pool's slots as the database and the API have them.
pub fn slots_from(number: i32) -> Option<u32> {
    u32::try_from(number).ok()
}

/// Which of a task's relatives count for its place in the order in which ready tasks get slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// Its own weight and those of all that follow it: roots first, so that runs get going.
    #[default]
    Downstream,
    /// Its own weight and those of all before it: leaves first, so that runs get done.
    Upstream,
    /// Its own weight only.
    Absolute,
}

impl WeightRule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Downstream, Self::Upstream, Self::Absolute];

    /// Its word in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Absolute => "absolute",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_starts_and_a_window() {
        for (text, starts, seconds) in [("10/1m", 10, 60), ("1/s", 1, 1), (" 5 / 2h ", 5, 7200), ("3/PT5M", 3, 300)] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.starts, rate.window.absolute().as_secs()), (starts, seconds), "{text}");
            assert_eq!(rate.to_string().parse(), Ok(rate), "{text}");
        }
        for text in ["", "10", "0/1m", "-1/1m", "10/0s", "x/1m", "10/often", "10/"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pool_has_a_name_and_a_number_of_slots() {
        for name in ["default_pool", "gpu 0", "데이터"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", " a", "a\n", &"x".repeat(257)] {
            assert_eq!(check_name(name), Err(InvalidPool::Name), "{name}");
        }
        assert_eq!((check_slots(-1), check_slots(0), check_slots(-2)), (Ok(()), Ok(()), Err(InvalidPool::Slots(-2))));
    }
}
