//! A DAG version with what is derived from it once.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::dag::Dag;
use model::ids::TaskIndex;
use model::journal::DagVersion;
use model::operator::{Operator, ShortCircuit};
use model::scope::Scopes;

use super::mappings::Mappings;
use super::pools::Class;

#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) loaded: DagVersion,
    pub(crate) downstream: Vec<Vec<TaskIndex>>,
    pub(crate) weights: Vec<i32>,
    /// By task: what it competes for.
    pub(super) classes: Vec<Class>,
    /// For what is kept by DAG.
    pub(super) dag_id: Arc<str>,
    pub(crate) mappings: Mappings,
    pub(crate) scopes: Scopes,
    /// By task: whether its end is part of the run's.
    pub(crate) is_leaf: Vec<bool>,
    /// Whether a task depends on the run before.
    pub(crate) has_past: bool,
    /// Whether a task has callbacks.
    pub(crate) has_callbacks: bool,
    /// Whether a task has a deadline.
    pub(crate) has_deadlines: bool,
    /// By task: the branches and short circuits that may skip it. No entries when the DAG has none.
    choosers: Vec<Vec<TaskIndex>>,
}

impl Version {
    pub(super) fn new(loaded: DagVersion, classes: Vec<Class>) -> Self {
        let dag = &loaded.dag;
        let downstream = dag.downstream();
        let mut is_leaf = vec![false; dag.tasks.len()];
        for leaf in dag.leaves(&downstream) {
            is_leaf[leaf.at()] = true;
        }
        Self {
            weights: dag.priority_weights(),
            classes,
            dag_id: Arc::from(dag.dag_id.as_str()),
            mappings: Mappings::new(dag),
            scopes: Scopes::new(dag, &downstream),
            is_leaf,
            has_past: dag.tasks.iter().any(|task| task.depends_on_past),
            has_callbacks: dag.tasks.iter().any(|task| !task.callbacks.is_empty()),
            has_deadlines: dag.tasks.iter().any(|task| task.deadline.is_some()),
            choosers: choosers(dag, &downstream),
            downstream,
            loaded,
        }
    }

    /// The branches and short circuits that may skip a task.
    pub(crate) fn choosers(&self, task: TaskIndex) -> &[TaskIndex] {
        self.choosers.get(task.at()).map_or(&[], Vec::as_slice)
    }

    /// What a branch or short circuit may skip: a teardown never.
    pub(crate) fn behind(&self, chooser: TaskIndex) -> Vec<TaskIndex> {
        behind(&self.loaded.dag, chooser, &self.downstream)
    }
}

fn choosers(dag: &Dag, downstream: &[Vec<TaskIndex>]) -> Vec<Vec<TaskIndex>> {
    let is_chooser = |operator: &Operator| matches!(operator, Operator::Branch(_) | Operator::ShortCircuit(_));
    if !dag.tasks.iter().any(|task| is_chooser(&task.operator)) {
        return Vec::new();
    }
    let mut choosers = vec![Vec::new(); dag.tasks.len()];
    for (chooser, task) in (0..).map(TaskIndex).zip(&dag.tasks) {
        if is_chooser(&task.operator) {
            for skipped in behind(dag, chooser, downstream) {
                choosers[skipped.at()].push(chooser);
            }
        }
    }
    choosers
}

fn behind(dag: &Dag, chooser: TaskIndex, downstream: &[Vec<TaskIndex>]) -> Vec<TaskIndex> {
    let direct = &downstream[chooser.at()];
    let is_for_all = matches!(
        dag.task(chooser).operator,
        Operator::ShortCircuit(ShortCircuit { ignore_downstream_trigger_rules: true, .. })
    );
    let mut behind = if is_for_all {
        let reachable = reachable_from(direct, downstream);
        (0..).map(TaskIndex).take(dag.tasks.len()).filter(|index| reachable.contains(index)).collect()
    } else {
        direct.clone()
    };
    behind.retain(|index| dag.task(*index).teardown.is_none());
    behind
}

/// Some tasks and everything behind them.
pub(crate) fn reachable_from(from: &[TaskIndex], downstream: &[Vec<TaskIndex>]) -> BTreeSet<TaskIndex> {
    let mut reachable = BTreeSet::new();
    let mut stack = from.to_vec();
    while let Some(index) = stack.pop() {
        if reachable.insert(index) {
            stack.extend(&downstream[index.at()]);
        }
    }
    reachable
}
