//! The planner: everything the scheduler decides, over plain data, without asking the world.
//!
//! [`Planner`] holds the unfinished runs in memory. Facts are *folded* into it (a run was loaded, an attempt
//! reported, a DAG changed); [`Planner::plan`] then says everything that follows at `now`: rows to write, attempts to
//! hand out, runs to create. A finish touches only its own downstream tasks, so the cost of a pass follows what
//! changed, not what exists. Everything here can be rebuilt from the database, and is at take-over.
//!
//! The order of one pass:
//! 1. timers that are due: retries, run timeouts, timetables;
//! 2. queued runs start, as far as `max_active_runs` allows;
//! 3. tasks that need no process are finished, which may make others ready;
//! 4. ready tasks get slots in the order of their pools, as far as pools, `parallelism`, `max_active_tasks` and the
//!    limits of tasks allow;
//! 5. the rows that changed become one [`Batch`].

mod assets;
#[cfg(test)]
mod assets_tests;
mod backfill;
mod callbacks;
#[cfg(test)]
mod callbacks_tests;
mod choice;
mod disabled;
mod due;
mod expand;
mod finish;
mod fold;
mod instances;
mod judge;
#[cfg(test)]
mod mapped_tests;
mod mappings;
mod output;
mod past;
mod pause;
mod pools;
#[cfg(test)]
mod pools_tests;
mod ready;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reference_tests;
mod retry;
#[cfg(test)]
mod rules_tests;
mod run;
mod slots;
mod taken;
#[cfg(test)]
mod tests;
mod version;
mod wait;
#[cfg(test)]
mod wait_tests;
mod why;
mod why_slots;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use model::asset::OutletEvent;
use model::asset::records::{AssetRun, AssetUpdate};
use model::attempt::Attempt;
use model::backfill::BackfillStep;
use model::dag::Dag;
use model::dag_run::DataInterval;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, Epoch, TaskInstanceKey};
use model::journal::{Batch, DagPause, DagRow, EndedAttempt, NextRun, ScheduledRun, SkippedRun, XComRow};
use model::limits::Limits;
use model::timetable::{DueRun, Timetable};

pub use expand::Expanding;
pub use fold::Fate;
use pools::{PoolIndex, Pools};
use run::Run;
use taken::LimitedTask;
use version::Version;
pub use wait::Watch;

use crate::question::Asked;

/// How many row changes make a pass stop and commit: beyond that a batch gets slower faster than it gets bigger.
/// Measured on two cores: best between 200 and 500.
const BATCH_ROWS: usize = 400;

/// A DAG and what the planner knows of its runs.
#[derive(Debug)]
struct DagEntry {
    row: DagRow,
    timetable: Option<Timetable>,
    next: Option<DueRun>,
    running: u32,
    queued: BTreeSet<(Timestamp, DagRunKey)>,
    /// Its runs in memory that the timetable made.
    scheduled: BTreeSet<DagRunKey>,
    /// The last ended runs, and whether each failed; only kept for a DAG that is paused after so many failures.
    ends: BTreeMap<DagRunKey, bool>,
    /// Runs of backfills that are running.
    backfill_running: u32,
    /// Runs of backfills that are queued, in the order in which they were made.
    backfill_queued: BTreeSet<DagRunKey>,
    /// A step of its backfill was decided; what follows is known when the row is read again.
    awaits_backfill: bool,
}

/// What is to happen at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Retry(TaskInstanceKey),
    RunTimeout(DagRunKey),
    RunAfter(String),
    Schedule(String),
    /// A pool's rate lets the next one start.
    Pool(PoolIndex),
    /// A deadline passes.
    Deadline(callbacks::Late),
}

