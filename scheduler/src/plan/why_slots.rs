//! What keeps ready task instances from having a slot, from memory: the same facts that pages read from the database.

use jiff::Timestamp;
use model::ids::TaskIndex;
use model::why::{Holder, NAMED_HOLDERS, PoolFacts, ReadyFacts};

use super::pools::PoolIndex;
use super::run::Run;
use super::{Planner, Version};

impl Planner {
    /// The pool of a task, when pools are known.
    pub(super) fn pool_facts(&self, version: &Version, task: TaskIndex, now: Timestamp) -> Vec<PoolFacts> {
        if !self.pools.are_read() {
            return Vec::new();
        }
        let index = version.classes[task.at()].pool;
        let (name, pool, occupied) = self.pools.known(index);
        let include_deferred = pool.is_some_and(|pool| pool.include_deferred);
        let holders = self.holders(index, include_deferred);
        vec![PoolFacts {
            name: name.to_owned(),
            pool: pool.cloned(),
            occupied,
            holder_count: u32::try_from(holders.len()).unwrap_or(u32::MAX),
            holders: holders.into_iter().map(|(_, holder)| holder).take(NAMED_HOLDERS).collect(),
            ready: self.ready_facts(index),
            opens_at: self.pools.opens_at(index, now),
        }]
    }

    fn holders(&self, index: PoolIndex, include_deferred: bool) -> Vec<(Option<Timestamp>, Holder)> {
        let holds = |state: model::state::TaskInstanceState| {
            state.holds_slot() || (include_deferred && state == model::state::TaskInstanceState::Deferred)
        };
        let of_run = |run: &Run| {
            let in_pool = run
                .task_instances()
                .filter(|ti| holds(ti.state) && run.version.classes[ti.key.task.at()].pool == index);
            let holder = |ti: &model::journal::TaskInstanceRow| {
                let holder = Holder {
                    dag_id: run.facts.dag_id.clone(),
                    run_id: run.facts.run_id.clone(),
                    task_id: run.version.loaded.dag.task(ti.key.task).task_id.clone(),
                    map_index: ti.key.map_index,
                    slots: run.version.classes[ti.key.task.at()].slots,
                };
                (ti.queued_at, holder)
            };
            in_pool.map(holder).collect::<Vec<_>>()
        };
        let mut holders: Vec<_> = self.runs.values().flat_map(of_run).collect();
        holders.sort_by_key(|(at, _)| *at);
        holders
    }

    fn ready_facts(&self, index: PoolIndex) -> Vec<ReadyFacts> {
        let waiting =
            self.runs.values().filter(|run| !self.is_paused(&run.facts.dag_id)).flat_map(|run| run.ready.waiting());
        let small = |weight: i64| i32::try_from(weight).unwrap_or(i32::MAX);
        let facts = waiting.filter(|(_, class, _)| class.pool == index).map(|(weight, class, count)| ReadyFacts {
            weight: small(-weight),
            slots: class.slots,
            count: u32::try_from(count).unwrap_or(u32::MAX),
        });
        facts.collect()
    }

    /// How many instances of a task hold a slot in its run, and in all runs of its DAG.
    pub(super) fn active_of_task(&self, run: &Run, task: TaskIndex) -> (u32, u32) {
        let task_id = &run.version.loaded.dag.task(task).task_id;
        let limited = self.limited.get(&run.version.dag_id).and_then(|tasks| tasks.get(task_id));
        limited.map_or((0, 0), |limited| (limited.active_in(run.facts.key), limited.active()))
    }
}
