//! Task instances that wait without a slot: when they begin, what time does to them, and how they end.
//!
//! 1. A ready one asks what it waits for ([`super::Decisions::evaluate`]: its templates are rendered outside).
//! 2. The answer begins its attempt: deferred or `awaiting_input`, with a row that survives a restart. Where its pool counts
//!    deferred ones (`include_deferred`), it first takes its turn in the pool.
//! 3. What has to be looked at is watched from the commit on ([`Watch`]); a time needs a timer only, and a person reports.
//! 4. It ends by a report under its token, or when its time is over. Whatever ends it ends the watch.
//!
//! A sensor in Python looks in a process of its own; between two looks it is `up_for_reschedule`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::attempt::{Attempt, Finished, Outcome};
use model::ids::{AttemptToken, DagRunKey, TaskIndex, TaskInstanceKey};
use model::journal::{DagRunRow, DagRunWrite};
use model::operator::Operator;
use model::state::TaskInstanceState;
use model::transition::TaskInstanceEvent;
use model::wait::{Answer, Awaited, Look, WaitRow, answer, next_look};

use super::pools::PoolIndex;
use super::{Decisions, Fate, Planner};

/// An attempt that somebody has to look for.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The attempt; reports are made under its token.
    pub attempt: Attempt,
    /// What for, and what was seen so far.
    pub wait: WaitRow,
}

/// What waits, and what of it changed since the last batch.
#[derive(Debug, Default)]
pub(super) struct Waits {
    rows: BTreeMap<TaskInstanceKey, WaitRow>,
    timers: BTreeSet<(Timestamp, TaskInstanceKey)>,
    begun: BTreeSet<TaskInstanceKey>,
    ended: BTreeSet<TaskInstanceKey>,
    /// What ready ones wait for whose turn in their pool has not come.
    ready: BTreeMap<TaskInstanceKey, Awaited>,
    /// To be watched after the next commit.
    watch: Vec<TaskInstanceKey>,
    unwatch: Vec<AttemptToken>,
    /// Runs that somebody ended while they waited; their versions.
    of_ended_runs: Vec<(DagRunKey, i64)>,
}

/// All task instances of a run.
fn of_run(run: DagRunKey) -> std::ops::RangeInclusive<TaskInstanceKey> {
    TaskInstanceKey { dag_run: run, task: TaskIndex(0), map_index: i32::MIN }..=TaskInstanceKey {
        dag_run: run,
        task: TaskIndex(u32::MAX),
        map_index: i32::MAX,
    }
}

impl Waits {
    pub(super) fn of(&self, key: TaskInstanceKey) -> Option<&WaitRow> {
        self.rows.get(&key)
    }

    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// As if the run had never been loaded.
    pub(super) fn forget(&mut self, run: DagRunKey) {
        for key in self.rows.range(of_run(run)).map(|(key, _)| *key).collect::<Vec<_>>() {
            self.stop_timer(key);
            self.rows.remove(&key);
        }
        for key in self.ready.range(of_run(run)).map(|(key, _)| *key).collect::<Vec<_>>() {
            self.ready.remove(&key);
        }
        for set in [&mut self.begun, &mut self.ended] {
            for key in set.range(of_run(run)).copied().collect::<Vec<_>>() {
                set.remove(&key);
            }
        }
        self.watch.retain(|key| key.dag_run != run);
    }

    /// Whether a ready task instance knows what it waits for, and needs slots of its pool for that.
    pub(super) fn needs_slot(&self, key: TaskInstanceKey) -> bool {
        self.ready.contains_key(&key)
    }

    pub(super) fn take_awaited(&mut self, key: TaskInstanceKey) -> Option<Awaited> {
        self.ready.remove(&key)
    }

    fn insert(&mut self, row: WaitRow) {
        self.rows.insert(row.key, row);
    }

    fn start_timer(&mut self, key: TaskInstanceKey) {
        if let Some(at) = self.rows.get(&key).and_then(next_event) {
            self.timers.insert((at, key));
        }
    }

