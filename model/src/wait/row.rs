//! A wait as it is stored.

use jiff::Timestamp;

use super::Awaited;
use crate::ids::{AttemptToken, TaskInstanceKey};

/// One task instance that waits, or waited in an attempt that is to be tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitRow {
    /// The task instance.
    pub key: TaskInstanceKey,
    /// The attempt that waits; what is seen is written under it.
    pub token: AttemptToken,
    /// `max_tries` of the task instance when it began: greater after a clear, which begins the wait anew.
    pub max_tries: u32,
    /// What for.
    pub awaited: Awaited,
    /// Since when; of the first of the attempts that are made without a clear in between.
    pub since: Timestamp,
    /// When it gives up.
    pub deadline: Option<Timestamp>,
    /// The last look, when there was one.
    pub look: Option<Look>,
}

/// One look at the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// How many there have been, this one included.
    pub number: u32,
    /// What was seen, in words for a person.
    pub saw: String,
}