/// The unfinished runs and everything that follows from them.
#[derive(Debug)]
pub struct Planner {
    limits: Limits,
    /// `core.parallelism`, also while the limit is 0.
    parallelism: u32,
    epoch: Epoch,
    next_attempt: i64,
    dags: BTreeMap<String, DagEntry>,
    versions: HashMap<DagVersionKey, Arc<Version>>,
    runs: BTreeMap<DagRunKey, Run>,
    slots_taken: u32,
    timers: BTreeSet<(Timestamp, Timer)>,
    /// DAGs whose queued runs or timetable have to be looked at.
    dirty_dags: BTreeSet<String>,
    /// Ready tasks that need no process.
    instant: VecDeque<TaskInstanceKey>,
    /// What waits for slots, and which are held.
    pools: Pools,
    /// Tasks with limits of their own, by DAG and id.
    limited: BTreeMap<Arc<str>, BTreeMap<String, LimitedTask>>,
    dirty: BTreeSet<TaskInstanceKey>,
    dirty_runs: BTreeSet<DagRunKey>,
    /// Changes that may be written a little later: `scheduled` without a slot, `running`.
    lazy: BTreeSet<TaskInstanceKey>,
    ended: Vec<EndedAttempt>,
    xcoms: Vec<XComRow>,
    cleared_xcoms: Vec<(DagRunKey, String, i32)>,
    finished_runs: Vec<DagRunKey>,
    redispatched: Vec<TaskInstanceKey>,
    /// Mappings whose values are to be asked for.
    expanding: Vec<Expanding>,
    map_names: Vec<(TaskInstanceKey, String)>,
    reports: Vec<i64>,
    next_runs: BTreeSet<String>,
    pauses: Vec<DagPause>,
    told: callbacks::Told,
    /// Assets that successes update.
    asset_updates: Vec<AssetUpdate>,
    /// What the attempt that is being folded said about its updates.
    said_of_outlets: Option<(TaskInstanceKey, Vec<OutletEvent>)>,
    /// Runs whose past has to be read.
    wanted_past: BTreeSet<DagRunKey>,
    /// For a run, those whose tasks may depend on it.
    followers: HashMap<DagRunKey, BTreeSet<DagRunKey>>,
    waits: wait::Waits,
}

/// What follows from what is known at one time.
#[derive(Debug, Default)]
pub struct Decisions {
    /// To be committed before anything else is done.
    pub batch: Batch,
    /// To be handed to executors after the commit.
    pub dispatch: Vec<Attempt>,
    /// Templates to be evaluated after the commit; fold the answers back.
    pub evaluate: Vec<Asked>,
    /// Mappings to be evaluated after the commit; fold the values back.
    pub expand: Vec<Expanding>,
    /// What is to be looked at from now on, after the commit.
    pub watch: Vec<Watch>,
    /// Attempts that need no more looks, after the commit.
    pub unwatch: Vec<AttemptToken>,
    /// DAGs of which a run ended: somebody may wait for that.
    pub ended_dags: Vec<String>,
    /// Runs that timetables want.
    pub new_runs: Vec<ScheduledRun>,
    /// Runs that updates of assets make due.
    pub asset_runs: Vec<AssetRun>,
    /// Runs that timetables want and that are left out.
    pub skipped_runs: Vec<SkippedRun>,
    /// What backfills want, each with its DAG.
    pub backfills: Vec<(String, BackfillStep)>,
    /// Times for people to see.
    pub next_runs: Vec<NextRun>,
    /// There is more to do at once: plan again after the commit.
    pub more: bool,
}

impl Decisions {
    /// Nothing follows: the world is as it should be.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
            && self.dispatch.is_empty()
            && self.evaluate.is_empty()
            && self.expand.is_empty()
            && self.watch.is_empty()
            && self.unwatch.is_empty()
            && self.new_runs.is_empty()
            && self.asset_runs.is_empty()
            && self.skipped_runs.is_empty()
            && self.backfills.is_empty()
            && self.next_runs.is_empty()
    }
}

