//! What is to be told: messages that a change asks for, and deadlines that pass. Both are rows of the batch in which the
//! change itself is written; who delivers them is not the planner's business.

use std::sync::Arc;

use jiff::Timestamp;
use model::callback::{
    CallbackEvent, CallbackRow, Deadline, Happened, MissedDeadline, Since, Subject, Times, event_of, rows,
};
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::mapping::Mapped;
use model::state::DagRunState;
use model::transition::TaskInstanceEvent;

use serde_json::Map;

use super::run::Run;
use super::{Planner, Timer};

/// Whose deadline a timer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Late {
    /// A run's.
    Run(DagRunKey),
    /// That of all instances of a task, counted from the run's logical date.
    Task(DagRunKey, TaskIndex),
    /// That of an attempt.
    Attempt(TaskInstanceKey),
}

impl Late {
    pub(super) const fn dag_run(self) -> DagRunKey {
        match self {
            Self::Run(run) | Self::Task(run, _) => run,
            Self::Attempt(key) => key.dag_run,
        }
    }
}

/// What has been decided and not yet written.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) callbacks: Vec<CallbackRow>,
    pub(super) missed: Vec<MissedDeadline>,
}

impl Told {
    /// As if the run had never been loaded.
    pub(super) fn forget(&mut self, run: DagRunKey) {
        self.callbacks.retain(|row| row.subject.dag_run != run);
        self.missed.retain(|missed| missed.dag_run != run);
    }
}

impl Planner {
    /// Tells of a change of a task instance's state, and watches the deadline that it begins.
    pub(super) fn tell_step(&mut self, key: TaskInstanceKey, event: TaskInstanceEvent) {
        if let Some(event) = event_of(event) {
            self.tell(key, event, None);
        }
        self.watch_attempt(key);
    }

    /// Tells what happened to a task instance, if anybody wants to know. `state`: the one it is in, if it is not that of
    /// its row.
    pub(super) fn tell(&mut self, key: TaskInstanceKey, event: CallbackEvent, state: Option<&'static str>) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let blocks = run.version.loaded.dag.task(key.task).callbacks.of(event);
        let Some(ti) = run.get(key).filter(|_| !blocks.is_empty()) else { return };
        let Some(at) = ti.ended_at else { return };
        let why = || self.ended.iter().rev().find(|ended| ended.key == key && ended.try_number == ti.try_number.max(1));
        let reason = if event == CallbackEvent::Success { None } else { why().map(|ended| ended.reason.clone()) };
        let state = state.unwrap_or_else(|| ti.state.as_str());
        let happened = Happened { event, state, reason, at, deadline: None };
        let Some(subject) = subject_of(run, key) else { return };
        let told = rows(&subject, &happened, blocks);
        self.told.callbacks.extend(told);
    }

    /// Tells of a run's end.
    pub(super) fn tell_end(&mut self, key: DagRunKey, at: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        let event = match run.state {
            DagRunState::Success => CallbackEvent::Success,
            DagRunState::Failed => CallbackEvent::Failure,
            DagRunState::Queued | DagRunState::Running => return,
        };
        let blocks = run.version.loaded.dag.callbacks.of(event);
        if !blocks.is_empty() {
            let happened =
                Happened { event, state: run.state.as_str(), reason: run.reason.clone(), at, deadline: None };
            self.told.callbacks.extend(rows(&subject_of_run(run), &happened, blocks));
        }
    }

    /// Sets the timers of the deadlines of a run that was read, and of its tasks.
    pub(super) fn watch_deadlines(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        let times = run.times();
        let dag = &run.version.loaded.dag;
        if let Some(at) = dag.deadline.as_ref().and_then(|deadline| deadline.of_run(&times)) {
            self.timers.insert((at, Timer::Deadline(Late::Run(key))));
        }
        if !run.version.has_deadlines {
            return;
        }
        for (index, task) in (0..).map(TaskIndex).zip(&dag.tasks) {
            let since_run = |deadline: &&Deadline| deadline.after == Since::LogicalDate;
            let deadline = task.deadline.as_ref().filter(since_run);
            if let Some(at) = deadline.and_then(|deadline| deadline.of_run(&times)) {
                self.timers.insert((at, Timer::Deadline(Late::Task(key, index))));
            }
        }
        let keys: Vec<TaskInstanceKey> = run.task_instances().map(|ti| ti.key).collect();
        for key in keys {
            self.watch_attempt(key);
        }
    }

