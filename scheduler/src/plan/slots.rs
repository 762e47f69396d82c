//! Which ready tasks go on: at once those that need no process, in the order of their pools and within the limits those that do.

use std::sync::Arc;

use jiff::Timestamp;
use model::attempt::Attempt;
use model::ids::{AttemptToken, DagRunKey, TaskInstanceKey};
use model::operator::{Branch, Condition, Operator, ShortCircuit};
use model::state::{DagRunState, TaskInstanceState};
use model::transition::TaskInstanceEvent;

use super::backfill::is_of_backfill;
use super::expand::Element;
use super::pools::PoolIndex;
use super::{BATCH_ROWS, Decisions, Planner, Timer};
use crate::question::{Asked, Question};

impl Planner {
    /// Puts a scheduled task instance where its turn will come.
    pub(super) fn make_ready(&mut self, key: TaskInstanceKey) {
        if !matches!(self.element(key), Element::Ready) {
            // Its mapping is asked for again after a take-over; without its element it cannot start.
            if let Some(run) = self.runs.get_mut(&key.dag_run) {
                run.without_element.push(key);
            }
            return;
        }
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let task = run.version.loaded.dag.task(key.task);
        let needs_process = task.operator.needs_process() && (task.when.is_none() || run.allowed.contains(&key));
        let needs_slot = (needs_process || self.waits.needs_slot(key)) && self.why_disabled(key).is_none();
        // What backfills run comes after what others of the same weight do.
        let weight = -2 * i64::from(run.version.weights[key.task.at()]) + i64::from(is_of_backfill(run));
        let is_paused = self.is_paused(&run.facts.dag_id);
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        if needs_slot {
            run.ready.push(key.task, key.map_index, weight, run.version.classes[key.task.at()]);
            self.note_ready(key.dag_run, key.task);
            self.refresh_head(key.dag_run);
        } else if is_paused {
            run.held.push(key);
        } else {
            self.instant.push_back(key);
        }
    }

    /// Keeps what the run offers to the pools true: per pool and number of slots its heaviest task that may start.
    pub(super) fn refresh_head(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        let may_go = run.state == DagRunState::Running
            && run.active < self.max_active_tasks(run)
            && !self.is_paused(&run.facts.dag_id);
        let Some(run) = self.runs.get_mut(&key) else { return };
        for (class, offer) in run.ready.offers(key) {
            let wanted = offer.filter(|_| may_go);
            let before = run.ready.offered.get(&class).copied();
            if wanted == before {
                continue;
            }
            run.ready.offered.remove(&class);
            // The new offer first: a DAG that has nothing to offer for a moment would lose its turn.
            if let Some(wanted) = wanted {
                run.ready.offered.insert(class, wanted);
                self.pools.offer(&run.version.dag_id, class, wanted);
            }
            if let Some(before) = before {
                self.pools.withdraw(&run.version.dag_id, class, before);
            }
        }
    }

    /// Lets the tasks go on that were held while the DAG was paused.
    pub(super) fn release_held(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get_mut(&key) else { return };
        if self.dags.get(&run.facts.dag_id).is_some_and(|dag| dag.row.is_paused) {
            return;
        }
        let held = std::mem::take(&mut run.held);
        self.instant.extend(held);
    }

    /// Finishes ready tasks that need no process, and what becomes ready by that, up to a batch.
    pub(super) fn finish_instant(&mut self, now: Timestamp, decisions: &mut Decisions) {
        while self.dirty.len() < BATCH_ROWS && decisions.evaluate.len() < BATCH_ROWS {
            let Some(key) = self.instant.pop_front() else { return };
            let Some(run) = self.runs.get_mut(&key.dag_run) else { continue };
            if self.dags.get(&run.facts.dag_id).is_some_and(|dag| dag.row.is_paused) {
                run.held.push(key);
                continue;
            }
            let task = run.version.loaded.dag.task(key.task).clone();
            if run.get(key).is_none_or(|ti| ti.state != TaskInstanceState::Scheduled) {
                continue;
            }
            if let Some(reason) = self.why_disabled(key) {
                self.count_try(key, now);
                self.record_attempt(key, "skipped", reason, None, now);
                self.end(key, TaskInstanceEvent::Skip, now);
                continue;
            }
            let was_allowed = self.runs.get_mut(&key.dag_run).is_some_and(|run| run.allowed.remove(&key));
            if task.when.is_some() && !was_allowed {
                decisions.evaluate.extend(self.ask(key, Question::When));
                continue;
            }
            if task.operator.waits() {
                decisions.evaluate.extend(self.ask(key, Question::Wait));
                continue;
            }
            self.count_try(key, now);
            match &task.operator {
                Operator::Branch(Branch::Expression(_)) => {
                    decisions.evaluate.extend(self.ask(key, Question::Branch));
                }
                Operator::ShortCircuit(ShortCircuit { condition: Condition::Expression(_), .. }) => {
                    decisions.evaluate.extend(self.ask(key, Question::ShortCircuit));
                }
                Operator::Empty
                | Operator::Bash(_)
                | Operator::Python(_)
                | Operator::Branch(Branch::Python(_))
                | Operator::ShortCircuit(ShortCircuit { condition: Condition::Python(_), .. })
                | Operator::Sensor(_)
                | Operator::TriggerDag(_)
                | Operator::Approve(_)
                | Operator::Notify(_) => {
                    self.end(key, TaskInstanceEvent::Succeed, now);
                }
            }
        }
    }

