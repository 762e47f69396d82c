//! The time, as a parameter.

use jiff::Timestamp;

/// Tells the time, to the microsecond.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the worker reads the clock")]
    fn now(&self) -> Timestamp {
        model::dag_run::to_microsecond(Timestamp::now())
    }
}
