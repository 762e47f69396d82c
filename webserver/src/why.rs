//! Why a run or a task instance is not running, in the model's words, from what pages and API have loaded.

use model::dag::Dag;
use model::ids::{DagRunKey, TaskIndex};
use model::limits::Limits;
use model::past::{PastBlock, block};
use model::state::{DagRunState, TaskInstanceState};
use model::wait::WaitRow;
use model::why::{
    RuledOut, RunFacts, RunWaiting, TaskFacts, Waiting, why_ruled_out, why_run, why_task_instance, why_wait,
};
use store::Store;
use store::read::pages::{Contention, PagesError, RunDetails, TaskInstanceRow};

/// A run with what is needed to say why something of it does not start.
pub(crate) struct Why<'a> {
    facts: RunFacts<'a>,
    states: &'a [TaskInstanceState],
    contention: &'a Contention,
    /// By task: how many of its instances hold a slot.
    active: Vec<u32>,
    waits: Vec<WaitRow>,
    now: jiff::Timestamp,
}

/// What the ready task instances among a run's rows compete for, and what those that have not started depend on in the run
/// before. Asks the database only when there are any.
pub(crate) async fn contention(
    store: &Store,
    run: &RunDetails,
    dag: &Dag,
    rows: &[TaskInstanceRow],
) -> Result<Contention, PagesError> {
    let has = |state| rows.iter().any(|row| parse(&row.state) == state);
    let mut contention =
        if has(TaskInstanceState::Scheduled) { store.pages_contention(run, dag).await? } else { Contention::default() };
    if has(TaskInstanceState::None) {
        contention.past = store.past_of_run(dag, DagRunKey(run.id), run.logical_date).await?;
    }
    Ok(contention)
}

impl<'a> Why<'a> {
    /// Of a run with its task instances, and its tasks' states in the DAG's order.
    pub(crate) fn new(
        dag: &'a Dag,
        run: &RunDetails,
        states: &'a [TaskInstanceState],
        rows: &[TaskInstanceRow],
        contention: &'a Contention,
        limits: Limits,
        now: jiff::Timestamp,
    ) -> Self {
        let mut active = vec![0; dag.tasks.len()];
        for row in rows.iter().filter(|row| parse(&row.state).holds_slot()) {
            if let Some(count) = usize::try_from(row.task_index).ok().and_then(|at| active.get_mut(at)) {
                *count += 1;
            }
        }
        let facts = RunFacts {
            dag,
            state: run.state.parse().unwrap_or(DagRunState::Failed),
            is_paused: run.is_paused,
            run_after: run.run_after,
            running_runs: u32::try_from(run.running_runs).unwrap_or(u32::MAX),
            active_tasks: active.iter().sum(),
            slots_taken: u32::try_from(run.slots_taken).unwrap_or(u32::MAX),
            max_active_runs: run.max_active_runs.unwrap_or(limits.max_active_runs_per_dag),
            max_active_tasks: run.max_active_tasks.unwrap_or(limits.max_active_tasks_per_dag),
            limits: if contention.is_drained { Limits { parallelism: 0, ..limits } } else { limits },
            pools: &contention.pools,
        };
        Self { facts, states, contention, active, waits: Vec::new(), now }
    }

    /// With what its task instances wait for without a slot.
    pub(crate) fn with_waits(self, waits: Vec<WaitRow>) -> Self {
        Self { waits, ..self }
    }

    /// What a task instance waits for without a slot.
    pub(crate) fn wait(&self, row: &TaskInstanceRow) -> Option<&WaitRow> {
        let place = |wait: &&WaitRow| (i32::try_from(wait.key.task.0), wait.key.map_index);
        self.waits.iter().find(|wait| place(wait) == (Ok(row.task_index), row.map_index))
    }

    /// Why the run has not started; none when it is not queued.
    pub(crate) fn run(&self) -> Option<RunWaiting> {
        why_run(&self.facts, self.now)
    }

    /// What a task instance waits for, or why it ended as it did; empty when there is nothing to say.
    pub(crate) fn task(&self, row: &TaskInstanceRow) -> String {
        if row.removed.is_some() {
            return "its task is not in the version of the DAG that the run is pinned to now".to_owned();
        }
        let waiting = self.waiting(row);
        let is_retry = parse(&row.state) == TaskInstanceState::UpForRetry;
        match (waiting, &row.reason) {
            (Some(waiting), Some(reason)) if is_retry => format!("{reason}; {waiting}"),
            (Some(waiting), _) => waiting.to_string(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => self.ruled_out(row).map(|ruled_out| ruled_out.to_string()).unwrap_or_default(),
        }
    }

    /// What kept a task instance from ever running; none when its trigger rule did not.
    fn ruled_out(&self, row: &TaskInstanceRow) -> Option<RuledOut> {
        let task = TaskIndex(u32::try_from(row.task_index).ok()?);
        why_ruled_out(self.facts.dag, task, parse(&row.state), |index| self.state_of(index))
    }

    fn state_of(&self, index: TaskIndex) -> TaskInstanceState {
        self.states.get(index.at()).copied().unwrap_or(TaskInstanceState::None)
    }

    fn past_block(&self, task: TaskIndex) -> Option<PastBlock> {
        let previous = self.contention.past.as_ref()?.previous.as_ref()?;
        let dag = self.facts.dag;
        block(dag, dag.task(task), &dag.downstream()[task.at()], previous, |id| previous.tasks.get(id).copied())
    }

    /// What a task instance waits for; none when it runs or has ended.
    pub(crate) fn waiting(&self, row: &TaskInstanceRow) -> Option<Waiting> {
        if let Some(wait) = self.wait(row) {
            return Some(why_wait(wait, self.now));
        }
        let task = TaskIndex(u32::try_from(row.task_index).ok()?);
        let task_id = &self.facts.dag.tasks.get(task.at())?.task_id;
        let facts = TaskFacts {
            task,
            map_index: row.map_index,
            state: parse(&row.state),
            retry_at: row.retry_at,
            weight: self.contention.weights.get(task.at()).copied().unwrap_or_default(),
            active_in_run: self.active.get(task.at()).copied().unwrap_or_default(),
            active_in_dag: self.contention.active_in_dag.get(task_id).copied().unwrap_or_default(),
            past: self.past_block(task),
        };
        why_task_instance(&self.facts, &facts, |index| self.state_of(index), self.now)
    }
}

/// The state of each task, in the DAG's order; of a mapped one the one that tells most: of its first element that is
/// not finished, or else that failed, or else of its first.
pub(crate) fn states_by_task(dag: &Dag, rows: &[TaskInstanceRow]) -> Vec<TaskInstanceState> {
    let mut states = vec![None; dag.tasks.len()];
    for row in rows {
        if let Some(state) = usize::try_from(row.task_index).ok().and_then(|at| states.get_mut(at)) {
            let next = parse(&row.state);
            if state.is_none_or(|known: TaskInstanceState| telling(next) > telling(known)) {
                *state = Some(next);
            }
        }
    }
    states.into_iter().map(|state| state.unwrap_or(TaskInstanceState::None)).collect()
}

/// How much a state tells about a task with several.
pub(crate) const fn telling(state: TaskInstanceState) -> u8 {
    match state {
        TaskInstanceState::Failed => 2,
        TaskInstanceState::UpstreamFailed => 1,
        state if !state.is_finished() => 3,
        _ => 0,
    }
}

/// A state's word from the database; unknown words cannot occur there.
pub(crate) fn parse(word: &str) -> TaskInstanceState {
    word.parse().unwrap_or(TaskInstanceState::None)
}
