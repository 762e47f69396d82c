//! What the leader reads and writes: its lease, the unfinished runs, its inbox, and the batches of its passes.
//!
//! Everything that a batch writes is one statement, so that a pass costs one round trip and one commit. The statement
//! first locks the lease row and the runs in id order and counts them; unless all are as the batch believes, none of
//! its parts writes anything.

mod commit;
mod inbox;
mod lease;
mod load;
mod runs;
#[cfg(test)]
mod tests;

use sqlx::PgPool;
use uuid::Uuid;

/// The leader's view of the database.
#[derive(Debug, Clone)]
pub struct LeaderJournal {
    pool: PgPool,
    owner: Uuid,
    owner_name: String,
}

impl LeaderJournal {
    /// For the scheduler process `owner`; `owner_name` (host and process id) is shown to people.
    pub const fn new(pool: PgPool, owner: Uuid, owner_name: String) -> Self {
        Self { pool, owner, owner_name }
    }
}
