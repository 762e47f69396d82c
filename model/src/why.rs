//! Why something is not running, as data and in words. The planner carries these with its decisions; the CLI, the
//! API and the pages show the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dag::Dag;
use crate::ids::TaskIndex;
use crate::limits::Limits;
use crate::state::{DagRunState, TaskInstanceState};
use crate::trigger_rule::TriggerRule;

/// What a task instance that is not running waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Waiting {
    /// Its run has not started.
    DagRun {
        /// What the run waits for.
        reason: RunWaiting,
    },
    /// Its trigger rule waits for these upstream tasks.
    Upstream {
        /// The rule.
        rule: TriggerRule,
        /// Unfinished direct upstream tasks with their states, in the DAG's order.
        tasks: Vec<UpstreamTask>,
    },
    /// It failed and is tried again at this time.
    RetryAt {
        /// When.
        at: Timestamp,
    },
    /// Its run has as many active task instances as it may have.
    MaxActiveTasks {
        /// `max_active_tasks`.
        limit: u32,
    },
    /// The deployment runs as many task instances as it may.
    Parallelism {
        /// `core.parallelism`.
        limit: u32,
    },
    /// The DAG is paused: nothing new of it is started.
    Paused,
    /// It has its slot; its executor has not started it yet.
    Executor,
    /// Its attempt is being stopped because it was cleared.
    Restarting,
    /// Its turn has come; the scheduler has not looked at it since.
    Scheduler,
}

/// An upstream task that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamTask {
    /// Its id.
    pub task_id: String,
    /// Its state.
    pub state: TaskInstanceState,
}

/// What a queued run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RunWaiting {
    /// Its DAG is paused.
    Paused,
    /// As many runs of its DAG are running as may.
    MaxActiveRuns {
        /// `max_active_runs`.
        limit: u32,
    },
    /// It is not to start before this time.
    RunAfter {
        /// When.
        at: Timestamp,
    },
    /// Its turn has come; the scheduler has not looked at it since.
    Scheduler,
}

/// What is known about a run when somebody asks why it, or a task instance of it, does not start. The planner fills it
/// from memory, pages and API from the database.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The version it is pinned to.
    pub dag: &'a Dag,
    /// Its state.
    pub state: DagRunState,
    /// Whether its DAG is paused.
    pub is_paused: bool,
    /// It does not start before.
    pub run_after: Timestamp,
    /// How many runs of its DAG are running.
    pub running_runs: u32,
    /// How many of its task instances hold a slot.
    pub active_tasks: u32,
    /// How many task instances of the deployment hold a slot.
    pub slots_taken: u32,
    /// The deployment's limits.
    pub limits: Limits,
}

/// What a task instance that does not run waits for.
#[derive(Debug, Clone, Copy)]
pub struct TaskFacts {
    /// Which task.
    pub task: TaskIndex,
    /// Its state.
    pub state: TaskInstanceState,
    /// In `up_for_retry`: when the next attempt is made.
    pub retry_at: Option<Timestamp>,
}

/// What a queued run waits for; none when it is not queued.
pub fn why_run(run: &RunFacts<'_>, now: Timestamp) -> Option<RunWaiting> {
    if run.state != DagRunState::Queued {
        return None;
    }
    let limit = run.dag.max_active_runs.unwrap_or(run.limits.max_active_runs_per_dag);
    Some(if run.is_paused {
        RunWaiting::Paused
    } else if run.run_after > now {
        RunWaiting::RunAfter { at: run.run_after }
    } else if run.running_runs >= limit {
        RunWaiting::MaxActiveRuns { limit }
    } else {
        RunWaiting::Scheduler
    })
}

/// What an unfinished task instance that is not running waits for; none when it runs, has ended, or its run has.
/// `state_of` gives the state of any task of the run.
pub fn why_task_instance(
    run: &RunFacts<'_>,
    ti: &TaskFacts,
    state_of: impl Fn(TaskIndex) -> TaskInstanceState,
    now: Timestamp,
) -> Option<Waiting> {
    if ti.state.is_finished() || run.state.is_finished() {
        return None;
    }
    if let Some(reason) = why_run(run, now) {
        return Some(Waiting::DagRun { reason });
    }
    match ti.state {
        TaskInstanceState::None => {
            let task = run.dag.task(ti.task);
            let open = task.upstream.iter().filter(|index| !state_of(**index).is_finished());
            let tasks: Vec<_> = open
                .map(|index| UpstreamTask { task_id: run.dag.task(*index).task_id.clone(), state: state_of(*index) })
                .collect();
            Some(if tasks.is_empty() {
                Waiting::Scheduler
            } else {
                Waiting::Upstream { rule: task.trigger_rule, tasks }
            })
        }
        TaskInstanceState::Scheduled => {
            let limit = run.dag.max_active_tasks.unwrap_or(run.limits.max_active_tasks_per_dag);
            Some(if run.is_paused {
                Waiting::Paused
            } else if run.active_tasks >= limit {
                Waiting::MaxActiveTasks { limit }
            } else if run.slots_taken >= run.limits.parallelism {
                Waiting::Parallelism { limit: run.limits.parallelism }
            } else {
                Waiting::Scheduler
            })
        }
        TaskInstanceState::UpForRetry => ti.retry_at.map(|at| Waiting::RetryAt { at }),
        TaskInstanceState::Queued => Some(Waiting::Executor),
        TaskInstanceState::Restarting => Some(Waiting::Restarting),
        TaskInstanceState::Running
        | TaskInstanceState::Success
        | TaskInstanceState::Failed
        | TaskInstanceState::Skipped
        | TaskInstanceState::UpstreamFailed
        | TaskInstanceState::UpForReschedule
        | TaskInstanceState::Deferred
        | TaskInstanceState::AwaitingInput
        | TaskInstanceState::Removed => None,
    }
}

impl std::fmt::Display for RunWaiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Paused => f.write_str("the DAG is paused"),
            Self::MaxActiveRuns { limit } => {
                write!(f, "the DAG already has {limit} running {} (max_active_runs)", plural(*limit, "run"))
            }
            Self::RunAfter { at } => write!(f, "it starts at {at:.0}"),
            Self::Scheduler => f.write_str("the scheduler has not picked it up yet; is one running?"),
        }
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DagRun { reason } => write!(f, "its run is queued: {reason}"),
            Self::Upstream { rule, tasks } => {
                write!(f, "trigger rule {rule} waits for ")?;
                for (position, task) in tasks.iter().enumerate() {
                    let separator = if position == 0 { "" } else { ", " };
                    write!(f, "{separator}`{}` ({})", task.task_id, task.state)?;
                }
                Ok(())
            }
            Self::RetryAt { at } => write!(f, "its last attempt failed; the next one starts at {at:.0}"),
            Self::MaxActiveTasks { limit } => {
                write!(f, "its run already has {limit} active {} (max_active_tasks)", plural(*limit, "task"))
            }
            Self::Parallelism { limit } => {
                write!(f, "all {limit} {} of the deployment are taken (core.parallelism)", plural(*limit, "slot"))
            }
            Self::Paused => f.write_str("the DAG is paused"),
            Self::Executor => f.write_str("it is queued; its executor is about to start it"),
            Self::Restarting => f.write_str("it was cleared; its running attempt is being stopped"),
            Self::Scheduler => f.write_str("the scheduler has not picked it up yet; is one running?"),
        }
    }
}

fn plural(count: u32, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}
