//! One unfinished run in memory: its task instances, and per task how its upstreams ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use model::dag_run::DagRunFacts;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::journal::{DagRunRow, TaskInstanceRow};
use model::state::{DagRunState, TaskInstanceState};
use model::trigger_rule::UpstreamCounts;

use super::Version;

#[derive(Debug)]
pub(super) struct Run {
    pub(super) facts: Arc<DagRunFacts>,
    pub(super) version: Arc<Version>,
    /// Of the row: what people's changes bump.
    pub(super) row_version: i64,
    pub(super) state: DagRunState,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
    /// By task index.
    pub(super) task_instances: Vec<TaskInstanceRow>,
    /// By task index.
    pub(super) upstream: Vec<UpstreamCounts>,
    /// Rows are not in the database yet.
    pub(super) is_new: bool,
    /// The row's own columns changed since the last batch.
    pub(super) is_changed: bool,
    pub(super) unfinished: u32,
    /// Task instances that hold a slot.
    pub(super) active: u32,
    /// Ready tasks that need a slot: (−weight, task).
    pub(super) ready: BTreeSet<(i64, TaskIndex)>,
    /// Ready tasks that need none but may not go on because the DAG is paused.
    pub(super) held: Vec<TaskIndex>,
}

impl Run {
    pub(super) fn new(row: DagRunRow, version: Arc<Version>) -> Self {
        let dag = &version.loaded.dag;
        let is_new = row.task_instances.is_empty() && !dag.tasks.is_empty();
        let task_instances: Vec<TaskInstanceRow> = if is_new {
            (0_u32..)
                .zip(&dag.tasks)
                .map(|(index, task)| TaskInstanceRow {
                    key: TaskInstanceKey::unmapped(row.facts.key, TaskIndex(index)),
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
                })
                .collect()
        } else {
            row.task_instances
        };
        let upstream = dag
            .tasks
            .iter()
            .map(|task| {
                let total = u32::try_from(task.upstream.len()).unwrap_or(u32::MAX);
                let mut counts = UpstreamCounts { total, ..UpstreamCounts::default() };
                for index in &task.upstream {
                    counts.add(task_instances[index.at()].state);
                }
                counts
            })
            .collect();
        let count = |test: fn(TaskInstanceState) -> bool| {
            u32::try_from(task_instances.iter().filter(|ti| test(ti.state)).count()).unwrap_or(u32::MAX)
        };
        Self {
            unfinished: count(|state| !state.is_finished()),
            active: count(TaskInstanceState::holds_slot),
            facts: Arc::new(row.facts),
            row_version: row.version,
            state: row.state,
            ended_at: None,
            reason: None,
            upstream,
            task_instances,
            is_new,
            is_changed: false,
            ready: BTreeSet::new(),
            held: Vec::new(),
            version,
        }
    }

    /// How the run ends once nothing is unfinished: failed when a leaf failed. Names the leaves that did.
    pub(super) fn verdict(&self) -> (DagRunState, Option<String>) {
        let mut failed = Vec::new();
        for (task, (ti, downstream)) in
            self.version.loaded.dag.tasks.iter().zip(self.task_instances.iter().zip(&self.version.downstream))
        {
            if downstream.is_empty() && ti.state.is_failed() {
                failed.push((task.task_id.as_str(), ti.state));
            }
        }
        if failed.is_empty() {
            return (DagRunState::Success, None);
        }
        // The cause is what failed itself; leaves that only followed are named when nothing else is.
        let culprits: Vec<&str> = self
            .version
            .loaded
            .dag
            .tasks
            .iter()
            .zip(&self.task_instances)
            .filter(|(_, ti)| ti.state == TaskInstanceState::Failed)
            .map(|(task, _)| task.task_id.as_str())
            .collect();
        let named = if culprits.is_empty() { failed.iter().map(|(id, _)| *id).collect() } else { culprits };
        (DagRunState::Failed, Some(format!("failed: {}", listed(&named))))
    }
}

/// `a, b, c and 4 more`.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(SHOWN);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}