    fn stop_timer(&mut self, key: TaskInstanceKey) {
        if let Some(at) = self.rows.get(&key).and_then(next_event) {
            self.timers.remove(&(at, key));
        }
    }
}

/// When time itself changes a wait: the time that it waits for has come, or it gives up.
fn next_event(row: &WaitRow) -> Option<Timestamp> {
    let comes_at = if let Awaited::Time { at } = row.awaited { Some(at) } else { None };
    comes_at.into_iter().chain(row.deadline).min()
}

impl Planner {
    /// Begins the attempt of a ready task instance that was asked what it waits for. Nothing was written until now: should
    /// the answer get lost, it is asked again.
    pub(super) fn finish_awaited(&mut self, key: TaskInstanceKey, awaited: Result<Awaited, String>, now: Timestamp) {
        if let Ok(awaited) = &awaited
            && !matches!(awaited, Awaited::Approval(_))
            && self.counts_deferred(key)
        {
            self.waits.ready.insert(key, awaited.clone());
            self.make_ready(key);
            return;
        }
        let Some(token) = self.begin_waiting_attempt(key, now) else { return };
        match awaited {
            Ok(awaited) => self.begin_waiting(key, token, awaited, now),
            Err(reason) => {
                let outcome = Outcome::Failed { reason, exit_code: None, may_retry: false };
                self.finish_attempt(
                    key,
                    Finished { started_at: now, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() },
                );
            }
        }
    }

    fn counts_deferred(&self, key: TaskInstanceKey) -> bool {
        self.runs
            .get(&key.dag_run)
            .is_some_and(|run| self.pools.counts_deferred(run.version.classes[key.task.at()].pool))
    }

