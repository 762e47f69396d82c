//! Why something is not running, as data and in words. The planner carries these with its decisions; the CLI, the
//! API and the pages show the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::TaskInstanceState;
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

impl std::fmt::Display for RunWaiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Paused => f.write_str("the DAG is paused"),
            Self::MaxActiveRuns { limit } => {
                write!(f, "the DAG already has {limit} running {} (max_active_runs)", plural(*limit, "run"))
            }
            Self::RunAfter { at } => write!(f, "it starts at {at}"),
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
            Self::RetryAt { at } => write!(f, "its last attempt failed; the next one starts at {at}"),
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