    /// Gives slots to ready tasks in the order of their pools, up to a batch. True when something that needs no process
    /// became ready meanwhile.
    pub(super) fn fill_slots(&mut self, now: Timestamp, decisions: &mut Decisions) -> bool {
        while self.slots_taken < self.limits.parallelism && self.dirty.len() < BATCH_ROWS {
            let Some((pool, offer)) = self.pools.next() else { break };
            if let Some(until) = self.pools.rest(pool, now) {
                self.timers.insert((until, Timer::Pool(pool)));
                continue;
            }
            let Some(run) = self.runs.get_mut(&offer.run) else { break };
            let map_index = run.ready.pop(offer.task);
            self.note_ready(offer.run, offer.task);
            if let Some(map_index) = map_index {
                let key = TaskInstanceKey { dag_run: offer.run, task: offer.task, map_index };
                self.start(key, pool, now, decisions);
            }
            self.refresh_head(offer.run);
        }
        decisions.dispatch.append(&mut self.take_redispatched());
        !self.instant.is_empty() && self.dirty.len() < BATCH_ROWS
    }

    /// Gives a ready task instance its slot.
    fn start(&mut self, key: TaskInstanceKey, pool: PoolIndex, now: Timestamp, decisions: &mut Decisions) {
        if let Some(awaited) = self.waits.take_awaited(key) {
            self.start_waiting(key, pool, awaited, now);
            return;
        }
        let token = AttemptToken::new(self.epoch, self.next_attempt);
        let is_next_look = self.is_next_look(key);
        let Some(run) = self.runs.get_mut(&key.dag_run) else { return };
        let is_retry = {
            let Some(ti) = run.get_mut(key).filter(|ti| ti.state == TaskInstanceState::Scheduled) else { return };
            // A sensor that looks again is still in the same try.
            if !is_next_look {
                ti.try_number += 1;
            }
            ti.attempt_token = Some(token);
            ti.queued_at = Some(now);
            ti.started_at = None;
            ti.ended_at = None;
            ti.retry_at = None;
            ti.pid = None;
            ti.try_number > 1
        };
        run.allowed.remove(&key);
        let dag_id = Arc::clone(&run.version.dag_id);
        if is_retry {
            self.forget_xcoms(key);
        }
        self.next_attempt += 1;
        if self.step(key, TaskInstanceEvent::Queue) {
            self.pools.start(&dag_id, pool, now, key);
            self.dirty.insert(key);
            self.lazy.remove(&key);
            decisions.dispatch.extend(self.attempt(key, token));
        }
    }

    fn ask(&self, key: TaskInstanceKey, question: Question) -> Option<Asked> {
        let mut attempt = self.attempt(key, AttemptToken(0))?;
        // `when` and what is waited for are about a try that has not been counted yet.
        if matches!(question, Question::When | Question::Wait) {
            attempt.try_number += 1;
            attempt.max_tries = attempt.max_tries.max(attempt.try_number);
        }
        Some(Asked { attempt, question })
    }

    /// What an executor needs to run a task instance's newest attempt.
    pub(super) fn attempt(&self, key: TaskInstanceKey, token: AttemptToken) -> Option<Attempt> {
        let run = self.runs.get(&key.dag_run)?;
        let ti = run.get(key)?;
        Some(Attempt {
            token,
            key,
            try_number: ti.try_number,
            max_tries: ti.max_tries,
            dag_run: Arc::clone(&run.facts),
            dag: Arc::clone(&run.version.loaded.dag),
            dag_file: Arc::clone(&run.version.loaded.fileloc),
            mapped: run.mapped(key),
        })
    }
}
