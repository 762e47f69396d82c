//! Who holds slots: of the deployment, of pools, of a run, of a task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::journal::TaskInstanceRow;
use model::pool::Pool;
use model::state::TaskInstanceState;

use super::pools::Usage;
use super::run::Run;
use super::{Planner, Version};

/// What a task instance holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Nothing,
    /// A slot of everything that counts slots.
    Slot,
    /// Its pool's slots, where the pool counts deferred ones.
    Deferred,
}

impl Hold {
    const fn of(state: TaskInstanceState) -> Self {
        if state.holds_slot() {
            Self::Slot
        } else if matches!(state, TaskInstanceState::Deferred) {
            Self::Deferred
        } else {
            Self::Nothing
        }
    }

    const fn take(self, usage: &mut Usage, slots: u32) {
        match self {
            Self::Nothing => {}
            Self::Slot => usage.held += slots,
            Self::Deferred => usage.deferred += slots,
        }
    }

    const fn give_back(self, usage: &mut Usage, slots: u32) {
        match self {
            Self::Nothing => {}
            Self::Slot => usage.held -= slots,
            Self::Deferred => usage.deferred -= slots,
        }
    }
}

/// A task of a DAG, in all its runs, that has a limit of its own in some version of the DAG.
#[derive(Debug, Default)]
pub(super) struct LimitedTask {
    /// Instances that hold a slot, by run.
    by_run: BTreeMap<DagRunKey, u32>,
    total: u32,
    /// Runs where instances of it are ready.
    ready: BTreeSet<(DagRunKey, TaskIndex)>,
}

impl LimitedTask {
    fn count(&mut self, run: DagRunKey, held: bool) {
        let count = self.by_run.entry(run).or_default();
        if held {
            *count += 1;
            self.total += 1;
        } else {
            *count -= 1;
            self.total -= 1;
        }
    }

    pub(super) fn active_in(&self, run: DagRunKey) -> u32 {
        self.by_run.get(&run).copied().unwrap_or_default()
    }

    pub(super) const fn active(&self) -> u32 {
        self.total
    }
}

/// What the task instances of a run hold, by pool.
pub(super) fn usage_of(run: &mut Run) {
    let version = Arc::clone(&run.version);
    let held: Vec<(TaskIndex, TaskInstanceState)> = run
        .task_instances()
        .filter(|ti| Hold::of(ti.state) != Hold::Nothing)
        .map(|ti| (ti.key.task, ti.state))
        .collect();
    for (task, state) in held {
        let class = version.classes[task.at()];
        Hold::of(state).take(run.ready.usage.entry(class.pool).or_default(), class.slots);
    }
}

impl Planner {
    /// Keeps all counts true when a task instance goes from one state to another.
    pub(super) fn move_slots(&mut self, key: TaskInstanceKey, from: TaskInstanceState, to: TaskInstanceState) {
        let (before, after) = (Hold::of(from), Hold::of(to));
        if before == after {
            return;
        }
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        let class = run.version.classes[key.task.at()];
        let change = |usage: &mut Usage| {
            before.give_back(usage, class.slots);
            after.take(usage, class.slots);
        };
        change(run.ready.usage.entry(class.pool).or_default());
        self.pools.change_usage(class.pool, change);
        match (before == Hold::Slot, after == Hold::Slot) {
            (false, true) => {
                run.active += 1;
                self.slots_taken += 1;
                self.count_task(key, true);
            }
            (true, false) => {
                run.active -= 1;
                self.slots_taken -= 1;
                self.count_task(key, false);
                self.refresh_head(key.dag_run);
            }
            (true, true) | (false, false) => {}
        }
    }

    fn count_task(&mut self, key: TaskInstanceKey, held: bool) {
        if self.limited.is_empty() {
            return;
        }
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let version = Arc::clone(&run.version);
        let task_id = &version.loaded.dag.task(key.task).task_id;
        let Some(limited) = self.limited.get_mut(&version.dag_id).and_then(|tasks| tasks.get_mut(task_id)) else {
            return;
        };
        limited.count(key.dag_run, held);
        self.park(&version.dag_id, task_id);
    }

    /// Parks the ready instances of a task where as many run as may, and lets them go on where not.
    fn park(&mut self, dag_id: &Arc<str>, task_id: &str) {
        let Some(limited) = self.limited.get(dag_id).and_then(|tasks| tasks.get(task_id)) else { return };
        let mut changed = Vec::new();
        for (key, task) in &limited.ready {
            let Some(run) = self.runs.get_mut(key) else { continue };
            let limits = run.version.loaded.dag.task(*task);
            let is_full = limits.max_active_tis_per_dag.is_some_and(|limit| limited.total >= limit)
                || limits.max_active_tis_per_dagrun.is_some_and(|limit| limited.active_in(*key) >= limit);
            run.ready.set_parked(*task, is_full);
            changed.push(*key);
        }
        for key in changed {
            self.refresh_head(key);
        }
    }

