//! Why a run or a task instance is not running, in the model's words, from what a page has loaded.

use model::dag::Dag;
use model::ids::TaskIndex;
use model::limits::Limits;
use model::state::{DagRunState, TaskInstanceState};
use model::why::{RunFacts, RunWaiting, TaskFacts, why_run, why_task_instance};
use store::read::pages::{RunDetails, TaskInstanceRow};

/// A run with what is needed to say why something of it does not start.
pub(super) struct Why<'a> {
    facts: RunFacts<'a>,
    states: &'a [TaskInstanceState],
    now: jiff::Timestamp,
}

impl<'a> Why<'a> {
    /// Of a run with its tasks' states, in the DAG's order.
    pub(super) fn new(
        dag: &'a Dag,
        run: &RunDetails,
        states: &'a [TaskInstanceState],
        limits: Limits,
        now: jiff::Timestamp,
    ) -> Self {
        let active = states.iter().filter(|state| state.holds_slot()).count();
        let facts = RunFacts {
            dag,
            state: run.state.parse().unwrap_or(DagRunState::Failed),
            is_paused: run.is_paused,
            run_after: run.run_after,
            running_runs: u32::try_from(run.running_runs).unwrap_or(u32::MAX),
            active_tasks: u32::try_from(active).unwrap_or(u32::MAX),
            slots_taken: u32::try_from(run.slots_taken).unwrap_or(u32::MAX),
            limits,
        };
        Self { facts, states, now }
    }

    /// Why the run has not started; none when it is not queued.
    pub(super) fn run(&self) -> Option<RunWaiting> {
        why_run(&self.facts, self.now)
    }

    /// What a task instance waits for, or why it ended as it did; empty when there is nothing to say.
    pub(super) fn task(&self, row: &TaskInstanceRow) -> String {
        let state = parse(&row.state);
        let Ok(task) = u32::try_from(row.task_index) else { return String::new() };
        let facts = TaskFacts { task: TaskIndex(task), state, retry_at: row.retry_at };
        let state_of = |index: TaskIndex| self.states.get(index.at()).copied().unwrap_or(TaskInstanceState::None);
        match (why_task_instance(&self.facts, &facts, state_of, self.now), &row.reason) {
            (Some(waiting), Some(reason)) if state == TaskInstanceState::UpForRetry => format!("{reason}; {waiting}"),
            (Some(waiting), _) => waiting.to_string(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => String::new(),
        }
    }
}

/// A state's word from the database; unknown words cannot occur there.
pub(super) fn parse(word: &str) -> TaskInstanceState {
    word.parse().unwrap_or(TaskInstanceState::None)
}
