//! What a task that depends on the past depends on: the same task, and perhaps what follows it, in the run before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dag::{Dag, Task};
use crate::ids::{DagRunKey, TaskIndex};
use crate::state::{DagRunType, TaskInstanceState};

/// What has to be known of a run's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastQuery {
    /// The run whose past it is.
    pub dag_run: DagRunKey,
    /// Whether the run before it is looked for among those that no person triggered: of a DAG that catches up.
    pub skips_manual: bool,
    /// Its tasks that depend on the past.
    pub tasks: Vec<String>,
    /// What directly follows those of them that wait for downstream.
    pub followers: Vec<String>,
}

impl PastQuery {
    /// What has to be known of a run; nothing when none of its tasks depends on the past, or when it has no logical date
    /// and so no run before it.
    pub fn of(dag: &Dag, dag_run: DagRunKey, logical_date: Option<Timestamp>) -> Option<Self> {
        logical_date?;
        let ids = |of: &dyn Fn(&Task) -> bool| -> Vec<String> {
            dag.tasks.iter().filter(|task| of(task)).map(|task| task.task_id.clone()).collect()
        };
        let tasks = ids(&|task| task.depends_on_past);
        let followers = ids(&|task| task.upstream.iter().any(|index| dag.task(*index).wait_for_downstream));
        (!tasks.is_empty()).then_some(Self { dag_run, skips_manual: dag.catchup, tasks, followers })
    }

    /// Whether a run of this type can be the one before.
    pub const fn takes(&self, run_type: DagRunType) -> bool {
        !self.skips_manual || !matches!(run_type, DagRunType::Manual)
    }
}

/// A run's past.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PastRun {
    /// The run before it, by logical date; none: it is the first.
    pub previous: Option<PreviousRun>,
}

/// The run before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousRun {
    /// Its row.
    pub key: DagRunKey,
    /// Its name.
    pub run_id: String,
    /// Each of its tasks, with the state that tells most ([`telling`]).
    pub tasks: BTreeMap<String, TaskInstanceState>,
    /// Tasks that it has not, but a run before it has.
    pub earlier: BTreeSet<String>,
}

/// What of the past keeps a task from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastBlock {
    /// The run before.
    pub run_id: String,
    /// The task in it: the same, or one that directly follows it.
    pub task_id: String,
    /// Its state there; none when that run has no such task.
    pub state: Option<TaskInstanceState>,
}

/// Of a task's instances, the state that decides about those who depend on them: the first that neither succeeded nor was
/// skipped, or else success.
pub fn telling(states: impl IntoIterator<Item = TaskInstanceState>) -> TaskInstanceState {
    states.into_iter().find(|state| !is_good(*state)).unwrap_or(TaskInstanceState::Success)
}

const fn is_good(state: TaskInstanceState) -> bool {
    matches!(state, TaskInstanceState::Success | TaskInstanceState::Skipped)
}

/// What of the run before keeps a task from starting; nothing when it may. `state_of` gives the telling state of a task
/// there, by id.
pub fn block(
    dag: &Dag,
    task: &Task,
    downstream: &[TaskIndex],
    previous: &PreviousRun,
    state_of: impl Fn(&str) -> Option<TaskInstanceState>,
) -> Option<PastBlock> {
    if !task.depends_on_past {
        return None;
    }
    let blocked =
        |task_id: &str, state| Some(PastBlock { run_id: previous.run_id.clone(), task_id: task_id.to_owned(), state });
    match state_of(&task.task_id) {
        None if task.ignore_first_depends_on_past && !previous.earlier.contains(&task.task_id) => return None,
        None => return blocked(&task.task_id, None),
        Some(state) if !is_good(state) => return blocked(&task.task_id, Some(state)),
        Some(_) => {}
    }
    if !task.wait_for_downstream {
        return None;
    }
    let mut followers = downstream.iter().map(|index| dag.task(*index).task_id.as_str());
    let (task_id, state) =
        followers.find_map(|id| state_of(id).filter(|state| !is_good(*state)).map(|state| (id, state)))?;
    blocked(task_id, Some(state))
}

#[cfg(test)]
mod tests;
