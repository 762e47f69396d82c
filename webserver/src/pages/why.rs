//! Why a run or a task instance is not running, in the model's words, from what a page has loaded.

use model::dag::Dag;
use model::ids::TaskIndex;
use model::state::TaskInstanceState as S;
use model::why::{RunWaiting, UpstreamTask, Waiting};
use store::read::pages::{RunDetails, TaskInstanceRow};

/// Why a queued run has not started; none when it is not queued.
pub(super) fn run(run: &RunDetails, max_active_runs: u32, now: jiff::Timestamp) -> Option<RunWaiting> {
    if run.state != "queued" {
        return None;
    }
    Some(if run.is_paused {
        RunWaiting::Paused
    } else if run.run_after > now {
        RunWaiting::RunAfter { at: run.run_after }
    } else if run.running_runs >= i64::from(max_active_runs) {
        RunWaiting::MaxActiveRuns { limit: max_active_runs }
    } else {
        RunWaiting::Scheduler
    })
}

/// What a task instance waits for, or why it ended as it did; empty when there is nothing to say.
pub(super) fn task(
    dag: &Dag,
    of_run: (&RunDetails, Option<&RunWaiting>),
    states: &[S],
    row: &TaskInstanceRow,
) -> String {
    let (run, run_waiting) = of_run;
    let state = parse(&row.state);
    let waiting = match state {
        S::None | S::Scheduled => Some(not_started(dag, of_run, states, row)),
        S::UpForRetry => row.retry_at.map(|at| Waiting::RetryAt { at }),
        S::Queued => Some(Waiting::Executor),
        S::Restarting => Some(Waiting::Restarting),
        S::Running
        | S::Success
        | S::Failed
        | S::Skipped
        | S::UpstreamFailed
        | S::UpForReschedule
        | S::Deferred
        | S::AwaitingInput
        | S::Removed => None,
    };
    let is_over = model::state::DagRunState::ALL.iter().any(|known| known.as_str() == run.state && known.is_finished());
    match (waiting, &row.reason) {
        (Some(_), _) if is_over && run_waiting.is_none() => String::new(),
        (Some(waiting), Some(reason)) if state == S::UpForRetry => format!("{reason}; {waiting}"),
        (Some(waiting), _) => waiting.to_string(),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

fn not_started(
    dag: &Dag,
    (run, run_waiting): (&RunDetails, Option<&RunWaiting>),
    states: &[S],
    row: &TaskInstanceRow,
) -> Waiting {
    if let Some(reason) = run_waiting {
        return Waiting::DagRun { reason: reason.clone() };
    }
    let Some(task) = usize::try_from(row.task_index).ok().and_then(|at| dag.tasks.get(at)) else {
        return Waiting::Scheduler;
    };
    let state_of = |index: &TaskIndex| states.get(index.at()).copied().unwrap_or(S::None);
    let open = task.upstream.iter().filter(|index| !state_of(index).is_finished());
    let tasks: Vec<_> =
        open.map(|index| UpstreamTask { task_id: dag.task(*index).task_id.clone(), state: state_of(index) }).collect();
    if !tasks.is_empty() {
        return Waiting::Upstream { rule: task.trigger_rule, tasks };
    }
    let active = states.iter().filter(|state| state.holds_slot()).count();
    match dag.max_active_tasks {
        _ if run.is_paused => Waiting::Paused,
        Some(limit) if active >= limit as usize => Waiting::MaxActiveTasks { limit },
        _ => Waiting::Scheduler,
    }
}

/// A state's word from the database; unknown words cannot occur there.
pub(super) fn parse(word: &str) -> S {
    word.parse().unwrap_or(S::None)
}
