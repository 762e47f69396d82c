//! What of one run is ready and needs a slot, and what holds slots.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::{DagRunKey, TaskIndex};

use super::pools::{Class, Offer, PoolIndex, Usage};

/// The ready instances of one task.
#[derive(Debug)]
struct Lane {
    weight: i64,
    class: Class,
    map_indexes: BTreeSet<i32>,
    /// As many instances of the task run as may.
    is_parked: bool,
}

/// One run's ready task instances, by what they compete for.
#[derive(Debug, Default)]
pub(super) struct Ready {
    lanes: BTreeMap<TaskIndex, Lane>,
    /// Tasks that may start, heaviest first: (−weight, task).
    queues: BTreeMap<Class, BTreeSet<(i64, TaskIndex)>>,
    /// What the pools have been told.
    pub(super) offered: BTreeMap<Class, Offer>,
    /// Slots that the run's task instances hold.
    pub(super) usage: BTreeMap<PoolIndex, Usage>,
}

impl Ready {
    /// A task instance is ready. `weight` is negated.
    pub(super) fn push(&mut self, task: TaskIndex, map_index: i32, weight: i64, class: Class) {
        let lane = self.lanes.entry(task).or_insert_with(|| Lane {
            weight,
            class,
            map_indexes: BTreeSet::new(),
            is_parked: false,
        });
        lane.map_indexes.insert(map_index);
        if !lane.is_parked {
            self.queues.entry(class).or_default().insert((weight, task));
        }
    }

    /// Takes the first ready instance of a task out.
    pub(super) fn pop(&mut self, task: TaskIndex) -> Option<i32> {
        let lane = self.lanes.get_mut(&task)?;
        let map_index = lane.map_indexes.pop_first();
        self.close_if_empty(task);
        map_index
    }

    /// Takes one ready instance out, if it is there.
    pub(super) fn remove(&mut self, task: TaskIndex, map_index: i32) {
        if self.lanes.get_mut(&task).is_some_and(|lane| lane.map_indexes.remove(&map_index)) {
            self.close_if_empty(task);
        }
    }

    fn close_if_empty(&mut self, task: TaskIndex) {
        if let Some(lane) = self.lanes.get(&task)
            && lane.map_indexes.is_empty()
        {
            let entry = (lane.weight, task);
            if let Some(queue) = self.queues.get_mut(&lane.class) {
                queue.remove(&entry);
            }
            self.lanes.remove(&task);
        }
    }

    /// Whether a task has ready instances.
    pub(super) fn has(&self, task: TaskIndex) -> bool {
        self.lanes.contains_key(&task)
    }

    /// Keeps a task's instances from starting, or lets them.
    pub(super) fn set_parked(&mut self, task: TaskIndex, is_parked: bool) {
        let Some(lane) = self.lanes.get_mut(&task) else { return };
        if std::mem::replace(&mut lane.is_parked, is_parked) == is_parked {
            return;
        }
        let entry = (lane.weight, task);
        let queue = self.queues.entry(lane.class).or_default();
        if is_parked {
            queue.remove(&entry);
        } else {
            queue.insert(entry);
        }
    }

    /// What the run offers, by class; the classes of all that it has ever offered are among them.
    pub(super) fn offers(&self, run: DagRunKey) -> Vec<(Class, Option<Offer>)> {
        let first = |queue: &BTreeSet<(i64, TaskIndex)>| {
            queue.first().map(|(weight, task)| Offer { weight: *weight, run, task: *task })
        };
        self.queues.iter().map(|(class, queue)| (*class, first(queue))).collect()
    }

    /// The ready instances, by task: (−weight, class, how many).
    pub(super) fn waiting(&self) -> impl Iterator<Item = (i64, Class, usize)> {
        // Twice the weight, and one less urgent in a backfill: see `make_ready`.
        self.lanes.values().map(|lane| (-(1 - lane.weight).div_euclid(2), lane.class, lane.map_indexes.len()))
    }
}