    /// Sets the timer of a deadline that is counted from the run's start.
    pub(super) fn watch_start(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        let since_start = |deadline: &&Deadline| deadline.after == Since::Start;
        let deadline = run.version.loaded.dag.deadline.as_ref().filter(since_start);
        if let Some(at) = deadline.and_then(|deadline| deadline.of_run(&run.times())) {
            self.timers.insert((at, Timer::Deadline(Late::Run(key))));
        }
    }

    /// Sets the timer of a task instance's newest attempt.
    fn watch_attempt(&mut self, key: TaskInstanceKey) {
        if let Some(at) = self.attempt_is_late_at(key) {
            self.timers.insert((at, Timer::Deadline(Late::Attempt(key))));
        }
    }

    /// When a task instance's newest attempt has missed its deadline; none once it has finished.
    fn attempt_is_late_at(&self, key: TaskInstanceKey) -> Option<Timestamp> {
        let run = self.runs.get(&key.dag_run)?;
        let deadline = run.version.loaded.dag.task(key.task).deadline.as_ref()?;
        let ti = run.get(key).filter(|ti| ti.try_number > 0 && !ti.state.is_finished())?;
        deadline.of_attempt(ti.queued_at, ti.started_at)
    }

    /// A deadline passed at `due_at`, unless what it was about has finished or begun anew.
    pub(super) fn fire_deadline(&mut self, late: Late, due_at: Timestamp, now: Timestamp) {
        let Some(run) = self.runs.get(&late.dag_run()).filter(|run| !run.state.is_finished()) else { return };
        let dag = Arc::clone(&run.version.loaded.dag);
        let mut missed: Vec<(Subject, &'static str)> = Vec::new();
        let deadline = match late {
            Late::Run(_) => {
                missed.push((subject_of_run(run), run.state.as_str()));
                dag.deadline.as_ref().filter(|deadline| deadline.of_run(&run.times()) == Some(due_at))
            }
            Late::Task(_, task) => {
                let unfinished = run.of_task(task).iter().filter(|ti| !ti.state.is_finished());
                missed.extend(unfinished.filter_map(|ti| Some((subject_of(run, ti.key)?, ti.state.as_str()))));
                dag.task(task).deadline.as_ref().filter(|deadline| deadline.of_run(&run.times()) == Some(due_at))
            }
            Late::Attempt(key) => {
                let state = run.get(key).map(|ti| ti.state.as_str());
                missed.extend(subject_of(run, key).zip(state));
                dag.task(key.task).deadline.as_ref().filter(|_| self.attempt_is_late_at(key) == Some(due_at))
            }
        };
        let Some(deadline) = deadline else { return };
        for (subject, state) in missed {
            self.dirty_runs.insert(subject.dag_run);
            self.told.missed.push(MissedDeadline {
                dag_run: subject.dag_run,
                task: subject.task,
                task_id: subject.task.map_or_else(String::new, |task| dag.task(task).task_id.clone()),
                map_index: subject.map_index,
                due_at,
                missed_at: now,
            });
            let event = CallbackEvent::Deadline;
            let happened = Happened { event, state, reason: None, at: now, deadline: Some(due_at) };
            self.told.callbacks.extend(rows(&subject, &happened, &deadline.then));
        }
    }
}

impl Run {
    fn times(&self) -> Times {
        Times {
            run_type: self.facts.run_type,
            logical_date: self.facts.logical_date,
            run_after: self.facts.run_after,
            queued_at: self.queued_at,
            started_at: self.facts.started_at,
            is_changed: self.row_version > 0,
        }
    }
}

fn subject_of(run: &Run, key: TaskInstanceKey) -> Option<Subject> {
    let ti = run.get(key)?;
    Some(Subject {
        task: Some(key.task),
        map_index: key.map_index,
        try_number: ti.try_number,
        max_tries: ti.max_tries,
        mapped: run.mapped(key),
        ..subject_of_run(run)
    })
}

/// In a DAG with mappings a run sees all elements of each.
fn subject_of_run(run: &Run) -> Subject {
    let mapped = (!run.resolutions.is_empty()).then(|| Arc::new(Mapped { values: Map::new(), lengths: run.lengths() }));
    Subject {
        dag_run: run.facts.key,
        dag_version: run.version.loaded.key,
        task: None,
        map_index: -1,
        try_number: 0,
        max_tries: 0,
        mapped,
    }
}
