//! Setup and teardown: which setups a task needs, and what a teardown waits for.
//!
//! A setup is followed by the tasks that need what it made, and at the end by its teardown, which takes that away. A
//! task is in the scope of a setup when it comes after it and before one of its teardowns (or after a setup that has
//! none). Such a task needs the setup even when it does not depend on it directly, and is cleared together with both.
//! A teardown runs when its setup succeeded, whatever happened between, and not before all of that has ended.

use std::collections::BTreeSet;

use crate::dag::Dag;
use crate::ids::TaskIndex;
use crate::state::TaskInstanceState;
use crate::trigger_rule::{TriggerRule, UpstreamCounts, Verdict, evaluate};

/// What setups and teardowns of one DAG add to its edges. Empty, and free, for a DAG that has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes {
    /// By task; no entries when the DAG has neither setups nor teardowns.
    tasks: Vec<Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Scope {
    /// Of a teardown: its direct upstream setups.
    own_setups: Vec<TaskIndex>,
    /// Of another task: the setups in whose scope it is.
    setups: Vec<TaskIndex>,
    /// Those of them that it does not depend on directly.
    indirect_setups: Vec<TaskIndex>,
    /// Of a teardown: what lies between its setups and itself without being a direct upstream.
    between: Vec<TaskIndex>,
    /// Of a setup: its teardowns.
    teardowns: Vec<TaskIndex>,
    /// Tasks beside the direct downstream that have to be looked at again when this one ends.
    watchers: Vec<TaskIndex>,
}

impl Scopes {
    /// Derives the scopes of a DAG; `downstream` is [`Dag::downstream`].
    pub fn new(dag: &Dag, downstream: &[Vec<TaskIndex>]) -> Self {
        if !dag.tasks.iter().any(|task| task.setup || task.teardown.is_some()) {
            return Self::default();
        }
        let upstream: Vec<Vec<TaskIndex>> = dag.tasks.iter().map(|task| task.upstream.clone()).collect();
        let is_teardown = |index: &&TaskIndex| dag.task(**index).teardown.is_some();
        let mut tasks = vec![Scope::default(); dag.tasks.len()];
        for setup in (0..).map(TaskIndex).take(dag.tasks.len()).filter(|index| dag.task(*index).setup) {
            let after = beyond(setup, downstream);
            let teardowns: Vec<TaskIndex> = downstream[setup.at()].iter().filter(is_teardown).copied().collect();
            let mut before = BTreeSet::new();
            for teardown in &teardowns {
                let scope = beyond(*teardown, &upstream);
                let direct = &upstream[teardown.at()];
                let between = scope.intersection(&after).filter(|index| !direct.contains(index));
                tasks[teardown.at()].between.extend(between);
                tasks[teardown.at()].own_setups.push(setup);
                before.extend(scope);
            }
            for task in after.iter().filter(|index| dag.task(**index).teardown.is_none()) {
                if teardowns.is_empty() || before.contains(task) {
                    tasks[task.at()].setups.push(setup);
                    if !upstream[task.at()].contains(&setup) {
                        tasks[task.at()].indirect_setups.push(setup);
                    }
                }
            }
            tasks[setup.at()].teardowns = teardowns;
        }
        watch(&mut tasks);
        Self { tasks }
    }

    fn of(&self, task: TaskIndex) -> Option<&Scope> {
        self.tasks.get(task.at())
    }

    /// Tasks beside its direct downstream that have to be looked at again when a task ends.
    pub fn watchers(&self, task: TaskIndex) -> &[TaskIndex] {
        self.of(task).map_or(&[], |scope| &scope.watchers)
    }

    /// The setups that a task needs without depending on them directly.
    pub fn indirect_setups(&self, task: TaskIndex) -> &[TaskIndex] {
        self.of(task).map_or(&[], |scope| &scope.indirect_setups)
    }

    /// What lies between a teardown's setups and the teardown without being a direct upstream of it.
    pub fn between(&self, teardown: TaskIndex) -> &[TaskIndex] {
        self.of(teardown).map_or(&[], |scope| &scope.between)
    }

