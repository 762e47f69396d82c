//! Messages: those that are to be delivered, the tries to deliver them, and deadlines that were missed.
//!
//! The leader writes them in the batch of the change that they are about (`journal::commit`). From then on they belong
//! to whoever claims them: any scheduler, with `SKIP LOCKED`, each for so long that others take it for dead when it has
//! not said what became of it.

mod claim;
mod list;
mod row;
#[cfg(test)]
mod tests;

pub use claim::{Claimed, Subject, Tried};
pub use list::{CallbackFilter, CallbackInfo, CallbackTry, MissedDeadlineInfo};
pub(crate) use row::{callbacks, missed};
