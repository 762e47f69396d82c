//! One unfinished run in memory: its task instances, and per task how its upstreams ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use model::dag::Task;
use model::dag_run::DagRunFacts;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::journal::{DagRunRow, TaskInstanceRow};
use model::mapping;
use model::past::PastRun;
use model::state::{DagRunState, TaskInstanceState};
use model::trigger_rule::UpstreamCounts;

use super::choice::{self, Choices};
use super::instances::Instances;
use super::mappings::Resolution;
use super::ready::Ready;
use super::taken::usage_of;
use super::version::Version;

#[derive(Debug)]
pub(super) struct Run {
    pub(super) facts: Arc<DagRunFacts>,
    pub(super) version: Arc<Version>,
    /// Of the row: what people's changes bump.
    pub(super) row_version: i64,
    pub(super) state: DagRunState,
    /// When it was created or last cleared.
    pub(super) queued_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
    /// By task index.
    pub(super) instances: Vec<Instances>,
    /// By task index: how all instances of its direct upstream tasks ended.
    pub(super) upstream: Vec<UpstreamCounts>,
    /// Rows are not in the database yet.
    pub(super) is_new: bool,
    /// The row's own columns changed since the last batch.
    pub(super) is_changed: bool,
    pub(super) unfinished: u32,
    /// Task instances that hold a slot.
    pub(super) active: u32,
    /// Ready task instances that need a slot, and what the run holds.
    pub(super) ready: Ready,
    /// Ready task instances that need none but may not go on because the DAG is paused.
    pub(super) held: Vec<TaskInstanceKey>,
    /// By mapping of the version.
    pub(super) resolutions: Vec<Resolution>,
    /// Task instances that could go on if their mapping were known.
    pub(super) without_element: Vec<TaskInstanceKey>,
    /// Rows that are not in the database yet, of a run that is.
    pub(super) fresh: BTreeSet<TaskInstanceKey>,
    /// Rows to be deleted: mapped tasks that became many.
    pub(super) gone: Vec<TaskInstanceKey>,
    /// What its branches and short circuits chose.
    pub(super) choices: Choices,
    /// Ready task instances whose `when` holds.
    pub(super) allowed: BTreeSet<TaskInstanceKey>,
    /// What its tasks that depend on the past depend on; none: not known yet.
    pub(super) past: Option<PastRun>,
}

impl Run {
    /// None when the rows are not those of the version's tasks.
    pub(super) fn new(mut row: DagRunRow, version: Arc<Version>) -> Option<Self> {
        let dag = &version.loaded.dag;
        // What an earlier version had and this one has not is removed for good: tasks that stand behind its own, and
        // elements of tasks that are mapped no more.
        row.task_instances.retain(|ti| {
            let task = dag.tasks.get(ti.key.task.at());
            task.is_some_and(|task| ti.key.map_index < 0 || !model::mapping::levels(dag, task).is_empty())
        });
        let is_new = row.task_instances.is_empty() && !dag.tasks.is_empty();
        let instances = if is_new {
            (0_u32..)
                .zip(&dag.tasks)
                .map(|(index, task)| {
                    Instances::One(unstarted(TaskInstanceKey::unmapped(row.facts.key, TaskIndex(index)), task))
                })
                .collect()
        } else {
            Instances::of_run(row.task_instances, dag.tasks.len())?
        };
        let upstream =
            (0..).map(TaskIndex).zip(&dag.tasks).map(|(index, _)| outer_counts(&version, &instances, index)).collect();
        let all = || instances.iter().flat_map(Instances::as_slice);
        let count = |test: fn(TaskInstanceState) -> bool| {
            u32::try_from(all().filter(|ti| test(ti.state)).count()).unwrap_or(u32::MAX)
        };
        let mut run = Self {
            unfinished: count(|state| !state.is_finished()),
            active: count(TaskInstanceState::holds_slot),
            facts: Arc::new(row.facts),
            row_version: row.version,
            state: row.state,
            queued_at: row.queued_at,
            ended_at: None,
            reason: None,
            upstream,
            instances,
            is_new,
            is_changed: false,
            ready: Ready::default(),
            held: Vec::new(),
            resolutions: version.mappings.all.iter().map(|_| Resolution::Open).collect(),
            without_element: Vec::new(),
            fresh: BTreeSet::new(),
            gone: Vec::new(),
            choices: choice::kept(&row.choices, dag),
            allowed: BTreeSet::new(),
            past: None,
            version,
        };
        usage_of(&mut run);
        Some(run)
    }

    /// How the direct upstream instances of a task instance ended: all instances of most upstream tasks, those of the
    /// same element where both are in a mapping.
    pub(super) fn counts_of(&self, key: TaskInstanceKey) -> UpstreamCounts {
        let mut counts = self.upstream[key.task.at()];
        for (upstream, shared) in self.version.mappings.inner_upstream(key.task) {
            add_all(&mut counts, self.window(key, *upstream, *shared));
        }
        counts
    }