    /// What a task's setups and its trigger rule say, given how its direct upstreams ended. `states_of` gives the states of
    /// all instances of a task. With neither setups nor teardowns this is [`evaluate`].
    pub fn verdict<I: IntoIterator<Item = TaskInstanceState>>(
        &self,
        task: TaskIndex,
        rule: TriggerRule,
        mut counts: UpstreamCounts,
        states_of: impl Fn(TaskIndex) -> I,
    ) -> Verdict {
        let Some(scope) = self.of(task) else { return evaluate(rule, &counts) };
        for state in scope.own_setups.iter().flat_map(|setup| states_of(*setup)) {
            counts.setups += 1;
            counts.setup_success += u32::from(state == TaskInstanceState::Success);
            counts.setup_skipped += u32::from(state == TaskInstanceState::Skipped);
        }
        let held = if rule == TriggerRule::Always { None } else { constraint(scope, &states_of) };
        match held {
            Some(verdict @ (Verdict::UpstreamFailed | Verdict::Skip)) => verdict,
            None | Some(Verdict::Wait | Verdict::Run) => match evaluate(rule, &counts) {
                Verdict::Run if held.is_some() || is_open(&scope.between, &states_of) => Verdict::Wait,
                verdict => verdict,
            },
        }
    }

    /// What has to start over when a task does: the setups in whose scope it is with their teardowns, and for a setup
    /// its own teardowns.
    pub fn cleared_with(&self, task: TaskIndex) -> BTreeSet<TaskIndex> {
        let Some(scope) = self.of(task) else { return BTreeSet::new() };
        let mut found: BTreeSet<TaskIndex> = scope.teardowns.iter().copied().collect();
        for setup in &scope.setups {
            found.insert(*setup);
            found.extend(&self.tasks[setup.at()].teardowns);
        }
        found.remove(&task);
        found
    }
}

/// What the setups that a task does not depend on directly say: they fail or skip it at once, or keep it waiting. Nothing:
/// they are fine.
fn constraint<I: IntoIterator<Item = TaskInstanceState>>(
    scope: &Scope,
    states_of: &impl Fn(TaskIndex) -> I,
) -> Option<Verdict> {
    let (mut failed, mut skipped, mut open) = (false, false, false);
    for state in scope.indirect_setups.iter().flat_map(|setup| states_of(*setup)) {
        failed |= state.is_failed();
        skipped |= state == TaskInstanceState::Skipped;
        open |= !state.is_finished();
    }
    match (failed, skipped, open) {
        (true, _, _) => Some(Verdict::UpstreamFailed),
        (false, true, _) => Some(Verdict::Skip),
        (false, false, true) => Some(Verdict::Wait),
        (false, false, false) => None,
    }
}

fn is_open<I: IntoIterator<Item = TaskInstanceState>>(
    tasks: &[TaskIndex],
    states_of: &impl Fn(TaskIndex) -> I,
) -> bool {
    tasks.iter().flat_map(|task| states_of(*task)).any(|state| !state.is_finished())
}

/// Turns "asks about" around.
fn watch(tasks: &mut [Scope]) {
    for at in 0..tasks.len() {
        let asker = TaskIndex(u32::try_from(at).unwrap_or(u32::MAX));
        tasks[at].between.sort_unstable();
        tasks[at].between.dedup();
        let looked_at: Vec<TaskIndex> = tasks[at].indirect_setups.iter().chain(&tasks[at].between).copied().collect();
        for index in looked_at {
            tasks[index.at()].watchers.push(asker);
        }
    }
}

/// Everything that can be reached from a task, without itself.
fn beyond(task: TaskIndex, next: &[Vec<TaskIndex>]) -> BTreeSet<TaskIndex> {
    let mut found = BTreeSet::new();
    let mut stack = vec![task];
    while let Some(at) = stack.pop() {
        stack.extend(next[at.at()].iter().copied().filter(|index| found.insert(*index)));
    }
    found
}

#[cfg(test)]
mod tests;
