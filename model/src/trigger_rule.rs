//! Trigger rules: may a task run, given how its direct upstreams ended?

use crate::state::{TaskInstanceState, named};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::state::UnknownName;

named! {
    /// When a task may run, given its direct upstreams (Airflow's `TriggerRule`).
    TriggerRule, "trigger rule" {
        /// All succeeded.
        AllSuccess = "all_success",
        /// All failed.
        AllFailed = "all_failed",
        /// All are done, however they ended.
        AllDone = "all_done",
        /// All are done, none skipped, at least one succeeded.
        AllDoneMinOneSuccess = "all_done_min_one_success",
        /// All were skipped.
        AllSkipped = "all_skipped",
        /// One failed; the others need not be done.
        OneFailed = "one_failed",
        /// One succeeded; the others need not be done.
        OneSuccess = "one_success",
        /// One succeeded or failed; the others need not be done.
        OneDone = "one_done",
        /// All are done and none failed.
        NoneFailed = "none_failed",
        /// All are done, none failed, at least one succeeded.
        NoneFailedMinOneSuccess = "none_failed_min_one_success",
        /// All are done and none was skipped.
        NoneSkipped = "none_skipped",
        /// At once.
        Always = "always",
        /// All are done, and of the setups among them at least one succeeded: the rule of every teardown, and of nothing
        /// else.
        AllDoneSetupSuccess = "all_done_setup_success",
    }
}

/// How many of a task's direct upstream instances ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamCounts {
    /// All direct upstream instances, finished or not.
    pub total: u32,
    /// Ended in success.
    pub success: u32,
    /// Ended in failed.
    pub failed: u32,
    /// Ended in skipped.
    pub skipped: u32,
    /// Ended in `upstream_failed`.
    pub upstream_failed: u32,
    /// Ended in removed.
    pub removed: u32,
    /// Those among them that are setups. Only the rule of teardowns asks; [`crate::scope::Scopes::verdict`] counts them.
    pub setups: u32,
    /// Setups that ended in success.
    pub setup_success: u32,
    /// Setups that ended in skipped.
    pub setup_skipped: u32,
}

impl UpstreamCounts {
    /// How many have ended.
    pub const fn done(&self) -> u32 {
        self.success + self.failed + self.skipped + self.upstream_failed + self.removed
    }

    /// Counts one more upstream that ended in `state`; an unfinished state counts nothing.
    pub const fn add(&mut self, state: TaskInstanceState) {
        match state {
            TaskInstanceState::Success => self.success += 1,
            TaskInstanceState::Failed => self.failed += 1,
            TaskInstanceState::Skipped => self.skipped += 1,
            TaskInstanceState::UpstreamFailed => self.upstream_failed += 1,
            TaskInstanceState::Removed => self.removed += 1,
            TaskInstanceState::None
            | TaskInstanceState::Scheduled
            | TaskInstanceState::Queued
            | TaskInstanceState::Running
            | TaskInstanceState::Restarting
            | TaskInstanceState::UpForRetry
            | TaskInstanceState::UpForReschedule
            | TaskInstanceState::Deferred
            | TaskInstanceState::AwaitingInput => {}
        }
    }
}

/// What a trigger rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The task may run.
    Run,
    /// Not yet: upstreams are still to end.
    Wait,
    /// It will never run: it is skipped.
    Skip,
    /// It will never run: an upstream failed.
    UpstreamFailed,
}

/// Evaluates `rule` over the direct upstreams, with Airflow's early decisions: a task that can never run is
/// decided before all its upstreams are done.
pub const fn evaluate(rule: TriggerRule, counts: &UpstreamCounts) -> Verdict {
    use Verdict::{Run, Skip, UpstreamFailed, Wait};
    let UpstreamCounts { total, success, failed, skipped, upstream_failed, removed, .. } = *counts;
    let done = counts.done();
    let all_done = done >= total;
    let any_failed = failed + upstream_failed > 0;
    if total == 0 {
        return Run;
    }
    match rule {
        TriggerRule::Always => Run,
        TriggerRule::AllSuccess => {
            if any_failed {
                UpstreamFailed
            } else if skipped > 0 {
                Skip
            } else if success + removed >= total {
                Run
            } else {
                Wait
            }
        }
        TriggerRule::AllFailed => {
            if success > 0 || skipped > 0 {
                Skip
            } else if failed + upstream_failed + removed >= total {
                Run
            } else {
                Wait
            }
        }
        TriggerRule::AllDone => {
            if all_done {
                Run
            } else {
                Wait
            }
        }
        TriggerRule::AllDoneMinOneSuccess => {
            if skipped > 0 {
                Skip
            } else if !all_done {
                Wait
            } else if success > 0 {
                Run
            } else {
                UpstreamFailed
            }
        }
        TriggerRule::OneSuccess => {
            if success > 0 {
                Run
            } else if !all_done {
                Wait
            } else if skipped >= total {
                Skip
            } else {
                UpstreamFailed
            }
        }
        TriggerRule::OneFailed => {
            if any_failed {
                Run
            } else if all_done {
                Skip
            } else {
                Wait
            }
        }
        TriggerRule::OneDone => {
            if success + failed > 0 {
                Run
            } else if all_done {
                Skip
            } else {
                Wait
            }
        }
        TriggerRule::NoneFailed => {
            if any_failed {
                UpstreamFailed
            } else if all_done {
                Run
            } else {
                Wait
            }
        }
        TriggerRule::NoneFailedMinOneSuccess => {
            if any_failed {
                UpstreamFailed
            } else if !all_done {
                Wait
            } else if success > 0 {
                Run
            } else if skipped >= total {
                Skip
            } else {
                UpstreamFailed
            }
        }
        TriggerRule::NoneSkipped => {
            if skipped > 0 {
                Skip
            } else if all_done {
                Run
            } else {
                Wait
            }
        }
        TriggerRule::AllSkipped => {
            if success > 0 || any_failed {
                Skip
            } else if !all_done {
                Wait
            } else if skipped >= total {
                Run
            } else {
                // One was removed. Airflow would let it wait until the run is declared a deadlock.
                Skip
            }
        }
        TriggerRule::AllDoneSetupSuccess => {
            if !all_done {
                Wait
            } else if counts.setups == 0 || counts.setup_success > 0 {
                Run
            } else if counts.setup_skipped >= counts.setups {
                Skip
            } else {
                UpstreamFailed
            }
        }
    }
}

#[cfg(test)]
mod tests;