    /// Begins an attempt whose turn in its pool has come.
    pub(super) fn start_waiting(&mut self, key: TaskInstanceKey, pool: PoolIndex, awaited: Awaited, now: Timestamp) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        if run.get(key).is_none_or(|ti| ti.state != TaskInstanceState::Scheduled) {
            return;
        }
        let dag_id = Arc::clone(&run.version.dag_id);
        self.pools.start(&dag_id, pool, now, key);
        if let Some(token) = self.begin_waiting_attempt(key, now) {
            self.begin_waiting(key, token, awaited, now);
        }
    }

    fn begin_waiting_attempt(&mut self, key: TaskInstanceKey, now: Timestamp) -> Option<AttemptToken> {
        let token = AttemptToken::new(self.epoch, self.next_attempt);
        self.next_attempt += 1;
        let ti = self.task_instance_mut(key)?;
        ti.try_number += 1;
        ti.max_tries = ti.max_tries.max(ti.try_number);
        ti.attempt_token = Some(token);
        (ti.queued_at, ti.started_at) = (Some(now), Some(now));
        (ti.ended_at, ti.retry_at, ti.pid) = (None, None, None);
        if ti.try_number > 1 {
            self.forget_xcoms(key);
        }
        self.dirty.insert(key);
        self.lazy.remove(&key);
        Some(token)
    }

    fn begin_waiting(&mut self, key: TaskInstanceKey, token: AttemptToken, awaited: Awaited, now: Timestamp) {
        let Some(ti) = self.task_instance(key) else { return };
        let max_tries = ti.max_tries;
        let since = self.waits.of(key).filter(|row| row.max_tries == max_tries).map_or(now, |row| row.since);
        let deadline = self.patience(key).and_then(|patience| since.checked_add(patience).ok());
        let event =
            if let Awaited::Approval(_) = awaited { TaskInstanceEvent::AwaitInput } else { TaskInstanceEvent::Defer };
        let is_looked_at = awaited.is_looked_at();
        self.waits.insert(WaitRow { key, token, max_tries, awaited, since, deadline, look: None });
        if self.step(key, event) {
            self.waits.begun.insert(key);
            self.waits.ended.remove(&key);
            self.waits.start_timer(key);
            if is_looked_at {
                self.waits.watch.push(key);
            }
        }
    }

    /// How long a task waits altogether; none: for ever.
    fn patience(&self, key: TaskInstanceKey) -> Option<SignedDuration> {
        let run = self.runs.get(&key.dag_run)?;
        let patience = match &run.version.loaded.dag.task(key.task).operator {
            Operator::Sensor(sensor) => Some(sensor.timeout),
            Operator::Approve(approve) => approve.timeout,
            Operator::TriggerDag(_)
            | Operator::Notify(_)
            | Operator::Bash(_)
            | Operator::Python(_)
            | Operator::Empty
            | Operator::Branch(_)
            | Operator::ShortCircuit(_) => None,
        };
        patience.map(model::duration::Duration::absolute)
    }

    /// Keeps what is known of waits true to a change of state.
    pub(super) fn follow_wait(&mut self, key: TaskInstanceKey, before: TaskInstanceState, after: TaskInstanceState) {
        if before == TaskInstanceState::Scheduled {
            self.waits.ready.remove(&key);
        }
        if before.is_waiting() && !after.is_waiting() {
            self.waits.stop_timer(key);
            self.waits.unwatch.extend(self.waits.of(key).filter(|row| row.awaited.is_looked_at()).map(|row| row.token));
        }
        let starts_over = after == TaskInstanceState::None;
        if (after.is_finished() || starts_over) && self.waits.rows.remove(&key).is_some() {
            self.waits.begun.remove(&key);
            self.waits.ended.insert(key);
        }
    }

    /// Ends what waited for a time that has come, and gives up what waited long enough.
    pub(super) fn fire_waits(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.waits.timers.first().copied() {
            if at > now {
                return;
            }
            self.waits.timers.pop_first();
            let Some(row) = self.waits.of(key) else { continue };
            let outcome = match row.awaited {
                Awaited::Time { at } if at <= now => Outcome::Success,
                _ => {
                    self.give_up(key, now);
                    continue;
                }
            };
            let started_at = row.since;
            self.finish_attempt(
                key,
                Finished { started_at, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() },
            );
        }
    }

    /// Nobody answered, or what was waited for did not come, in time.
    fn give_up(&mut self, key: TaskInstanceKey, now: Timestamp) {
        let Some(row) = self.waits.of(key) else { return };
        let (since, saw) = (row.since, row.look.as_ref().map(|look| look.saw.clone()));
        let patience = row.deadline.unwrap_or(now).duration_since(since);
        if let Awaited::Approval(approval) = &row.awaited
            && let Some(default) = &approval.default
        {
            let given = Answer { chosen: default.clone(), by: None, at: now };
            if let Ok(finished) = answer(approval, &given, since) {
                self.finish_attempt(key, finished);
                return;
            }
        }
        let saw = saw.map(|saw| format!("; last seen: {saw}")).unwrap_or_default();
        let reason = format!("waited {patience:#} (timeout) for {}{saw}", row.awaited);
        let outcome = if self.fails_softly(key) {
            Outcome::Skipped { reason }
        } else {
            // Trying again would wait for the same, and the time is over for all attempts.
            Outcome::Failed { reason, exit_code: None, may_retry: false }
        };
        self.finish_attempt(
            key,
            Finished { started_at: since, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() },
        );
    }

    fn fails_softly(&self, key: TaskInstanceKey) -> bool {
        self.runs.get(&key.dag_run).is_some_and(|run| {
            matches!(&run.version.loaded.dag.task(key.task).operator, Operator::Sensor(sensor) if sensor.soft_fail)
        })
    }

    /// A sensor in Python looked in vain: it gives its slot back until it looks again, or gives up.
    pub(super) fn look_again(&mut self, key: TaskInstanceKey, saw: String, at: Timestamp) {
        let Some(run) = self.runs.get(&key.dag_run) else { return };
        let task = run.version.loaded.dag.task(key.task).clone();
        let Operator::Sensor(sensor) = &task.operator else {
            self.record_attempt(key, "failed", "only a sensor may look again".to_owned(), None, at);
            self.end(key, TaskInstanceEvent::Fail, at);
            return;
        };
        let Some(ti) = self.task_instance(key) else { return };
        let (max_tries, token, started_at) = (ti.max_tries, ti.attempt_token, ti.started_at.unwrap_or(at));
        let Some(token) = token else { return };
        let before = self.waits.of(key).filter(|row| row.max_tries == max_tries);
        let since = before.map_or(started_at, |row| row.since);
        let number = before.and_then(|row| row.look.as_ref()).map_or(0, |look| look.number) + 1;
        let deadline = since.checked_add(sensor.timeout.absolute()).ok();
        let look = Some(Look { at, number, saw });
        self.waits.insert(WaitRow { key, token, max_tries, awaited: Awaited::Python, since, deadline, look });
        self.waits.begun.insert(key);
        if deadline.is_some_and(|deadline| deadline <= at) {
            self.give_up(key, at);
            return;
        }
        // The last look is when the time is over.
        let next = next_look(sensor, number, at).min(deadline.unwrap_or(Timestamp::MAX));
        if self.step(key, TaskInstanceEvent::Reschedule) {
            if let Some(ti) = self.task_instance_mut(key) {
                ti.retry_at = Some(next);
            }
            self.timers.insert((next, super::Timer::Retry(key)));
        }
    }

    /// Whether a ready sensor in Python looks again in the same try.
    pub(super) fn is_next_look(&self, key: TaskInstanceKey) -> bool {
        let token = self.task_instance(key).and_then(|ti| ti.attempt_token);
        self.waits.of(key).is_some_and(|row| row.awaited == Awaited::Python && Some(row.token) == token)
    }

    /// Takes up the waits of a run that was read. One without its row starts over.
    pub(super) fn resume_waits(&mut self, run: DagRunKey, rows: Vec<WaitRow>, fate: &impl Fn(AttemptToken) -> Fate) {
        for row in rows {
            let key = row.key;
            let Some(ti) = self.task_instance(key) else { continue };
            let is_current = ti.attempt_token == Some(row.token);
            if ti.state.is_waiting() && is_current {
                let is_watched = !row.awaited.is_looked_at() || fate(row.token) == Fate::Alive;
                self.waits.insert(row);
                self.waits.start_timer(key);
                if !is_watched {
                    self.waits.watch.push(key);
                }
            } else if ti.state.is_finished() || ti.max_tries != row.max_tries {
                self.waits.ended.insert(key);
                self.dirty_runs.insert(run);
            } else {
                self.waits.insert(row);
            }
        }
        let Some(loaded) = self.runs.get(&run) else { return };
        let lost: Vec<TaskInstanceKey> = loaded.waiting().filter(|key| self.waits.of(*key).is_none()).collect();
        for key in lost {
            if self.step(key, TaskInstanceEvent::Reset) {
                self.dirty.insert(key);
            }
        }
    }

    /// A run that somebody ended waits for nothing.
    pub(super) fn forget_waits_of_ended(&mut self, row: &DagRunRow) {
        if !row.waits.is_empty() {
            self.waits.ended.extend(row.waits.iter().map(|wait| wait.key));
            self.waits.of_ended_runs.push((row.facts.key, row.version));
        }
    }

    pub(super) fn write_waits(&mut self, decisions: &mut Decisions) {
        let waits = &mut self.waits;
        let begun = std::mem::take(&mut waits.begun);
        decisions.batch.waits = begun.iter().filter_map(|key| waits.rows.get(key).cloned()).collect();
        decisions.batch.ended_waits = std::mem::take(&mut waits.ended).into_iter().collect();
        for (key, version) in std::mem::take(&mut waits.of_ended_runs) {
            decisions.batch.runs.push(DagRunWrite { key, version, change: None });
        }
        decisions.batch.runs.sort_unstable_by_key(|run| run.key);
        decisions.unwatch = std::mem::take(&mut waits.unwatch);
        let watch = std::mem::take(&mut waits.watch);
        decisions.watch = watch
            .into_iter()
            .filter_map(|key| {
                let wait = self.waits.of(key)?.clone();
                Some(Watch { attempt: self.attempt(key, wait.token)?, wait })
            })
            .collect();
    }
}
