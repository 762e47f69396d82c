//! How an attempt's end changes its task instance, and what that does to the tasks behind it and to the run.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use model::attempt::{Finished, Outcome};
use model::callback::CallbackEvent;
use model::dag::OnLost;
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::journal::{EndedAttempt, TaskInstanceRow, XComRow};
use model::state::{DagRunState, TaskInstanceState};
use model::transition::{TaskInstanceEvent, next_state};
use model::trigger_rule::{Verdict, evaluate};

use super::Planner;
use super::expand::Element;

impl Planner {
    pub(super) fn task_instance(&self, key: TaskInstanceKey) -> Option<&TaskInstanceRow> {
        self.runs.get(&key.dag_run)?.get(key)
    }

    pub(super) fn task_instance_mut(&mut self, key: TaskInstanceKey) -> Option<&mut TaskInstanceRow> {
        self.runs.get_mut(&key.dag_run)?.get_mut(key)
    }

    /// Applies one event and keeps the run's and the deployment's counts. An event that the state refuses is a fault
    /// of the planner and changes nothing.
    pub(super) fn step(&mut self, key: TaskInstanceKey, event: TaskInstanceEvent) -> bool {
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return false };
        let Some(ti) = run.get_mut(key) else { return false };
        let Ok(next) = next_state(ti.state, event) else {
            debug_assert!(false, "{:?} refused in {}", event, ti.state);
            return false;
        };
        let before = std::mem::replace(&mut ti.state, next);
        match (before.is_finished(), next.is_finished()) {
            (false, true) => run.unfinished -= 1,
            (true, false) => run.unfinished += 1,
            (true, true) | (false, false) => {}
        }
        let is_told = run.version.has_callbacks || run.version.has_deadlines;
        self.move_slots(key, before, next);
        self.follow_wait(key, before, next);
        if is_told {
            self.tell_step(key, event);
        }
        if next == TaskInstanceState::Success {
            self.update_outlets(key);
        }
        true
    }

    pub(super) fn finish_attempt(&mut self, key: TaskInstanceKey, finished: Finished) {
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        let task = run.version.loaded.dag.task(key.task).clone();
        let Some(ti) = run.get_mut(key) else { return };
        let was_restarting = ti.state == TaskInstanceState::Restarting;
        ti.started_at = Some(ti.started_at.unwrap_or(finished.started_at));
        ti.ended_at = Some(finished.ended_at);
        self.dirty.insert(key);
        if was_restarting {
            self.record_attempt(key, "cancelled", "stopped because it was cleared".to_owned(), None, finished.ended_at);
            self.start_over(key, finished.ended_at);
            return;
        }
        self.hear_of_outlets(key, finished.outlet_events);
        self.keep_xcoms(key, &task.task_id, finished.xcoms);
        let ended_at = finished.ended_at;
        match finished.outcome {
            Outcome::Success => self.end(key, TaskInstanceEvent::Succeed, ended_at),
            Outcome::Skipped { reason } => {
                self.record_attempt(key, "skipped", reason, None, ended_at);
                self.tell(key, CallbackEvent::Skipped, Some(TaskInstanceState::Skipped.as_str()));
                self.end(key, TaskInstanceEvent::Skip, ended_at);
            }
            Outcome::ShortCircuit { goes_on } => self.finish_short_circuit(key, goes_on, ended_at),
            Outcome::Branch { follow } => self.finish_branch(key, &follow, ended_at),
            Outcome::NotYet { saw } => self.look_again(key, saw, ended_at),
            Outcome::Failed { reason, exit_code, may_retry } => {
                self.record_attempt(key, "failed", reason, exit_code, ended_at);
                self.fail_or_retry(key, may_retry, ended_at);
            }
            Outcome::Lost { reason } => {
                self.record_attempt(key, "lost", reason, None, ended_at);
                match task.on_lost {
                    OnLost::Retry => {
                        if let Some(ti) = self.task_instance_mut(key) {
                            ti.max_tries += 1;
                        }
                        self.tell(key, CallbackEvent::Retry, Some(TaskInstanceState::UpForRetry.as_str()));
                        self.start_over(key, ended_at);
                    }
                    OnLost::Fail => self.end(key, TaskInstanceEvent::Fail, ended_at),
                }
            }
        }
    }

    /// Ends a task instance for good and lets its downstream tasks know.
    pub(super) fn end(&mut self, key: TaskInstanceKey, event: TaskInstanceEvent, at: Timestamp) {
        if let Some(ti) = self.task_instance_mut(key) {
            ti.ended_at = Some(at);
        }
        if self.step(key, event) {
            self.dirty.insert(key);
            self.propagate(key, at);
        }
    }

    /// Decides a task that has not started, by its trigger rule.
    pub(super) fn evaluate_rule(&mut self, key: TaskInstanceKey, now: Timestamp) {
        if self.decide(key, now) {
            self.propagate(key, now);
        }
    }

    pub(super) fn schedule(&mut self, key: TaskInstanceKey, now: Timestamp) {
        if self.step(key, TaskInstanceEvent::Schedule) {
            if let Some(ti) = self.task_instance_mut(key) {
                ti.scheduled_at = Some(now);
            }
            self.lazy.insert(key);
            self.make_ready(key);
        }
    }

    /// Tells the direct downstream tasks of a task that ended, and theirs when that decides them too. A work list
    /// instead of recursion: chains are as long as people write them.
    pub(super) fn propagate(&mut self, key: TaskInstanceKey, at: Timestamp) {
        let mut ended = VecDeque::from([key]);
        while let Some(key) = ended.pop_front() {
            let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
            let Some(state) = run.get(key).map(|ti| ti.state) else { return };
            let version = Arc::clone(&run.version);
            for next in &version.downstream[key.task.at()] {
                for next in self.behind(key, state, *next) {
                    ended.extend(self.decide(next, at).then_some(next));
                }
            }
            for next in version.scopes.watchers(key.task) {
                ended.extend(self.decide_all(key.dag_run, *next, at));
            }
            for mapping in version.mappings.waiting_for(key.task) {
                self.ask_mapping(key.dag_run, *mapping, at);
            }
            self.tell_followers(key, at);
        }
        self.finish_run_if_done(key.dag_run, at);
    }

    /// The instances of a downstream task that may be decided now that `key` has ended in `state`.
    fn behind(&mut self, key: TaskInstanceKey, state: TaskInstanceState, next: TaskIndex) -> Vec<TaskInstanceKey> {
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return Vec::new() };
        let shared = run.version.mappings.shared(key.task, next);
        if shared > 0 {
            let rows = run.window(key, next, shared).iter();
            return rows.filter(|ti| ti.state == TaskInstanceState::None).map(|ti| ti.key).collect();
        }
        let counts = &mut run.upstream[next.at()];
        counts.add(state);
        let rule = run.version.loaded.dag.task(next).trigger_rule;
        // The same for all its instances, unless they depend on others each for itself.
        if evaluate(rule, counts) == Verdict::Wait && run.version.mappings.inner_upstream(next).is_empty() {
            return Vec::new();
        }
        run.undecided(next)
    }

    /// Decides the instances of a task that asks about one that ended; those that this ended.
    fn decide_all(&mut self, dag_run: DagRunKey, task: TaskIndex, at: Timestamp) -> Vec<TaskInstanceKey> {
        let Some(run) = self.runs.get(&dag_run) else { return Vec::new() };
        let undecided = run.undecided(task);
        undecided.into_iter().filter(|next| self.decide(*next, at)).collect()
    }

    /// Decides a task instance whose upstreams changed; true when that ended it.
    fn decide(&mut self, key: TaskInstanceKey, at: Timestamp) -> bool {
        let event = match self.verdict_of(key) {
            None | Some(Verdict::Wait) => return false,
            Some(Verdict::Run) => match self.element(key) {
                Element::Ready => {
                    self.schedule(key, at);
                    return false;
                }
                Element::Unknown => return false,
                Element::Ended(event) => event,
                Element::Wrong(reason) => {
                    self.step(key, TaskInstanceEvent::Schedule);
                    if let Some(ti) = self.task_instance_mut(key) {
                        ti.try_number += 1;
                        ti.max_tries = ti.max_tries.max(ti.try_number);
                    }
                    self.record_attempt(key, "failed", reason, None, at);
                    TaskInstanceEvent::Fail
                }
            },
            Some(Verdict::Skip) => TaskInstanceEvent::Skip,
            Some(Verdict::UpstreamFailed) => TaskInstanceEvent::FailUpstream,
        };
        if let Some(ti) = self.task_instance_mut(key) {
            ti.ended_at = Some(at);
        }
        let has_ended = self.step(key, event);
        if has_ended {
            self.dirty.insert(key);
        }
        has_ended
    }

    /// Back to the beginning, for another attempt.
    fn start_over(&mut self, key: TaskInstanceKey, now: Timestamp) {
        if self.step(key, TaskInstanceEvent::Reset) {
            self.dirty.insert(key);
            self.evaluate_rule(key, now);
        }
    }

    pub(super) fn record_attempt(
        &mut self,
        key: TaskInstanceKey,
        state: &'static str,
        reason: String,
        exit_code: Option<i32>,
        ended_at: Timestamp,
    ) {
        let Some(ti) = self.task_instance(key) else { return };
        let ended = EndedAttempt {
            key,
            try_number: ti.try_number.max(1),
            token: ti.attempt_token,
            state,
            reason,
            exit_code,
            pid: ti.pid,
            scheduled_at: ti.scheduled_at,
            queued_at: ti.queued_at,
            started_at: ti.started_at,
            ended_at,
        };
        self.ended.push(ended);
    }

    pub(super) fn keep_xcoms(&mut self, key: TaskInstanceKey, task_id: &str, values: Vec<model::xcom::XComValue>) {
        self.xcoms.extend(values.into_iter().map(|value| XComRow {
            dag_run: key.dag_run,
            task_id: task_id.to_owned(),
            map_index: key.map_index,
            key: value.key,
            value: value.value,
        }));
    }

    /// A new attempt starts without what earlier ones pushed, also in this very pass.
    pub(super) fn forget_xcoms(&mut self, key: TaskInstanceKey) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let task_id = run.version.loaded.dag.task(key.task).task_id.clone();
        let of = (key.dag_run, &task_id, key.map_index);
        self.xcoms.retain(|xcom| (xcom.dag_run, &xcom.task_id, xcom.map_index) != of);
        self.cleared_xcoms.push((key.dag_run, task_id, key.map_index));
    }

    pub(super) fn finish_run_if_done(&mut self, key: DagRunKey, at: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        if run.unfinished > 0 || run.state != DagRunState::Running {
            return;
        }
        let (state, reason) = run.verdict();
        self.end_run(key, state, reason, at);
    }

    pub(super) fn end_run(&mut self, key: DagRunKey, state: DagRunState, reason: Option<String>, at: Timestamp) {
        let Some(run) = self.runs.get_mut(&key) else { return };
        if run.state == DagRunState::Running
            && let Some(dag) = self.dags.get_mut(&run.facts.dag_id)
        {
            *dag.running_like(run) -= 1;
        }
        run.state = state;
        run.ended_at = Some(at);
        run.reason = reason;
        run.is_changed = true;
        self.dirty_dags.insert(run.facts.dag_id.clone());
        self.dirty_runs.insert(key);
        self.finished_runs.push(key);
        self.tell_end(key, at);
        self.note_end(key);
        self.tell_all_followers(key, at);
    }
}
