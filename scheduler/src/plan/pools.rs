//! Who is next in each pool.
//!
//! Each run offers, per pool and number of slots, the heaviest of its ready tasks that nothing but the pool keeps from
//! starting. Each DAG has in each pool one place in the pool's order: that of its heaviest offer. Places are ordered by
//! weight, and at equal weight by whose DAG has waited longest: since it last got a slot, or since it had nothing to
//! offer. Each pool has at most one place
//! among the fronts: that of its first, if it may start now. So a start costs a few steps in ordered sets, however
//! much waits, and a pool that is full hides nothing of another.
//!
//! **Nothing overtakes.** Where the first of a pool needs more slots than are open, the open ones are saved up for it:
//! nobody behind it starts in that pool until it has started. Whoever is heavier goes before it, and each DAG that
//! waited before it did, once. A task that needs more slots than its pool has at all has no place, and holds nobody up.
//!
//! **Rates.** At most `starts` in any window of the pool's rate, counted from the instants at which task instances got
//! their slot. After a take-over those count that the unfinished runs remember: an attempt that was followed by another,
//! and the tasks of runs that have ended since, are forgotten, so that at most one more window's starts can follow.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::pool::{Pool, Rate};

/// A pool's position among the pools that the planner has heard of. Never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PoolIndex(u32);

/// What tasks that compete alike have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    /// The pool.
    pub(super) pool: PoolIndex,
    /// How many slots each instance holds.
    pub(super) slots: u32,
}

/// A ready task that a run offers: the lighter, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offer {
    /// Its weight, negated.
    pub(super) weight: i64,
    pub(super) run: DagRunKey,
    pub(super) task: TaskIndex,
}

/// A DAG's place in a pool's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    weight: i64,
    /// Since when the DAG waits.
    turn: u64,
    dag: Arc<str>,
    offer: Offer,
    slots: u32,
}

/// What a DAG offers.
#[derive(Debug, Default)]
struct DagOffers {
    /// Counts starts and arrivals: the less, the longer the DAG has waited.
    turn: u64,
    by_class: BTreeMap<Class, BTreeSet<Offer>>,
    places: BTreeMap<PoolIndex, Place>,
}

/// Slots that task instances of a pool hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) held: u32,
    /// By deferred ones: they count where the pool says so.
    pub(super) deferred: u32,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    /// None: there is no such pool (any more).
    pool: Option<Pool>,
    usage: Usage,
    /// When task instances got their slot, as far back as the rate's window reaches; empty without a rate.
    starts: BTreeSet<(Timestamp, TaskInstanceKey)>,
    /// The rate lets nothing start before.
    rests_until: Option<Timestamp>,
    order: BTreeSet<Place>,
    front: Option<(i64, u64)>,
}

/// All pools, and what waits for their slots.
#[derive(Debug, Default)]
pub(super) struct Pools {
    by_name: HashMap<Arc<str>, PoolIndex>,
    entries: Vec<Entry>,
    dags: BTreeMap<Arc<str>, DagOffers>,
    /// Pools whose first may start: (−weight, turn, pool).
    fronts: BTreeSet<(i64, u64, PoolIndex)>,
    last_turn: u64,
    /// Until the pools have been read each name is a pool without a bound.
    are_read: bool,
}