    /// A run has ready instances of a task, or none any more.
    pub(super) fn note_ready(&mut self, key: DagRunKey, task: TaskIndex) {
        if self.limited.is_empty() {
            return;
        }
        let Some(run) = self.runs.get(&key) else { return };
        let version = Arc::clone(&run.version);
        let has = run.ready.has(task);
        let task_id = &version.loaded.dag.task(task).task_id;
        let Some(limited) = self.limited.get_mut(&version.dag_id).and_then(|tasks| tasks.get_mut(task_id)) else {
            return;
        };
        if has {
            limited.ready.insert((key, task));
            self.park(&version.dag_id, task_id);
        } else {
            limited.ready.remove(&(key, task));
        }
    }

    /// Counts the tasks of a version that have limits of their own, in the runs of all versions of the DAG.
    pub(super) fn count_limited_tasks(&mut self, version: &Version) {
        let has_limit = |task: &&Arc<model::dag::Task>| {
            task.max_active_tis_per_dag.is_some() || task.max_active_tis_per_dagrun.is_some()
        };
        for task in version.loaded.dag.tasks.iter().filter(has_limit) {
            let tasks = self.limited.entry(Arc::clone(&version.dag_id)).or_default();
            if tasks.contains_key(&task.task_id) {
                continue;
            }
            let mut limited = LimitedTask::default();
            for (key, run) in self.runs.iter().filter(|(_, run)| run.version.dag_id == version.dag_id) {
                limited.take_in(*key, run, &task.task_id);
            }
            tasks.insert(task.task_id.clone(), limited);
        }
    }

    /// Counts what a run holds that was read.
    pub(super) fn take_in_slots(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        self.slots_taken += run.active;
        for (pool, usage) in &run.ready.usage {
            self.pools.change_usage(*pool, |total| {
                total.held += usage.held;
                total.deferred += usage.deferred;
            });
        }
        let dag_id = Arc::clone(&run.version.dag_id);
        let mut taken = Vec::new();
        for (task_id, limited) in self.limited.get_mut(&dag_id).into_iter().flatten() {
            limited.take_in(key, run, task_id);
            if limited.active_in(key) > 0 {
                taken.push(task_id.clone());
            }
        }
        // What is ready in runs that were read before may have to wait now.
        for task_id in taken {
            self.park(&dag_id, &task_id);
        }
        self.remember_starts(key);
    }

    /// Gives back what a run holds that is forgotten.
    pub(super) fn give_back_slots(&mut self, key: DagRunKey, run: &Run) {
        self.slots_taken -= run.active;
        for (class, offer) in &run.ready.offered {
            self.pools.withdraw(&run.version.dag_id, *class, *offer);
        }
        for (pool, usage) in &run.ready.usage {
            self.pools.change_usage(*pool, |total| {
                total.held -= usage.held;
                total.deferred -= usage.deferred;
            });
        }
        let Some(tasks) = self.limited.get_mut(&run.version.dag_id) else { return };
        let mut freed = Vec::new();
        for (task_id, limited) in tasks.iter_mut() {
            limited.ready.retain(|(ready, _)| *ready != key);
            if let Some(count) = limited.by_run.remove(&key).filter(|count| *count > 0) {
                limited.total -= count;
                freed.push(task_id.clone());
            }
        }
        for task_id in freed {
            self.park(&run.version.dag_id, &task_id);
        }
    }

    /// The pools were read: what they allow holds from now on.
    pub fn fold_pools(&mut self, pools: Vec<Pool>) {
        if !self.pools.replace(pools).is_empty() {
            let runs: Vec<DagRunKey> = self.runs.keys().copied().collect();
            for key in runs {
                self.remember_starts(key);
            }
        }
    }

    /// The start of an attempt was not written, or perhaps: if it was, reading its run again counts it.
    pub(super) fn forget_start(&mut self, row: &TaskInstanceRow) {
        let Some(run) = self.runs.get(&row.key.dag_run) else { return };
        if let Some(at) = row.queued_at {
            self.pools.forget_start(run.version.classes[row.key.task.at()].pool, at, row.key);
        }
    }

    /// When task instances of a run got their slot, for the rates of their pools.
    fn remember_starts(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        for ti in run.task_instances() {
            let class = run.version.classes[ti.key.task.at()];
            if let Some(at) = ti.queued_at
                && self.pools.rate(class.pool).is_some()
                && run.version.loaded.dag.task(ti.key.task).operator.needs_process()
            {
                self.pools.remember_start(class.pool, at, ti.key);
            }
        }
    }
}

impl LimitedTask {
    fn take_in(&mut self, key: DagRunKey, run: &Run, task_id: &str) {
        let Some(task) = run.version.loaded.dag.index_of(task_id) else { return };
        let held = run.of_task(task).iter().filter(|ti| ti.state.holds_slot()).count();
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        if held > 0 {
            self.by_run.insert(key, held);
            self.total += held;
        }
        if run.ready.has(task) {
            self.ready.insert((key, task));
        }
    }
}
