//! Which task instances start over, in people's words and as positions in DAG versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::dag::Dag;
use model::ids::{DagRunKey, DagVersionKey, TaskIndex};
use model::mapping::{Reached, reach};
use model::scope::Scopes;
use model::state::TaskInstanceState;
use serde_json::{Map, Value};

/// Of which runs of a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearRuns {
    /// This one.
    One(String),
    /// This one, those of earlier logical dates, those of later ones.
    Around {
        /// The run.
        run_id: String,
        /// And all before it.
        past: bool,
        /// And all after it.
        future: bool,
    },
    /// Those of logical dates within these bounds; without bounds all.
    Between {
        /// Not before.
        start: Option<Timestamp>,
        /// Not after.
        end: Option<Timestamp>,
    },
}

/// Which task instances of the runs start over.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own, as in Airflow's body")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClearSelection {
    /// These tasks, each as a whole or one element of it; none: all.
    pub tasks: Option<Vec<(String, Option<i32>)>>,
    /// And what they depend on.
    pub with_upstream: bool,
    /// And what depends on them.
    pub with_downstream: bool,
    /// But not the setups and teardowns in whose scope they are, which start over with them otherwise.
    pub without_setups: bool,
    /// Of those, only what failed or was kept from running by a failure.
    pub only_failed: bool,
    /// Of those, only what runs.
    pub only_running: bool,
    /// Only tasks that the DAG's newest version adds; implies it.
    pub only_new: bool,
    /// The runs go on with the DAG's newest version; else with the one that each started with.
    pub on_latest_version: bool,
    /// Runs that have ended stay as they are; else they run again.
    pub keeps_run_state: bool,
    /// Clears nothing when one of them holds a slot.
    pub refuses_running: bool,
    /// Says what would start over and changes nothing.
    pub is_dry_run: bool,
    /// A remark on the runs; none: what they have stays.
    pub note: Option<String>,
    /// The runs' conf and params from now on; none: what they have stays.
    pub conf: Option<(Map<String, Value>, Map<String, Value>)>,
}

/// What was chosen, as columns: tasks by their positions in the versions that the runs are pinned to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::dag_run) struct Positions {
    pub(super) version: Vec<i64>,
    /// None: in all runs of the version.
    pub(super) run: Vec<Option<i64>>,
    pub(super) task: Vec<i32>,
    /// None: all of the task.
    pub(super) element: Vec<Option<i32>>,
}

/// The runs of a version, and what is known of their mappings.
pub(in crate::dag_run) struct Pinned {
    pub(super) dag: Dag,
    /// Of each run of a version with mapped tasks: how many elements each task has.
    pub(super) counts: BTreeMap<DagRunKey, Vec<u32>>,
}

/// A task, as a whole or one element of it.
type Chosen = (String, Option<i32>);

impl ClearSelection {
    /// Whether runs are pinned anew.
    pub(super) const fn repins(&self) -> bool {
        self.on_latest_version || self.only_new
    }

    /// The words of the states of what may start over. What has not started, or is being stopped for it, does so anyway.
    pub(super) fn states(&self) -> Vec<&'static str> {
        use TaskInstanceState as S;
        let is_chosen = |state: S| match state {
            S::None | S::Restarting | S::Removed => false,
            S::Failed | S::UpstreamFailed => !self.only_running,
            S::Running => !self.only_failed,
            S::Scheduled
            | S::Queued
            | S::Success
            | S::Skipped
            | S::UpForRetry
            | S::UpForReschedule
            | S::Deferred
            | S::AwaitingInput => !self.only_failed && !self.only_running,
        };
        S::ALL.iter().filter(|state| is_chosen(**state)).map(|state| state.as_str()).collect()
    }

    /// The chosen tasks in each version, or in each run where elements of mapped tasks are chosen; what depends on what is
    /// read from the version that runs go on with. Err: a task that none of them has.
    pub(in crate::dag_run) fn positions(
        &self,
        pinned: &HashMap<DagVersionKey, Pinned>,
        latest: Option<&Dag>,
    ) -> Result<Positions, String> {
        let mut positions = Positions::default();
        let mut unknown: Option<BTreeSet<&str>> = None;
        for (version, Pinned { dag, counts }) in pinned {
            let target = latest.unwrap_or(dag);
            let (roots, missing) = self.roots(target);
            unknown = Some(unknown.map_or(missing.clone(), |known| known.intersection(&missing).copied().collect()));
            if self.only_new {
                continue;
            }
            let mut add = |run: Option<DagRunKey>, chosen: Vec<Chosen>| {
                for (task_id, element) in chosen {
                    let Some(index) = dag.index_of(&task_id) else { continue };
                    positions.version.push(version.0);
                    positions.run.push(run.map(|run| run.0));
                    positions.task.push(index.0.cast_signed());
                    positions.element.push(element);
                }
            };
            if counts.is_empty() || roots.iter().all(|(_, element)| element.is_none()) {
                add(None, self.with_neighbours(target, &roots, &vec![0; target.tasks.len()]));
                continue;
            }
            for (run, counts) in counts {
                let of_target = target.tasks.iter().map(|task| dag.index_of(&task.task_id));
                let of_target: Vec<u32> = of_target
                    .map(|index| index.and_then(|index| counts.get(index.at())).copied().unwrap_or(0))
                    .collect();
                add(Some(*run), self.with_neighbours(target, &roots, &of_target));
            }
        }
        match unknown.unwrap_or_default().first() {
            Some(task_id) => Err((*task_id).to_owned()),
            None => Ok(positions),
        }
    }

    /// The chosen tasks themselves, and those that the version does not have.
    fn roots(&self, dag: &Dag) -> (Vec<(TaskIndex, Option<i32>)>, BTreeSet<&str>) {
        let Some(tasks) = &self.tasks else {
            return ((0..).map(|index| (TaskIndex(index), None)).take(dag.tasks.len()).collect(), BTreeSet::new());
        };
        let (mut roots, mut missing) = (Vec::new(), BTreeSet::new());
        for (task_id, element) in tasks {
            match dag.index_of(task_id) {
                Some(index) => roots.push((index, *element)),
                None => drop(missing.insert(task_id.as_str())),
            }
        }
        (roots, missing)
    }

    fn with_neighbours(&self, dag: &Dag, roots: &[(TaskIndex, Option<i32>)], counts: &[u32]) -> Vec<Chosen> {
        let name = |index: TaskIndex| dag.task(index).task_id.clone();
        let mut chosen: Vec<Chosen> = roots.iter().map(|(index, element)| (name(*index), *element)).collect();
        let mut add = |next: &[Vec<TaskIndex>]| {
            for (index, reached) in reach(dag, counts, roots, next) {
                match reached {
                    Reached::All => chosen.push((name(index), None)),
                    Reached::Elements(found) => {
                        chosen.extend(found.into_iter().map(|element| (name(index), Some(element))));
                    }
                }
            }
        };
        if self.with_downstream {
            add(&dag.downstream());
        }
        if self.with_upstream {
            add(&dag.tasks.iter().map(|task| task.upstream.clone()).collect::<Vec<_>>());
        }
        if !self.without_setups {
            // What a setup made is gone once its teardown ran: a task that starts over in its scope needs both again.
            let scopes = Scopes::new(dag, &dag.downstream());
            let whom: BTreeSet<TaskIndex> = chosen.iter().filter_map(|(task_id, _)| dag.index_of(task_id)).collect();
            let with: BTreeSet<TaskIndex> = whom.into_iter().flat_map(|task| scopes.cleared_with(task)).collect();
            chosen.extend(with.into_iter().map(|task| (name(task), None)));
        }
        chosen
    }
}
