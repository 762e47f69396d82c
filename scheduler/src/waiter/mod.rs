//! Looks for what attempts wait for: one task with one timer for all of them, and a few looks at once.
//!
//! 1. [`Waiter::watch`] hands an attempt over; the first look is made at once, or when the last one before a restart
//!    says that it is due.
//! 2. What is due is taken together: files in one visit to the disk, runs of other DAGs in one statement; each request
//!    and each query of somebody else's database by itself.
//! 3. What was found is reported under the attempt's token, as any attempt reports its end; what was not is noted, so
//!    that people can read what was seen, and looked for again later.
//!
//! When an attempt has waited long enough is the planner's to say: it takes it back ([`Waiter::unwatch`]).

mod entry;
mod files;
mod http;
mod looking;
mod outside;
mod runs;
mod sql;
#[cfg(test)]
mod tests;
mod trigger;

use model::attempt::Report;
use model::ids::AttemptToken;
use model::xcom::XComValue;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::plan::Watch;
use looking::Looking;
pub use outside::Outside;

/// What a look saw.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    /// What is waited for is there.
    Met(Vec<XComValue>),
    /// It is not, for a reason in words.
    NotYet(String),
    /// It will not come.
    Failed { reason: String, may_retry: bool },
    /// The run has been started; from now on its end is waited for.
    Triggered(String),
}

impl Seen {
    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into(), may_retry: true }
    }

    fn failed_for_good(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into(), may_retry: false }
    }
}

enum Command {
    Watch(Vec<Watch>),
    Unwatch(AttemptToken),
    DagsMoved(Vec<String>),
}

/// Hands what is to be looked for to the task that looks. Dropping it ends that task.
#[derive(Debug)]
pub struct Waiter {
    commands: mpsc::UnboundedSender<Command>,
    _task: AbortOnDropHandle<()>,
}

impl Waiter {
    /// Starts to look; what is found goes to `reports`.
    pub fn start(outside: Outside, reports: mpsc::UnboundedSender<Report>) -> Self {
        let (commands, taken) = mpsc::unbounded_channel();
        let task = tokio::spawn(Looking::new(outside, reports).run(taken));
        Self { commands, _task: AbortOnDropHandle::new(task) }
    }

    /// Looks for these from now on.
    pub fn watch(&self, watches: Vec<Watch>) {
        self.tell(Command::Watch(watches));
    }

    /// Looks for this one no more.
    pub fn unwatch(&self, token: AttemptToken) {
        self.tell(Command::Unwatch(token));
    }

    /// Runs of these DAGs ended: looks at once for what waits for one.
    pub fn dags_moved(&self, dag_ids: Vec<String>) {
        self.tell(Command::DagsMoved(dag_ids));
    }

    /// The task ends only with this handle, or with the process.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}
