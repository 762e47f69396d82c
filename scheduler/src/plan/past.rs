//! Tasks that depend on the run before theirs. That run is looked at in memory while it is there; of one that has ended,
//! what matters is read once, and handed down when it ends here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::past::{PastBlock, PastQuery, PastRun, PreviousRun, block, telling};
use model::state::{DagRunState, TaskInstanceState};

use super::Planner;
use super::run::Run;

impl Run {
    fn telling_state(&self, task: TaskIndex) -> Option<TaskInstanceState> {
        let instances = self.of_task(task);
        (!instances.is_empty()).then(|| telling(instances.iter().map(|ti| ti.state)))
    }

    /// The task of this name.
    fn named(&self, task_id: &str, likely: TaskIndex) -> Option<TaskIndex> {
        let dag = &self.version.loaded.dag;
        // Most runs in memory have the same version.
        let is_there = dag.tasks.get(likely.at()).is_some_and(|task| task.task_id == task_id);
        if is_there { Some(likely) } else { dag.index_of(task_id) }
    }
}

impl Planner {
    /// A run was taken in: what it and those after it depend on has to be known.
    pub(super) fn ask_about_past(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get_mut(&key) else { return };
        if !run.version.has_past {
            return;
        }
        if run.facts.logical_date.is_none() {
            run.past = Some(PastRun::default());
        } else {
            self.wanted_past.insert(key);
        }
        // It may have come between two runs that were neighbours until now.
        let (dag_id, date) = (run.facts.dag_id.clone(), run.facts.logical_date);
        let later = self.runs.iter().filter(|(_, run)| run.facts.dag_id == dag_id && run.facts.logical_date > date);
        let later: Vec<DagRunKey> = later.map(|(key, _)| *key).collect();
        self.wanted_past.extend(later);
    }

    /// What is in memory of a run is not what its followers should go by any more.
    pub(super) fn ask_again_for_followers(&mut self, key: DagRunKey) {
        if let Some(followers) = self.followers.get(&key) {
            self.wanted_past.extend(followers);
        }
    }

    /// What has to be read of runs that are not in memory. Fold it with [`Planner::fold_past`]; should reading fail, say
    /// so with [`Planner::want_past`].
    pub fn take_wanted_past(&mut self) -> Vec<PastQuery> {
        let wanted = std::mem::take(&mut self.wanted_past);
        let of = |key| {
            let run = self.runs.get(&key)?;
            PastQuery::of(&run.version.loaded.dag, key, run.facts.logical_date)
        };
        wanted.into_iter().filter_map(of).collect()
    }

    /// These could not be read.
    pub fn want_past(&mut self, queries: &[PastQuery]) {
        self.wanted_past.extend(queries.iter().map(|query| query.dag_run));
    }

    /// A run's past was read, for the first time or again.
    pub fn fold_past(&mut self, key: DagRunKey, past: PastRun, now: Timestamp) {
        self.unfollow(key);
        let Some(run) = self.runs.get_mut(&key) else { return };
        if let Some(previous) = &past.previous {
            self.followers.entry(previous.key).or_default().insert(key);
        }
        run.past = Some(past);
        self.reconsider_all(key, now);
    }

    /// A run leaves memory: nobody need tell it anything.
    pub(super) fn unfollow(&mut self, key: DagRunKey) {
        let previous = self.runs.get(&key).and_then(|run| run.past.as_ref()?.previous.as_ref().map(|run| run.key));
        if let Some(previous) = previous
            && let Some(followers) = self.followers.get_mut(&previous)
        {
            followers.remove(&key);
            if followers.is_empty() {
                self.followers.remove(&previous);
            }
        }
    }

    /// A run has ended and leaves memory: those after it keep how its tasks ended.
    pub(super) fn hand_down(&mut self, key: DagRunKey) {
        let (Some(run), Some(followers)) = (self.runs.get(&key), self.followers.get(&key)) else { return };
        let tasks: BTreeMap<String, TaskInstanceState> = (0..)
            .map(TaskIndex)
            .zip(&run.version.loaded.dag.tasks)
            .filter_map(|(index, task)| Some((task.task_id.clone(), run.telling_state(index)?)))
            .collect();
        for follower in followers.clone() {
            let past = self.runs.get_mut(&follower).and_then(|run| run.past.as_mut());
            if let Some(previous) = past.and_then(|past| past.previous.as_mut()).filter(|run| run.key == key) {
                previous.tasks.clone_from(&tasks);
            }
        }
    }

    pub(super) fn is_past_met(&self, run: &Run, task: TaskIndex) -> bool {
        if !run.version.loaded.dag.task(task).depends_on_past {
            return true;
        }
        run.past.is_some() && self.past_block(run, task).is_none()
    }

    /// What of the past keeps a task from starting, as far as it is known.
    pub(super) fn past_block(&self, run: &Run, task: TaskIndex) -> Option<PastBlock> {
        let previous = run.past.as_ref()?.previous.as_ref()?;
        let dag = &run.version.loaded.dag;
        let downstream = &run.version.downstream[task.at()];
        block(dag, dag.task(task), downstream, previous, |task_id| self.state_before(previous, task_id, task))
    }

    fn state_before(&self, previous: &PreviousRun, task_id: &str, likely: TaskIndex) -> Option<TaskInstanceState> {
        match self.runs.get(&previous.key) {
            Some(run) => run.telling_state(run.named(task_id, likely)?),
            None => previous.tasks.get(task_id).copied(),
        }
    }

    /// A task instance ended: those of the runs after that depend on it may go on.
    pub(super) fn tell_followers(&mut self, key: TaskInstanceKey, at: Timestamp) {
        let Some(followers) = self.followers.get(&key.dag_run) else { return };
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let task_id = run.version.loaded.dag.task(key.task).task_id.clone();
        for follower in followers.clone() {
            let Some(next) = self.runs.get(&follower) else { continue };
            let Some(task) = next.named(&task_id, key.task) else { continue };
            let dag = std::sync::Arc::clone(&next.version.loaded.dag);
            let waiting = dag.task(task).upstream.iter().filter(|index| dag.task(**index).wait_for_downstream);
            for waiting in waiting.chain([&task]) {
                self.reconsider(follower, *waiting, at);
            }
        }
    }

    /// A run ended, perhaps with tasks that ended with it: all that depends on it may go on.
    pub(super) fn tell_all_followers(&mut self, key: DagRunKey, at: Timestamp) {
        for follower in self.followers.get(&key).cloned().unwrap_or_default() {
            self.reconsider_all(follower, at);
        }
    }

    /// Decides the tasks of a run again that depend on the past and have not started.
    fn reconsider_all(&mut self, key: DagRunKey, now: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        let dag = std::sync::Arc::clone(&run.version.loaded.dag);
        for (task, _) in (0..).map(TaskIndex).zip(&dag.tasks).filter(|(_, task)| task.depends_on_past) {
            self.reconsider(key, task, now);
        }
    }

    /// Decides the instances of a task again that have not started.
    fn reconsider(&mut self, key: DagRunKey, task: TaskIndex, now: Timestamp) {
        let Some(run) = self.runs.get(&key).filter(|run| run.state == DagRunState::Running) else { return };
        for key in run.undecided(task) {
            self.evaluate_rule(key, now);
        }
    }
}