    /// The instances of a task that share the element of `key` in the outermost `shared` mappings around both.
    pub(super) fn window(&self, key: TaskInstanceKey, of: TaskIndex, shared: usize) -> &[TaskInstanceRow] {
        let rows = self.of_task(of);
        let Ok(index) = u32::try_from(key.map_index) else { return rows };
        if rows.first().is_none_or(|row| row.key.map_index < 0) {
            return rows;
        }
        let tail = |task: TaskIndex| {
            let levels = self.version.mappings.levels(task).iter().skip(shared);
            mapping::tail(levels.map(|level| self.resolutions[*level].length()))
        };
        let Some((own, other)) = tail(key.task).zip(tail(of)) else { return rows };
        let window = mapping::window(index, own, other);
        let bound = |at: i32| usize::try_from(at).unwrap_or(0).min(rows.len());
        &rows[bound(window.start)..bound(window.end)]
    }

    /// The instances of a task that matter for a task instance: those of the same element where both are in a mapping.
    pub(super) fn seen_by(&self, key: TaskInstanceKey, of: TaskIndex) -> &[TaskInstanceRow] {
        match self.version.mappings.shared(of, key.task) {
            0 => self.of_task(of),
            shared => self.window(key, of, shared),
        }
    }

    /// The instances of a task that nobody has decided about.
    pub(super) fn undecided(&self, task: TaskIndex) -> Vec<TaskInstanceKey> {
        self.of_task(task).iter().filter(|ti| ti.state == TaskInstanceState::None).map(|ti| ti.key).collect()
    }

    /// Counts again what the tasks behind a task see of it, after its instances became other ones.
    pub(super) fn recount_behind(&mut self, task: TaskIndex) {
        let version = Arc::clone(&self.version);
        for next in &version.downstream[task.at()] {
            self.upstream[next.at()] = outer_counts(&version, &self.instances, *next);
        }
    }

    /// All task instances, ascending by key.
    pub(super) fn task_instances(&self) -> impl Iterator<Item = &TaskInstanceRow> {
        self.instances.iter().flat_map(Instances::as_slice)
    }

    /// The instances of one task, ascending by map index.
    pub(super) fn of_task(&self, task: TaskIndex) -> &[TaskInstanceRow] {
        self.instances.get(task.at()).map_or(&[], Instances::as_slice)
    }

    pub(super) fn get(&self, key: TaskInstanceKey) -> Option<&TaskInstanceRow> {
        self.instances.get(key.task.at())?.get(key.map_index)
    }

    pub(super) fn get_mut(&mut self, key: TaskInstanceKey) -> Option<&mut TaskInstanceRow> {
        self.instances.get_mut(key.task.at())?.get_mut(key.map_index)
    }

    /// Its task instances that wait without a slot.
    pub(super) fn waiting(&self) -> impl Iterator<Item = TaskInstanceKey> {
        self.task_instances().filter(|ti| ti.state.is_waiting()).map(|ti| ti.key)
    }

    /// How the run ends once nothing is unfinished: failed when a leaf failed. Names the leaves that did.
    pub(super) fn verdict(&self) -> (DagRunState, Option<String>) {
        let tasks = || self.version.loaded.dag.tasks.iter().zip(&self.instances);
        let mut failed = Vec::new();
        for ((task, instances), is_leaf) in tasks().zip(&self.version.is_leaf) {
            if *is_leaf && instances.as_slice().iter().any(|ti| ti.state.is_failed()) {
                failed.push(task.task_id.as_str());
            }
        }
        if failed.is_empty() {
            return (DagRunState::Success, None);
        }
        // The cause is what failed itself; leaves that only followed are named when nothing else is.
        let culprits: Vec<&str> = tasks()
            .filter(|(task, _)| task.teardown.is_none_or(|teardown| teardown.on_failure_fail_dagrun))
            .filter(|(_, instances)| instances.as_slice().iter().any(|ti| ti.state == TaskInstanceState::Failed))
            .map(|(task, _)| task.task_id.as_str())
            .collect();
        let named = if culprits.is_empty() { failed } else { culprits };
        (DagRunState::Failed, Some(format!("failed: {}", listed(&named))))
    }
}

/// How all instances ended of the direct upstream tasks that share no mapping with a task.
fn outer_counts(version: &Version, instances: &[Instances], task: TaskIndex) -> UpstreamCounts {
    let mut counts = UpstreamCounts::default();
    let inner = version.mappings.inner_upstream(task);
    for upstream in &version.loaded.dag.task(task).upstream {
        if !inner.iter().any(|(inner, _)| inner == upstream) {
            add_all(&mut counts, instances[upstream.at()].as_slice());
        }
    }
    counts
}

fn add_all(counts: &mut UpstreamCounts, rows: &[TaskInstanceRow]) {
    for ti in rows {
        counts.total += 1;
        counts.add(ti.state);
    }
}

/// A task instance as a run begins.
pub(super) fn unstarted(key: TaskInstanceKey, task: &Task) -> TaskInstanceRow {
    TaskInstanceRow {
        key,
        state: TaskInstanceState::None,
        try_number: 0,
        max_tries: task.retries + 1,
        attempt_token: None,
        pid: None,
        scheduled_at: None,
        queued_at: None,
        started_at: None,
        ended_at: None,
        retry_at: None,
    }
}

/// `a, b, c and 4 more`.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(SHOWN);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}