impl Planner {
    /// An empty planner of the leadership `epoch`.
    pub fn new(limits: Limits, epoch: Epoch) -> Self {
        Self {
            limits,
            parallelism: limits.parallelism,
            epoch,
            next_attempt: 0,
            dags: BTreeMap::new(),
            versions: HashMap::new(),
            runs: BTreeMap::new(),
            slots_taken: 0,
            timers: BTreeSet::new(),
            dirty_dags: BTreeSet::new(),
            instant: VecDeque::new(),
            pools: Pools::default(),
            limited: BTreeMap::new(),
            dirty: BTreeSet::new(),
            dirty_runs: BTreeSet::new(),
            lazy: BTreeSet::new(),
            ended: Vec::new(),
            xcoms: Vec::new(),
            cleared_xcoms: Vec::new(),
            finished_runs: Vec::new(),
            redispatched: Vec::new(),
            expanding: Vec::new(),
            map_names: Vec::new(),
            reports: Vec::new(),
            next_runs: BTreeSet::new(),
            pauses: Vec::new(),
            told: callbacks::Told::default(),
            asset_updates: Vec::new(),
            said_of_outlets: None,
            wanted_past: BTreeSet::new(),
            followers: HashMap::new(),
            waits: wait::Waits::default(),
        }
    }

    /// Decides everything that follows at `now`. `flush` also writes what may be written later (see
    /// [`Planner::has_lazy`]). Planning again without folding anything decides nothing.
    pub fn plan(&mut self, now: Timestamp, flush: bool) -> Decisions {
        let mut decisions = Decisions::default();
        self.fire_timers(now);
        self.fire_waits(now);
        self.look_at_dags(now, &mut decisions);
        loop {
            self.finish_instant(now, &mut decisions);
            let is_full = self.dirty.len() >= BATCH_ROWS || decisions.evaluate.len() >= BATCH_ROWS;
            if is_full || !self.fill_slots(now, &mut decisions) {
                break;
            }
        }
        // A run that ended may let the next one of its DAG start: in the same commit, not in the next pass.
        self.look_at_dags(now, &mut decisions);
        decisions.expand = std::mem::take(&mut self.expanding);
        decisions.more = self.has_work();
        self.write_batch(flush, &mut decisions);
        decisions
    }

    /// From now on attempts are handed out under `epoch`.
    pub const fn begin_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// From now on nothing gets a slot: what is running ends, and nothing else starts.
    pub fn take_no_more(&mut self) {
        self.limits.parallelism = 0;
    }

    /// Drained: nothing gets a slot until it is said otherwise.
    pub fn drain(&mut self, is_drained: bool) {
        self.limits.parallelism = if is_drained { 0 } else { self.parallelism };
    }

    /// When to plan next although nothing happens.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at).into_iter().chain(self.waits.next_timer()).min()
    }

    /// Whether rows wait to be written that nobody waits for.
    pub fn has_lazy(&self) -> bool {
        !self.lazy.is_empty()
    }

    /// The runs in memory.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    fn has_work(&self) -> bool {
        !self.instant.is_empty()
            || !self.redispatched.is_empty()
            || !self.dirty_dags.is_empty()
            || (self.pools.may_any_start() && self.slots_taken < self.limits.parallelism)
    }

    /// What the DAG says of its runs now: limits that a newer version changed hold for the runs of older ones too.
    fn current<'a>(&'a self, run: &'a Run) -> &'a Dag {
        let version = self.dags.get(&run.facts.dag_id).and_then(|dag| self.versions.get(&dag.row.current_version?));
        &version.unwrap_or(&run.version).loaded.dag
    }

    fn max_active_tasks(&self, run: &Run) -> u32 {
        self.current(run).max_active_tasks.unwrap_or(self.limits.max_active_tasks_per_dag)
    }

    fn max_active_runs(&self, run: &Run) -> u32 {
        self.current(run).max_active_runs.unwrap_or(self.limits.max_active_runs_per_dag)
    }

    fn is_paused(&self, dag_id: &str) -> bool {
        self.dags.get(dag_id).is_some_and(|dag| dag.row.is_paused)
    }

    fn cursor(dag: &DagEntry) -> Option<DataInterval> {
        dag.row.last_interval
    }
}
