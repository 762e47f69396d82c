//! Identifiers that the database hands out, each its own type so that one cannot be passed for another.
//!
//! What people name (`dag_id`, `task_id`, `run_id`) stays text, as in Airflow.

use serde::{Deserialize, Serialize};

/// Primary key of a `dag_run` row. People know a run as `(dag_id, run_id)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DagRunKey(pub i64);

/// Primary key of a `dag_version` row. People know a version as `(dag_id, version_number)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DagVersionKey(pub i64);

/// Position of a task in [`crate::dag::Dag::tasks`] of the DAG version that its run is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskIndex(pub u32);

impl TaskIndex {
    /// As an index into a slice of the DAG's tasks.
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// A task in a run: primary key of a `task_instance` row. `map_index` is −1 for a task that is not mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskInstanceKey {
    /// The run it belongs to.
    pub dag_run: DagRunKey,
    /// Which task of the run's DAG version.
    pub task: TaskIndex,
    /// Which element of a mapping; −1 when the task is not mapped.
    pub map_index: i32,
}

impl TaskInstanceKey {
    /// The instance of a task that is not mapped.
    pub const fn unmapped(dag_run: DagRunKey, task: TaskIndex) -> Self {
        Self { dag_run, task, map_index: -1 }
    }
}

/// Fences everything that one attempt writes: a newer attempt of the same task instance has a greater token, and a
/// write that names an older one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptToken(pub i64);

/// How many low bits of a token count the attempts of one leadership; the high bits are its epoch.
const COUNTER_BITS: u32 = 40;

impl AttemptToken {
    /// The `counter`-th attempt handed out under `epoch`. Monotonic over take-overs without asking the database,
    /// because epochs only grow. 2^40 attempts per leadership and 2^23 leaderships fit.
    pub const fn new(epoch: Epoch, counter: i64) -> Self {
        Self((epoch.0 << COUNTER_BITS) | counter)
    }

    /// The leadership that handed the attempt out.
    pub const fn epoch(self) -> Epoch {
        Epoch(self.0 >> COUNTER_BITS)
    }
}

/// Number of a leadership: grows by one with each take-over of the leader's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);
