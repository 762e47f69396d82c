//! Where a queued attempt goes: the local executor, which runs attempts as processes of this machine.
//!
//! It decides nothing: what may run at all is the leader's business. It bounds how many run at once, and says how each
//! ended.
//!
//! 1. [`LocalExecutor::submit`] takes an attempt; it waits for one of `parallelism` slots, first come, first served;
//! 2. [`worker::run_attempt`] runs it; `started` and `finished` go out as reports;
//! 3. [`LocalExecutor::cancel`] ends one, [`LocalExecutor::stop`] all: softly, then hard;
//! 4. what a crash left behind is ended by [`LocalExecutor::end_orphans`] at the next start, before anything runs again.

mod local;
mod orphans;

pub use local::LocalExecutor;
pub use orphans::end_orphans;
