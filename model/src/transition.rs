//! The one place where a task instance changes its state.
//!
//! Every pair of state and event is written here or refused, so a new state breaks the build where it matters.

use crate::state::TaskInstanceState;

/// What can happen to a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskInstanceEvent {
    /// Its trigger rule is met (or its retry delay is over): it may run.
    Schedule,
    /// It was given a slot and an attempt.
    Queue,
    /// Its attempt started.
    Start,
    /// Its attempt waits for an event, without a slot.
    Defer,
    /// Its attempt waits for a person, without a slot.
    AwaitInput,
    /// Its attempt looked and will look again: it gives its slot back until then.
    Reschedule,
    /// Its attempt (or the scheduler itself, for what needs no process) succeeded.
    Succeed,
    /// Its attempt failed for good.
    Fail,
    /// Its attempt failed, and a retry is left.
    AwaitRetry,
    /// Its attempt, its trigger rule or a branch skipped it.
    Skip,
    /// Its trigger rule can no longer be met because an upstream failed.
    FailUpstream,
    /// Its attempt was lost with its worker, or ended after a clear: start over.
    Reset,
    /// A person cleared it.
    Clear,
    /// The element that it stands for is no more.
    Remove,
}

impl TaskInstanceEvent {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Schedule,
        Self::Queue,
        Self::Start,
        Self::Defer,
        Self::AwaitInput,
        Self::Reschedule,
        Self::Succeed,
        Self::Fail,
        Self::AwaitRetry,
        Self::Skip,
        Self::FailUpstream,
        Self::Reset,
        Self::Clear,
        Self::Remove,
    ];
}

/// An event that cannot happen in a state; its message names both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task instance in state {state} cannot {event:?}")]
pub struct IllegalTransition {
    /// The state it was in.
    pub state: TaskInstanceState,
    /// What was said to have happened.
    pub event: TaskInstanceEvent,
}

/// The state after `event` in `state`, after Airflow's transition table.
#[expect(clippy::match_same_arms, reason = "one arm for each row of the table")]
pub const fn next_state(
    state: TaskInstanceState,
    event: TaskInstanceEvent,
) -> Result<TaskInstanceState, IllegalTransition> {
    use TaskInstanceEvent as E;
    use TaskInstanceState as S;
    match (state, event) {
        (S::None | S::UpForRetry | S::UpForReschedule, E::Schedule) => Ok(S::Scheduled),
        (S::Scheduled, E::Queue) => Ok(S::Queued),
        (S::Queued, E::Start) => Ok(S::Running),
        (S::Scheduled, E::Defer) => Ok(S::Deferred),
        (S::Scheduled, E::AwaitInput) => Ok(S::AwaitingInput),
        (S::Queued | S::Running, E::Reschedule) => Ok(S::UpForReschedule),
        // A report of the end may overtake the report of the start; the end is what counts.
        (S::Scheduled | S::Queued | S::Running | S::Deferred | S::AwaitingInput, E::Succeed) => Ok(S::Success),
        // Between two looks only the time that is over ends it.
        (S::Scheduled | S::Queued | S::Running | S::Deferred | S::AwaitingInput | S::UpForReschedule, E::Fail) => {
            Ok(S::Failed)
        }
        (S::Queued | S::Running | S::Deferred | S::AwaitingInput, E::AwaitRetry) => Ok(S::UpForRetry),
        (
            S::None | S::Scheduled | S::Queued | S::Running | S::Deferred | S::AwaitingInput | S::UpForReschedule,
            E::Skip,
        ) => Ok(S::Skipped),
        (S::None, E::FailUpstream) => Ok(S::UpstreamFailed),
        (S::Queued | S::Running | S::Restarting | S::Deferred | S::AwaitingInput, E::Reset) => Ok(S::None),
        (S::Queued | S::Running | S::Restarting, E::Clear) => Ok(S::Restarting),
        (
            S::None
            | S::Scheduled
            | S::Success
            | S::Failed
            | S::Skipped
            | S::UpstreamFailed
            | S::UpForRetry
            | S::UpForReschedule
            | S::Deferred
            | S::AwaitingInput
            | S::Removed,
            E::Clear,
        ) => Ok(S::None),
        (
            S::None
            | S::Scheduled
            | S::Success
            | S::Failed
            | S::Skipped
            | S::UpstreamFailed
            | S::UpForRetry
            | S::UpForReschedule,
            E::Remove,
        ) => Ok(S::Removed),
        (state, event) => Err(IllegalTransition { state, event }),
    }
}
