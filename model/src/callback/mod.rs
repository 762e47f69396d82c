//! Callbacks: messages that a DAG file asks for when something happens to a task or to a run.
//!
//! 1. A file says it in notify blocks ([`Notify`]) under `on_success`, `on_failure`, `on_retry`, `on_skipped` and
//!    `deadline`, with templates in their texts; a `notify` task is one block.
//! 2. When it happens, [`rows`] says which messages are to be delivered. They are written in the commit of the change
//!    itself, so that none gets lost with the process that made it.
//! 3. Whoever delivers one renders it then ([`message()`]): over the task's or the run's context, and what happened.

mod block;
mod deadline;
mod event;
mod message;
mod render;
#[cfg(test)]
mod tests;

pub use block::{Channel, Email, Notify, Slack, Target, Webhook};
pub use deadline::{Deadline, MissedDeadline, Since, Times};
pub use event::{CallbackEvent, CallbackRow, Callbacks, Happened, Subject, event_of, rows};
pub use message::{Links, Message};
pub use render::{NAMES, message, notice};
