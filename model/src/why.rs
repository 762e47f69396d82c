//! Why something is not running, as data and in words. The planner carries these with its decisions; the CLI, the
//! API and the pages show the same.

mod slots;
#[cfg(test)]
mod slots_tests;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dag::Dag;
use crate::ids::TaskIndex;
use crate::limits::Limits;
use crate::mapping::levels;
use crate::past::PastBlock;
use crate::scope::Scopes;
use crate::state::{DagRunState, TaskInstanceState};
pub use slots::{Holder, NAMED_HOLDERS, PoolFacts, ReadyFacts};

use crate::trigger_rule::{TriggerRule, UpstreamCounts, Verdict, evaluate};
use crate::wait::{Awaited, WaitRow};

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
    /// It is mapped, and what it is mapped over is not known yet.
    Mapping {
        /// The tasks or groups whose `expand` waits.
        of: Vec<String>,
    },
    /// It depends on the run before, where this task is not done well.
    Past {
        /// The run and the task.
        block: PastBlock,
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
    /// The worker that attempts are handed to takes no new ones.
    Drained,
    /// The deployment runs as many task instances as it may.
    Parallelism {
        /// `core.parallelism`.
        limit: u32,
        /// Heavier ones that are ready in its pool.
        #[serde(default)]
        ahead: u32,
    },
    /// As many instances of its task hold a slot in its run as may.
    MaxActiveTisPerDagrun {
        /// `max_active_tis_per_dagrun`.
        limit: u32,
    },
    /// As many instances of its task hold a slot in all runs of the DAG as may.
    MaxActiveTisPerDag {
        /// `max_active_tis_per_dag`.
        limit: u32,
    },
    /// Fewer slots of its pool are open than it needs.
    PoolFull {
        /// The pool.
        pool: String,
        /// How many slots it has.
        slots: u32,
        /// How many are open.
        open: u32,
        /// How many it needs.
        needs: u32,
        /// Some of those who hold the others.
        holders: Vec<Holder>,
        /// How many hold slots besides those.
        more: u32,
        /// Heavier ones that are ready in its pool.
        ahead: u32,
    },
    /// The open slots of its pool are saved up for one that is before it and needs more of them.
    PoolReserved {
        /// The pool.
        pool: String,
        /// How many slots are open.
        open: u32,
        /// How many that one needs.
        needs: u32,
    },
    /// It needs more slots than its pool has.
    PoolTooSmall {
        /// The pool.
        pool: String,
        /// How many slots it has.
        slots: u32,
        /// How many it needs.
        needs: u32,
    },
    /// There is no pool of that name any more.
    PoolMissing {
        /// The name.
        pool: String,
    },
    /// As many task instances of its pool started as its rate allows.
    PoolRate {
        /// The pool.
        pool: String,
        /// Such as `10/1m`.
        rate: String,
        /// When the next one may start; none where only the scheduler remembers what has started: runs that have ended.
        at: Option<Timestamp>,
        /// Heavier ones that are ready in its pool.
        ahead: u32,
    },
    /// The DAG is paused: nothing new of it is started.
    Paused,
    /// It has its slot; its executor has not started it yet.
    Executor,
    /// Its attempt is being stopped because it was cleared.
    Restarting,
    /// It waits for an event, without a slot.
    Event {
        /// What for, in words.
        what: String,
        /// What was seen last, in words.
        saw: Option<String>,
        /// When that was.
        looked_at: Option<Timestamp>,
        /// How long ago that was, in seconds.
        looked_ago_s: Option<i64>,
        /// When it gives up.
        until: Option<Timestamp>,
        /// What is taken for the answer then, instead of giving up.
        #[serde(default)]
        otherwise: Option<String>,
    },
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

/// Why a task instance ended without having been run: its trigger rule could not be met any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// The rule.
    pub rule: TriggerRule,
    /// The direct upstream tasks that it could not be met with, with the states they ended in, in the DAG's order.
    pub tasks: Vec<UpstreamTask>,
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
    /// How many runs of its DAG may run, by what the DAG says now.
    pub max_active_runs: u32,
    /// How many of its task instances may hold a slot, by what the DAG says now.
    pub max_active_tasks: u32,
    /// The deployment's limits.
    pub limits: Limits,
    /// The pools of its tasks, as far as any of them waits for a slot.
    pub pools: &'a [PoolFacts],
}

