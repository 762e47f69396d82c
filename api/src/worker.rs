//! `/workers`, flowctl's own: the processes that run attempts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A process that runs attempts: a scheduler with its local executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// UUID, chosen by the process at its start.
    pub id: String,
    /// Its machine.
    pub hostname: String,
    /// Its process id there.
    pub pid: i32,
    /// running, standby (it takes over when the one that leads ends), drained, or gone (nothing was heard of it for 30 s).
    pub state: String,
    /// Attempts that it has now.
    pub attempts: u64,
    /// Since when it takes no new attempts.
    pub drained_at: Option<Timestamp>,
    /// When it started.
    pub start_date: Timestamp,
    /// When it was last heard of.
    pub latest_heartbeat: Timestamp,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerCollection {
    /// The entries, the newest first.
    pub workers: Vec<Worker>,
    /// On all pages.
    pub total_entries: u64,
}