impl Pools {
    /// The pool of a name, whether there is one or not.
    pub(super) fn index_of(&mut self, name: &str) -> PoolIndex {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = PoolIndex(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = Arc::from(name);
        self.by_name.insert(name.clone(), index);
        self.entries.push(Entry {
            name,
            pool: None,
            usage: Usage::default(),
            starts: BTreeSet::new(),
            rests_until: None,
            order: BTreeSet::new(),
            front: None,
        });
        index
    }

    /// Whether deferred task instances hold slots of a pool.
    pub(super) fn counts_deferred(&self, index: PoolIndex) -> bool {
        self.entry(index).pool.as_ref().is_some_and(|pool| pool.include_deferred)
    }

    /// Takes the pools as they are now. Returns those that have a rate since.
    pub(super) fn replace(&mut self, pools: Vec<Pool>) -> Vec<PoolIndex> {
        self.are_read = true;
        let before: Vec<Option<Rate>> = self.entries.iter().map(|entry| entry.pool.as_ref()?.rate).collect();
        for entry in &mut self.entries {
            entry.pool = None;
        }
        for pool in pools {
            let index = self.index_of(&pool.name);
            self.entry_mut(index).pool = Some(pool);
        }
        let all: Vec<PoolIndex> = (0..).map(PoolIndex).take(self.entries.len()).collect();
        let newly_rated = all
            .iter()
            .copied()
            .filter(|index| self.rate(*index).is_some() && before.get(index.0 as usize).copied().flatten().is_none());
        let newly_rated = newly_rated.collect();
        for index in &all {
            let entry = self.entry_mut(*index);
            entry.rests_until = None;
            if entry.pool.as_ref().is_none_or(|pool| pool.rate.is_none()) {
                entry.starts.clear();
            }
        }
        // What fits has changed: each DAG takes its places anew.
        let dags: Vec<Arc<str>> = self.dags.keys().cloned().collect();
        for dag in dags {
            let pools: BTreeSet<PoolIndex> = self.dags[&dag].by_class.keys().map(|class| class.pool).collect();
            for pool in pools {
                self.take_place(&dag, pool);
            }
        }
        for index in all {
            self.refresh_front(index);
        }
        newly_rated
    }

    fn entry(&self, index: PoolIndex) -> &Entry {
        &self.entries[index.0 as usize]
    }

    fn entry_mut(&mut self, index: PoolIndex) -> &mut Entry {
        &mut self.entries[index.0 as usize]
    }

    /// The rate of a pool.
    pub(super) fn rate(&self, index: PoolIndex) -> Option<Rate> {
        self.entry(index).pool.as_ref()?.rate
    }

    /// A run offers a task.
    pub(super) fn offer(&mut self, dag: &Arc<str>, class: Class, offer: Offer) {
        if !self.dags.contains_key(dag) {
            self.dags.insert(dag.clone(), DagOffers::default());
        }
        if let Some(offers) = self.dags.get_mut(dag) {
            if offers.by_class.is_empty() {
                self.last_turn += 1;
                offers.turn = self.last_turn;
            }
            offers.by_class.entry(class).or_default().insert(offer);
        }
        self.take_place(dag, class.pool);
    }

    /// A run takes an offer back.
    pub(super) fn withdraw(&mut self, dag: &Arc<str>, class: Class, offer: Offer) {
        if let Some(offers) = self.dags.get_mut(dag)
            && let Some(of_class) = offers.by_class.get_mut(&class)
        {
            of_class.remove(&offer);
            if of_class.is_empty() {
                offers.by_class.remove(&class);
            }
        }
        self.take_place(dag, class.pool);
    }

    /// Puts a DAG where it belongs in a pool's order.
    fn take_place(&mut self, dag: &Arc<str>, index: PoolIndex) {
        let Some(offers) = self.dags.get_mut(dag) else { return };
        let entry = &mut self.entries[index.0 as usize];
        let capacity = entry.pool.as_ref().and_then(|pool| pool.slots).unwrap_or(u32::MAX);
        let of_pool = Class { pool: index, slots: 0 }..=Class { pool: index, slots: capacity };
        let first =
            offers.by_class.range(of_pool).filter_map(|(class, of_class)| Some((*of_class.first()?, class.slots)));
        let place = first.min().map(|(offer, slots)| Place {
            weight: offer.weight,
            turn: offers.turn,
            dag: dag.clone(),
            offer,
            slots,
        });
        if offers.places.get(&index) == place.as_ref() {
            return;
        }
        if let Some(before) = offers.places.remove(&index) {
            entry.order.remove(&before);
        }
        if let Some(place) = place {
            entry.order.insert(place.clone());
            offers.places.insert(index, place);
        }
        self.refresh_front(index);
    }

    /// Keeps a pool's place among the fronts true.
    fn refresh_front(&mut self, index: PoolIndex) {
        let are_read = self.are_read;
        let entry = &mut self.entries[index.0 as usize];
        let may_start = |place: &&Place| entry.rests_until.is_none() && entry.fits(place.slots, are_read);
        let front = entry.order.first().filter(may_start).map(|place| (place.weight, place.turn));
        if entry.front == front {
            return;
        }
        if let Some((weight, turn)) = std::mem::replace(&mut entry.front, front) {
            self.fronts.remove(&(weight, turn, index));
        }
        if let Some((weight, turn)) = front {
            self.fronts.insert((weight, turn, index));
        }
    }

    /// Whether anything may start.
    pub(super) fn may_any_start(&self) -> bool {
        !self.fronts.is_empty()
    }

    /// What starts next, as far as pools decide.
    pub(super) fn next(&self) -> Option<(PoolIndex, Offer)> {
        let (_, _, index) = self.fronts.first()?;
        self.entry(*index).order.first().map(|place| (*index, place.offer))
    }

    /// Until when a pool's rate lets nothing start, if it does not at `now`. The pool rests until [`Self::wake`].
    pub(super) fn rest(&mut self, index: PoolIndex, now: Timestamp) -> Option<Timestamp> {
        let opens_at = self.opens_at(index, now)?;
        self.entry_mut(index).rests_until = Some(opens_at);
        self.refresh_front(index);
        Some(opens_at)
    }

    /// A pool has rested long enough.
    pub(super) fn wake(&mut self, index: PoolIndex) {
        self.entry_mut(index).rests_until = None;
        self.refresh_front(index);
    }

    /// When a pool's rate lets the next one start; none: at once.
    pub(super) fn opens_at(&self, index: PoolIndex, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entry(index);
        let rate = entry.pool.as_ref()?.rate?;
        let back = (rate.starts as usize).saturating_sub(1);
        // Mostly there are as many starts as may be: then the one that matters is the first.
        let (at, _) = match entry.starts.len().checked_sub(rate.starts as usize)? {
            0 => entry.starts.first()?,
            _ => entry.starts.iter().nth_back(back)?,
        };
        at.checked_add(rate.window.absolute()).ok().filter(|opens_at| *opens_at > now)
    }

    /// A task instance got its slot: the rate counts it, and its DAG has had its turn.
    pub(super) fn start(&mut self, dag: &Arc<str>, index: PoolIndex, at: Timestamp, key: TaskInstanceKey) {
        self.remember_start(index, at, key);
        self.last_turn += 1;
        let turn = self.last_turn;
        let Some(offers) = self.dags.get_mut(dag) else { return };
        offers.turn = turn;
        let pools: Vec<PoolIndex> = offers.places.keys().copied().collect();
        for pool in pools {
            self.take_place(dag, pool);
        }
    }

    /// A task instance has had its slot since then. Only what the rate's window holds is kept.
    pub(super) fn remember_start(&mut self, index: PoolIndex, at: Timestamp, key: TaskInstanceKey) {
        let Some(rate) = self.rate(index) else { return };
        let starts = &mut self.entry_mut(index).starts;
        starts.insert((at, key));
        let Some((newest, _)) = starts.last().copied() else { return };
        let Ok(oldest) = newest.checked_sub(rate.window.absolute()) else { return };
        while starts.first().is_some_and(|(at, _)| *at <= oldest) {
            starts.pop_first();
        }
    }

    /// A start that was not written did not happen.
    pub(super) fn forget_start(&mut self, index: PoolIndex, at: Timestamp, key: TaskInstanceKey) {
        self.entry_mut(index).starts.remove(&(at, key));
    }

    /// What task instances of a pool hold changes.
    pub(super) fn change_usage(&mut self, index: PoolIndex, change: impl FnOnce(&mut Usage)) {
        change(&mut self.entry_mut(index).usage);
        self.refresh_front(index);
    }

    /// What is known of a pool, for people: its name, its configuration, slots held, and whether names stand for pools.
    pub(super) fn known(&self, index: PoolIndex) -> (&str, Option<&Pool>, u32) {
        let entry = self.entry(index);
        (&entry.name, entry.pool.as_ref(), entry.occupied())
    }

    /// Whether the pools have been read.
    pub(super) const fn are_read(&self) -> bool {
        self.are_read
    }
}

impl Entry {
    fn occupied(&self) -> u32 {
        let deferred =
            if self.pool.as_ref().is_some_and(|pool| pool.include_deferred) { self.usage.deferred } else { 0 };
        self.usage.held + deferred
    }

    fn fits(&self, slots: u32, are_read: bool) -> bool {
        match &self.pool {
            Some(pool) => pool.slots.is_none_or(|bound| self.occupied().saturating_add(slots) <= bound),
            None => !are_read,
        }
    }
}
