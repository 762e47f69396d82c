//! What the leader reads and writes: its lease, the unfinished runs, its inbox, and the batches of its passes.
//!
//! Everything that a batch writes is one statement, so that a pass costs one round trip and one commit. The statement
//! first locks the lease row and the runs in id order and counts them; unless all are as the batch believes, none of
//! its parts writes anything.

mod assets;
mod backfills;
mod commit;
mod inbox;
mod lease;
mod load;
mod past;
#[cfg(test)]
mod rules_tests;
mod runs;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use sqlx::PgPool;
use uuid::Uuid;

use crate::pool::pool;
use crate::{Keyring, Store};

/// The leader itself uses one connection at a time; the others answer what attempts ask for.
const MAX_CONNECTIONS: u32 = 8;

/// All of the journal's statements find their rows by primary key, however many rows there are. PostgreSQL would decide
/// that anew from what it knows of the tables when a connection first plans a statement, which is wrong for long where
/// a table has just begun to grow: it then reads all of `task_instance` in each pass.
const PLANNER: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The leader's view of the database.
#[derive(Debug, Clone)]
pub struct LeaderJournal {
    pool: PgPool,
    /// For what is secret in what tasks wait for.
    keys: Arc<Keyring>,
    owner: Uuid,
    owner_name: String,
}

impl LeaderJournal {
    /// For the scheduler process `owner`; `owner_name` (host and process id) is shown to people.
    pub fn new(store: &Store, owner: Uuid, owner_name: String) -> Self {
        let options = store.pool().connect_options().as_ref().clone().options(PLANNER);
        Self { pool: pool(MAX_CONNECTIONS, options), keys: store.shared_keys(), owner, owner_name }
    }
}