/// What a task instance that does not run waits for.
#[derive(Debug, Clone)]
pub struct TaskFacts {
    /// Which task.
    pub task: TaskIndex,
    /// −1 when it is not mapped, or not expanded yet.
    pub map_index: i32,
    /// Its state.
    pub state: TaskInstanceState,
    /// In `up_for_retry`: when the next attempt is made.
    pub retry_at: Option<Timestamp>,
    /// Its weight in the order in which ready ones get slots.
    pub weight: i32,
    /// How many instances of its task hold a slot in its run.
    pub active_in_run: u32,
    /// How many do in all runs of the DAG.
    pub active_in_dag: u32,
    /// What of the run before keeps it from starting.
    pub past: Option<PastBlock>,
}

/// What a queued run waits for; none when it is not queued.
pub fn why_run(run: &RunFacts<'_>, now: Timestamp) -> Option<RunWaiting> {
    if run.state != DagRunState::Queued {
        return None;
    }
    let limit = run.max_active_runs;
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
            let tasks = waits_for(run.dag, ti.task, &state_of);
            let of: Vec<_> = levels(run.dag, task).iter().map(|level| level.id.to_owned()).collect();
            let is_unmapped = ti.map_index < 0 && !of.is_empty();
            Some(match (&ti.past, tasks.is_empty()) {
                (_, false) => Waiting::Upstream { rule: task.trigger_rule, tasks },
                (Some(block), true) => Waiting::Past { block: block.clone() },
                (None, true) if is_unmapped => Waiting::Mapping { of },
                (None, true) => Waiting::Scheduler,
            })
        }
        TaskInstanceState::Scheduled => {
            let limit = run.max_active_tasks;
            Some(if run.is_paused {
                Waiting::Paused
            } else if run.active_tasks >= limit {
                Waiting::MaxActiveTasks { limit }
            } else {
                let task = run.dag.task(ti.task);
                let pool = run.pools.iter().find(|facts| facts.name == task.pool).and_then(|facts| facts.pool.as_ref());
                let needs_slot = task.operator.needs_process()
                    || task.operator.defers() && pool.is_some_and(|pool| pool.include_deferred);
                let waiting = if needs_slot { slots::why_no_slot(run, ti, now) } else { None };
                waiting.unwrap_or(Waiting::Scheduler)
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

/// The unfinished tasks that a task waits for: its direct upstreams, or, once its trigger rule would let it go, its setups
/// and, for a teardown, what lies between those and itself.
fn waits_for(dag: &Dag, index: TaskIndex, state_of: &impl Fn(TaskIndex) -> TaskInstanceState) -> Vec<UpstreamTask> {
    let open = |tasks: &[TaskIndex]| -> Vec<UpstreamTask> {
        let open = tasks.iter().filter(|index| !state_of(**index).is_finished());
        open.map(|index| UpstreamTask { task_id: dag.task(*index).task_id.clone(), state: state_of(*index) }).collect()
    };
    let task = dag.task(index);
    let mut counts =
        UpstreamCounts { total: u32::try_from(task.upstream.len()).unwrap_or(u32::MAX), ..Default::default() };
    task.upstream.iter().for_each(|index| counts.add(state_of(*index)));
    let direct = open(&task.upstream);
    if !direct.is_empty() && evaluate(task.trigger_rule, &counts) != Verdict::Run {
        return direct;
    }
    let scopes = Scopes::new(dag, &dag.downstream());
    [open(scopes.indirect_setups(index)), open(scopes.between(index))].concat()
}

/// What a task instance that waits without a slot waits for.
pub fn why_wait(wait: &WaitRow, now: Timestamp) -> Waiting {
    let look = wait.look.as_ref();
    Waiting::Event {
        what: wait.awaited.to_string(),
        saw: look.map(|look| look.saw.clone()),
        looked_at: look.map(|look| look.at),
        looked_ago_s: look.map(|look| now.duration_since(look.at).as_secs().max(0)),
        // A time comes by itself, before or after the sensor gives up.
        until: wait.deadline,
        otherwise: if let Awaited::Approval(approval) = &wait.awaited { approval.default.clone() } else { None },
    }
}

/// Which direct upstream tasks kept a task instance from ever running; none when its trigger rule does not say that it
/// ended in `state` for how they ended: it ran, a branch did not follow it, or its run was ended before its turn.
/// `state_of` gives the state of any task of the run.
pub fn why_ruled_out(
    dag: &Dag,
    task: TaskIndex,
    state: TaskInstanceState,
    state_of: impl Fn(TaskIndex) -> TaskInstanceState,
) -> Option<RuledOut> {
    let task = dag.task(task);
    let rule = task.trigger_rule;
    let mut counts = UpstreamCounts { total: u32::try_from(task.upstream.len()).ok()?, ..UpstreamCounts::default() };
    task.upstream.iter().for_each(|index| counts.add(state_of(*index)));
    let counts_against = match (evaluate(rule, &counts), state) {
        (Verdict::UpstreamFailed, TaskInstanceState::UpstreamFailed) => failed_it(&counts),
        (Verdict::Skip, TaskInstanceState::Skipped) => skipped_it(rule),
        _ => return None,
    };
    let tasks = task.upstream.iter().map(|index| (index, state_of(*index)));
    let tasks = tasks
        .filter(|(_, ended)| counts_against(*ended))
        .map(|(index, state)| UpstreamTask { task_id: dag.task(*index).task_id.clone(), state })
        .collect();
    Some(RuledOut { rule, tasks })
}

/// What fails a task before it ran: a failure, or, for rules that ask for a success, that there is none.
fn failed_it(counts: &UpstreamCounts) -> fn(TaskInstanceState) -> bool {
    if counts.failed + counts.upstream_failed > 0 {
        |ended| matches!(ended, TaskInstanceState::Failed | TaskInstanceState::UpstreamFailed)
    } else {
        TaskInstanceState::is_finished
    }
}

/// What skips a task under a rule ([`evaluate`]): the states it does not bear, or, for rules that ask for one of a kind,
/// that there is none.
fn skipped_it(rule: TriggerRule) -> fn(TaskInstanceState) -> bool {
    match rule {
        TriggerRule::AllSuccess
        | TriggerRule::AllDoneMinOneSuccess
        | TriggerRule::NoneFailedMinOneSuccess
        | TriggerRule::NoneSkipped => |ended| ended == TaskInstanceState::Skipped,
        TriggerRule::AllFailed => |ended| matches!(ended, TaskInstanceState::Success | TaskInstanceState::Skipped),
        TriggerRule::AllSkipped => |ended| ended.is_finished() && ended != TaskInstanceState::Skipped,
        TriggerRule::OneSuccess | TriggerRule::OneFailed | TriggerRule::OneDone | TriggerRule::AllDoneSetupSuccess => {
            TaskInstanceState::is_finished
        }
        // These skip nothing.
        TriggerRule::AllDone | TriggerRule::NoneFailed | TriggerRule::Always => |_| false,
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
                let tasks: Vec<_> =
                    tasks.iter().map(|task| format!("`{}` ({})", task.task_id, in_words(task.state))).collect();
                write!(f, "trigger rule {rule} waits for {}", tasks.join(", "))
            }
            Self::Mapping { of } => {
                let of: Vec<_> = of.iter().map(|id| format!("`{id}`")).collect();
                write!(f, "what {} is mapped over is not known yet", of.join(" in "))
            }
            Self::Past { block } => {
                write!(f, "it depends on the run before, `{}`, where `{}` ", block.run_id, block.task_id)?;
                match block.state {
                    None => f.write_str("is missing (ignore_first_depends_on_past does not let it pass)"),
                    Some(state) => f.write_str(&ended_in_words(state)),
                }
            }
            Self::RetryAt { at } => write!(f, "its last attempt failed; the next one starts at {at:.0}"),
            Self::MaxActiveTasks { limit } => {
                write!(f, "its run already has {limit} active {} (max_active_tasks)", plural(*limit, "task"))
            }
            Self::Drained => f.write_str(
                "the worker is drained: it takes no new attempts until `flowctl workers drain --undo` or its restart",
            ),
            Self::Parallelism { limit, ahead } => {
                write!(f, "all {limit} {} of the deployment are taken (core.parallelism)", plural(*limit, "slot"))?;
                slots::tell_ahead(f, *ahead)
            }
            Self::MaxActiveTisPerDagrun { limit } => {
                let are = if *limit == 1 { "is" } else { "are" };
                write!(f, "{limit} of its task instances {are} active in this run already (max_active_tis_per_dagrun)")
            }
            Self::MaxActiveTisPerDag { limit } => {
                let are = if *limit == 1 { "is" } else { "are" };
                write!(
                    f,
                    "{limit} of its task instances {are} active in all runs of the DAG already (max_active_tis_per_dag)"
                )
            }
            Self::PoolFull { pool, slots, open, needs, holders, more, ahead } => {
                slots::tell_full(f, (pool, *slots, *open, *needs), holders, *more)?;
                slots::tell_ahead(f, *ahead)
            }
            Self::PoolReserved { pool, open, needs } => write!(
                f,
                "the {open} open {} of pool `{pool}` are saved up for a task before it that needs {needs}",
                plural(*open, "slot")
            ),
            Self::PoolTooSmall { pool, slots, needs } => write!(
                f,
                "it needs {needs} {} and pool `{pool}` has {slots}: it cannot start before the pool is larger",
                plural(*needs, "slot")
            ),
            Self::PoolMissing { pool } => {
                write!(f, "there is no pool `{pool}` any more; create it, or give the task another one and clear it")
            }
            Self::PoolRate { pool, rate, at, ahead } => {
                match at {
                    Some(at) => write!(f, "pool `{pool}` lets {rate} start; the next one at {at:.0}")?,
                    None => write!(f, "pool `{pool}` lets {rate} start, and as many have started")?,
                }
                slots::tell_ahead(f, *ahead)
            }
            Self::Paused => f.write_str("the DAG is paused"),
            Self::Event { what, saw, looked_ago_s, until, otherwise, .. } => {
                write!(f, "it waits for {what}")?;
                if let (Some(saw), Some(ago)) = (saw, looked_ago_s) {
                    write!(f, ": {saw} (looked {ago} s ago)")?;
                }
                match (until, otherwise) {
                    (Some(at), Some(answer)) => write!(f, "; at {at:.0} the answer is {answer}"),
                    (Some(at), None) => write!(f, "; it gives up at {at:.0}"),
                    (None, _) => Ok(()),
                }
            }
            Self::Executor => f.write_str("it is queued; its executor is about to start it"),
            Self::Restarting => f.write_str("it was cleared; its running attempt is being stopped"),
            Self::Scheduler => f.write_str("the scheduler has not picked it up yet; is one running?"),
        }
    }
}

impl std::fmt::Display for RuledOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tasks: Vec<_> =
            self.tasks.iter().map(|task| format!("`{}` {}", task.task_id, ended_in_words(task.state))).collect();
        write!(f, "upstream {} (trigger rule {})", tasks.join(", "), self.rule)
    }
}

/// A state inside a sentence; the word `none` would say that there is nobody.
fn in_words(state: TaskInstanceState) -> &'static str {
    if state == TaskInstanceState::None { "not started" } else { state.as_str() }
}

/// What became of a task, after its name.
fn ended_in_words(state: TaskInstanceState) -> String {
    match state {
        TaskInstanceState::Success => "succeeded".to_owned(),
        TaskInstanceState::Failed => "failed".to_owned(),
        TaskInstanceState::Skipped => "was skipped".to_owned(),
        TaskInstanceState::Removed => "was removed".to_owned(),
        TaskInstanceState::UpstreamFailed
        | TaskInstanceState::None
        | TaskInstanceState::Scheduled
        | TaskInstanceState::Queued
        | TaskInstanceState::Running
        | TaskInstanceState::Restarting
        | TaskInstanceState::UpForRetry
        | TaskInstanceState::UpForReschedule
        | TaskInstanceState::Deferred
        | TaskInstanceState::AwaitingInput => format!("is {}", in_words(state)),
    }
}

fn plural(count: u32, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}
