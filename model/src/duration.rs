//! Durations as people write them in DAG files.

use serde::{Deserialize, Serialize};

/// A length of time with its calendar days kept apart, because a day of a schedule is a day on the wall clock
/// (23 to 25 hours over a change of daylight saving) while a timeout is so many seconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Duration {
    /// Whole days (a week is seven).
    #[serde(default, skip_serializing_if = "is_zero_days")]
    pub days: u32,
    /// Milliseconds beside the days.
    #[serde(default)]
    pub millis: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero_days(days: &u32) -> bool {
    *days == 0
}

impl Duration {
    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self {
            days: 0,
            millis: secs * 1000,
        }
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { days: 0, millis }
    }

    /// The length with each day as 24 hours: what a timeout or a delay means.
    pub const fn absolute(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_millis(
            (self.days as i64) * 86_400_000 + self.millis.cast_signed(),
        )
    }

    /// Nothing at all.
    pub const fn is_zero(self) -> bool {
        self.days == 0 && self.millis == 0
    }
}
