//! When a sensor looks again.

use jiff::{SignedDuration, Timestamp};

use super::Sensor;

/// Doubling goes no further than this: an hour is long enough to look twice.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// When to look after the look `number` (from 1) at `at`: after `poke_interval`, which doubles with each look when the
/// sensor says so, up to an hour (or to `poke_interval` itself when that is longer).
pub fn next_look(sensor: &Sensor, number: u32, at: Timestamp) -> Timestamp {
    let interval = sensor.poke_interval.absolute();
    let wait = if sensor.exponential_backoff {
        let factor = 2_i32.checked_pow(number.saturating_sub(1)).unwrap_or(i32::MAX);
        interval.checked_mul(factor).unwrap_or(LONGEST).min(LONGEST.max(interval))
    } else {
        interval
    };
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}
