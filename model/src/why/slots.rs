//! Why a task instance that is ready has no slot: its task's own limits, its pool, the deployment.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RunFacts, TaskFacts, Waiting, plural};
use crate::pool::Pool;

/// Holders of slots that are named.
pub const NAMED_HOLDERS: usize = 3;

/// A pool at the moment when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFacts {
    /// Its name.
    pub name: String,
    /// What it is; none: there is no such pool.
    pub pool: Option<Pool>,
    /// Slots that are held.
    pub occupied: u32,
    /// Some of those who hold them, [`NAMED_HOLDERS`] at most.
    pub holders: Vec<Holder>,
    /// How many hold slots.
    pub holder_count: u32,
    /// Task instances of running runs that are ready for it, by weight and slots.
    pub ready: Vec<ReadyFacts>,
    /// Its rate lets nothing start before.
    pub opens_at: Option<Timestamp>,
}

/// Ready task instances that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyFacts {
    /// Their weight.
    pub weight: i32,
    /// How many slots each needs.
    pub slots: u32,
    /// How many there are.
    pub count: u32,
}

/// A task instance that holds slots of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// The task.
    pub task_id: String,
    /// −1 when it is not mapped.
    pub map_index: i32,
    /// How many slots it holds.
    pub slots: u32,
}

/// Why a ready task instance has no slot; none when nothing keeps it from having one.
pub(super) fn why_no_slot(run: &RunFacts<'_>, ti: &TaskFacts, now: Timestamp) -> Option<Waiting> {
    let task = run.dag.task(ti.task);
    if run.limits.parallelism == 0 {
        return Some(Waiting::Drained);
    }
    if let Some(limit) = task.max_active_tis_per_dagrun.filter(|limit| ti.active_in_run >= *limit) {
        return Some(Waiting::MaxActiveTisPerDagrun { limit });
    }
    if let Some(limit) = task.max_active_tis_per_dag.filter(|limit| ti.active_in_dag >= *limit) {
        return Some(Waiting::MaxActiveTisPerDag { limit });
    }
    let facts = run.pools.iter().find(|facts| facts.name == task.pool);
    let waiting = facts.and_then(|facts| why_no_slot_of(facts, ti.weight, task.pool_slots, now));
    if waiting.is_some() {
        return waiting;
    }
    let ahead = facts.map_or(0, |facts| facts.ahead(ti.weight));
    if run.slots_taken >= run.limits.parallelism {
        return Some(Waiting::Parallelism { limit: run.limits.parallelism, ahead });
    }
    let rate = facts.and_then(|facts| facts.pool.as_ref()?.rate)?;
    Some(Waiting::PoolRate { pool: task.pool.clone(), rate: rate.to_string(), at: None, ahead })
}

fn why_no_slot_of(facts: &PoolFacts, weight: i32, needs: u32, now: Timestamp) -> Option<Waiting> {
    let name = facts.name.clone();
    let Some(pool) = &facts.pool else { return Some(Waiting::PoolMissing { pool: name }) };
    if let Some(slots) = pool.slots.filter(|slots| *slots < needs) {
        return Some(Waiting::PoolTooSmall { pool: name, slots, needs });
    }
    if let (Some(rate), Some(at)) = (pool.rate, facts.opens_at.filter(|at| *at > now)) {
        let ahead = facts.ahead(weight);
        return Some(Waiting::PoolRate { pool: name, rate: rate.to_string(), at: Some(at), ahead });
    }
    let slots = pool.slots?;
    let open = slots.saturating_sub(facts.occupied);
    if open < needs {
        let more = facts.holder_count.saturating_sub(u32::try_from(facts.holders.len()).unwrap_or(u32::MAX));
        let (holders, ahead) = (facts.holders.clone(), facts.ahead(weight));
        return Some(Waiting::PoolFull { pool: name, slots, open, needs, holders, more, ahead });
    }
    let first = facts.ready.iter().filter(|ready| ready.weight >= weight && ready.slots > open && ready.slots <= slots);
    first.max_by_key(|ready| ready.weight).map(|first| Waiting::PoolReserved { pool: name, open, needs: first.slots })
}

impl PoolFacts {
    /// How many ready task instances are heavier.
    fn ahead(&self, weight: i32) -> u32 {
        self.ready.iter().filter(|ready| ready.weight > weight).map(|ready| ready.count).sum()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}.{}", self.dag_id, self.task_id)?;
        if self.map_index >= 0 {
            write!(f, "[{}]", self.map_index)?;
        }
        write!(f, "` of {}", self.run_id)?;
        if self.slots > 1 { write!(f, " ({} slots)", self.slots) } else { Ok(()) }
    }
}

/// `pool `warehouse` is full: 4 of 4 slots used by …`.
pub(super) fn tell_full(
    f: &mut fmt::Formatter<'_>,
    (pool, slots, open, needs): (&str, u32, u32, u32),
    holders: &[Holder],
    more: u32,
) -> fmt::Result {
    if open == 0 {
        write!(f, "pool `{pool}` is full: {slots} of {slots} {} used", plural(slots, "slot"))?;
    } else {
        write!(f, "it needs {needs} slots of pool `{pool}`, which has {open} of {slots} open")?;
        f.write_str(if holders.is_empty() { "" } else { "; the others are used" })?;
    }
    if !holders.is_empty() {
        let names: Vec<_> = holders.iter().map(ToString::to_string).collect();
        write!(f, " by {}", names.join(", "))?;
    }
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}

/// `; 3 heavier tasks are before it`.
pub(super) fn tell_ahead(f: &mut fmt::Formatter<'_>, ahead: u32) -> fmt::Result {
    match ahead {
        0 => Ok(()),
        1 => f.write_str("; 1 heavier task is before it"),
        _ => write!(f, "; {ahead} heavier tasks are before it"),
    }
}
