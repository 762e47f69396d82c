//! A delay that differs from run to run but is always the same for the same run, so that DAGs of equal schedules do
//! not all start at once, and a leader that took over waits for the same instant as the one before.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::ticks::Ticks;
use crate::duration::Duration;

/// Where ticks are looked at to know a schedule's shortest wait; the following year has a 29 February.
pub(super) const SAMPLED_FROM: Timestamp = Timestamp::constant(1_672_531_200, 0);

/// So many ticks are looked at: more than a year of days.
const SAMPLED: usize = 400;

/// The delays of one DAG.
#[derive(Debug, Clone)]
pub(super) struct Jitter {
    dag_id: String,
    millis: u64,
}

impl Jitter {
    /// Delays below `longest`.
    pub(super) fn new(dag_id: &str, longest: Duration) -> Self {
        Self { dag_id: dag_id.to_owned(), millis: u64::try_from(longest.absolute().as_millis()).unwrap_or(0) }
    }

    /// The delay of the run of a logical date, in whole milliseconds.
    pub(super) fn of(&self, logical_date: Timestamp) -> SignedDuration {
        let mut hash = Sha256::new();
        hash.update(self.dag_id.as_bytes());
        hash.update(logical_date.as_microsecond().to_le_bytes());
        let first = hash.finalize()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        SignedDuration::from_millis(i64::try_from(first % self.millis.max(1)).unwrap_or(0))
    }
}

/// The shortest time from a tick to the next, as far as a look at a year's ticks tells.
pub(super) fn shortest_wait(ticks: &Ticks) -> Option<SignedDuration> {
    let first = ticks.after(SAMPLED_FROM)?;
    let row: Vec<Timestamp> = std::iter::successors(Some(first), |tick| ticks.after(*tick)).take(SAMPLED).collect();
    row.windows(2).map(|pair| pair[0].duration_until(pair[1])).min()
}
