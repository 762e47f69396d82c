//! What is to become of a task instance that has not started: choices first, then setups and the trigger rule, then the
//! past, then its `when`.

use jiff::Timestamp;
use model::callback::CallbackEvent;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::state::{DagRunState, TaskInstanceState};
use model::transition::TaskInstanceEvent;
use model::trigger_rule::Verdict;

use super::Planner;
use super::run::Run;

impl Planner {
    /// Decides a task instance that has not started; nothing for one that has.
    pub(super) fn verdict_of(&self, key: TaskInstanceKey) -> Option<Verdict> {
        let run = self.runs.get(&key.dag_run)?;
        let is_open = run.get(key)?.state == TaskInstanceState::None && run.state == DagRunState::Running;
        is_open.then(|| self.judge(run, key))
    }

    fn judge(&self, run: &Run, key: TaskInstanceKey) -> Verdict {
        if run.is_chosen_against(key) {
            return Verdict::Skip;
        }
        match rule_verdict(run, key) {
            Verdict::Run if !self.is_past_met(run, key.task) => Verdict::Wait,
            verdict => verdict,
        }
    }

    /// The answer of a task's `when`: it goes on to its slot, or it is skipped.
    pub(super) fn finish_when(&mut self, key: TaskInstanceKey, holds: bool, at: Timestamp) {
        if holds {
            if let Some(run) = self.runs.get_mut(&key.dag_run)
                && run.allowed.insert(key)
            {
                self.make_ready(key);
            }
            return;
        }
        let when = self.runs.get(&key.dag_run).and_then(|run| run.version.loaded.dag.task(key.task).when.clone());
        self.count_try(key, at);
        self.record_attempt(key, "skipped", format!("`when` is false: {}", when.unwrap_or_default()), None, at);
        if let Some(ti) = self.task_instance_mut(key) {
            ti.ended_at = Some(at);
        }
        self.tell(key, CallbackEvent::Skipped, Some(TaskInstanceState::Skipped.as_str()));
        self.end(key, TaskInstanceEvent::Skip, at);
    }

    /// A try that the leader makes itself, without an attempt.
    pub(super) fn count_try(&mut self, key: TaskInstanceKey, at: Timestamp) {
        if let Some(ti) = self.task_instance_mut(key) {
            ti.try_number += 1;
            ti.max_tries = ti.max_tries.max(ti.try_number);
            ti.queued_at = Some(at);
            ti.started_at = Some(at);
            ti.ended_at = None;
            ti.retry_at = None;
            ti.pid = None;
            self.dirty.insert(key);
        }
    }
}

/// What the setups of a task instance and its trigger rule say.
fn rule_verdict(run: &Run, key: TaskInstanceKey) -> Verdict {
    let rule = run.version.loaded.dag.task(key.task).trigger_rule;
    let states = |index: TaskIndex| run.seen_by(key, index).iter().map(|ti| ti.state);
    run.version.scopes.verdict(key.task, rule, run.counts_of(key), states)
}
