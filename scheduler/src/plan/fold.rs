//! Facts that become part of the planner's memory.

use std::sync::Arc;

use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::Task;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, TaskInstanceKey};
use model::journal::{DagRow, DagRunRow, DagVersion};
use model::state::{DagRunState, DagRunType, TaskInstanceState};
use model::timetable::Timetable;
use model::transition::TaskInstanceEvent;

use super::backfill::is_of_backfill;
use super::expand::Element;
use super::pools::Class;
use super::run::Run;
use super::version::Version;
use super::{DagEntry, Planner, Timer};
use crate::question::{Answer, Question};

/// What is known of an attempt that the database says holds a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An executor has it; a report will come.
    Alive,
    /// Handed to nobody: its commit's outcome was unknown, so nothing followed it.
    NeverDispatched,
    /// Its executor died with it.
    Gone,
}

impl Planner {
    /// A DAG version became known. Versions never change.
    pub fn fold_version(&mut self, loaded: DagVersion) {
        let class = |task: &Arc<Task>| Class { pool: self.pools.index_of(&task.pool), slots: task.pool_slots };
        let classes = loaded.dag.tasks.iter().map(class).collect();
        let version = Version::new(loaded, classes);
        self.count_limited_tasks(&version);
        self.versions.insert(version.loaded.key, Arc::new(version));
    }

    /// Whether a DAG version is known.
    pub fn knows_version(&self, key: DagVersionKey) -> bool {
        self.versions.contains_key(&key)
    }

    /// Whether a DAG's row has been read.
    pub fn knows_dag(&self, dag_id: &str) -> bool {
        self.dags.contains_key(dag_id)
    }

    /// A DAG's row was read, for the first time or again. Its current version must be known.
    pub fn fold_dag(&mut self, row: DagRow) {
        let dag_id = row.dag_id.clone();
        let timetable = self.timetable_of(&row);
        let entry = self.dags.entry(dag_id.clone()).or_insert_with(|| DagEntry {
            row: row.clone(),
            timetable: None,
            next: None,
            running: 0,
            queued: std::collections::BTreeSet::new(),
            scheduled: std::collections::BTreeSet::new(),
            ends: std::collections::BTreeMap::new(),
            backfill_running: 0,
            backfill_queued: std::collections::BTreeSet::new(),
            awaits_backfill: false,
        });
        entry.awaits_backfill = false;
        entry.row = row;
        entry.timetable = timetable;
        entry.next = None;
        self.dirty_dags.insert(dag_id.clone());
        self.next_runs.insert(dag_id.clone());
        let runs: Vec<DagRunKey> =
            self.runs.iter().filter(|(_, run)| run.facts.dag_id == dag_id).map(|(key, _)| *key).collect();
        for key in runs {
            self.refresh_head(key);
            self.release_held(key);
        }
    }

    /// A DAG's row is gone. Its runs are told of one by one; until then nothing new of it is started.
    pub fn fold_deleted_dag(&mut self, dag_id: &str) {
        if let Some(known) = self.dags.get(dag_id) {
            self.fold_dag(DagRow {
                dag_id: dag_id.to_owned(),
                is_paused: known.row.is_paused,
                is_stale: true,
                current_version: None,
                last_interval: None,
                known_since: None,
                skip_next: 0,
                disabled_tasks: Vec::new(),
                backfill: None,
                queued_events: Vec::new(),
            });
        }
    }

    /// The compiled schedule of a DAG; the one that is there while the DAG's version is the same.
    fn timetable_of(&mut self, row: &DagRow) -> Option<Timetable> {
        let key = row.current_version.filter(|_| !row.is_stale)?;
        if let Some(known) = self.dags.get_mut(&row.dag_id)
            && (known.row.current_version, known.row.known_since) == (Some(key), row.known_since)
            && known.timetable.is_some()
        {
            return known.timetable.take();
        }
        let timetable = Timetable::new(&self.versions.get(&key)?.loaded.dag).ok()?;
        Some(match row.known_since {
            Some(at) => timetable.known_since(at),
            None => timetable,
        })
    }

    /// A run was read, for the first time or again; one that is finished is forgotten. `fate` tells of each attempt
    /// that holds a slot what is known of it.
    pub fn fold_run(&mut self, mut row: DagRunRow, fate: impl Fn(AttemptToken) -> Fate, now: Timestamp) {
        let key = row.facts.key;
        self.forget_run(key);
        let Some(version) = self.versions.get(&row.dag_version).cloned() else { return };
        if row.state.is_finished() {
            self.forget_waits_of_ended(&row);
            self.dirty_dags.insert(row.facts.dag_id);
            return;
        }
        let dag_id = row.facts.dag_id.clone();
        let waits = std::mem::take(&mut row.waits);
        let Some(run) = Run::new(row, version) else { return };
        let (state, run_after) = (run.state, run.facts.run_after);
        let is_scheduled = run.facts.run_type == DagRunType::Scheduled;
        let (is_new, is_of_backfill) = (run.is_new, is_of_backfill(&run));
        self.runs.insert(key, run);
        self.take_in_slots(key);
        self.ask_about_past(key);
        if is_new {
            self.dirty_runs.insert(key);
        }
        if let Some(dag) = self.dags.get_mut(&dag_id) {
            if is_scheduled {
                dag.scheduled.insert(key);
            }
            match state {
                DagRunState::Queued if is_of_backfill => {
                    dag.backfill_queued.insert(key);
                }
                DagRunState::Queued => {
                    dag.queued.insert((run_after, key));
                }
                DagRunState::Running if is_of_backfill => dag.backfill_running += 1,
                DagRunState::Running => dag.running += 1,
                DagRunState::Success | DagRunState::Failed => {}
            }
        }
        self.dirty_dags.insert(dag_id);
        self.resume_waits(key, waits, &fate);
        self.watch_deadlines(key);
        if state == DagRunState::Running {
            self.watch_timeout(key);
            self.resume_run(key, &fate, now);
        } else {
            // A queued run holds attempts only when it was cleared while they were running.
            self.resume_attempts(key, &fate, now);
        }
    }

    /// Takes a run out of memory, as if it had never been loaded.
    pub fn forget_run(&mut self, key: DagRunKey) {
        self.ask_again_for_followers(key);
        self.remove_run(key);
    }

    pub(super) fn remove_run(&mut self, key: DagRunKey) {
        self.unfollow(key);
        let Some(run) = self.runs.remove(&key) else { return };
        self.give_back_slots(key, &run);
        if let Some(dag) = self.dags.get_mut(&run.facts.dag_id) {
            dag.queued.remove(&(run.facts.run_after, key));
            dag.scheduled.remove(&key);
            dag.backfill_queued.remove(&key);
            if run.state == DagRunState::Running {
                *dag.running_like(&run) -= 1;
            }
        }
        let of_run = TaskInstanceKey { dag_run: key, task: model::ids::TaskIndex(0), map_index: i32::MIN }
            ..=TaskInstanceKey { dag_run: key, task: model::ids::TaskIndex(u32::MAX), map_index: i32::MAX };
        for set in [&mut self.dirty, &mut self.lazy] {
            for ti in set.range(of_run.clone()).copied().collect::<Vec<_>>() {
                set.remove(&ti);
            }
        }
        self.waits.forget(key);
        self.dirty_runs.remove(&key);
        self.finished_runs.retain(|finished| *finished != key);
        self.redispatched.retain(|ti| ti.dag_run != key);
        self.map_names.retain(|(ti, _)| ti.dag_run != key);
        self.expanding.retain(|expanding| expanding.attempt.key.dag_run != key);
        self.instant.retain(|ti| ti.dag_run != key);
        self.ended.retain(|ended| ended.key.dag_run != key);
        self.told.forget(key);
        self.xcoms.retain(|xcom| xcom.dag_run != key);
        self.asset_updates.retain(|update| update.dag_run != key);
        self.cleared_xcoms.retain(|(dag_run, _, _)| *dag_run != key);
        self.timers.retain(|(_, timer)| match timer {
            Timer::Retry(ti) => ti.dag_run != key,
            Timer::RunTimeout(run) => *run != key,
            Timer::Deadline(late) => late.dag_run() != key,
            Timer::RunAfter(_) | Timer::Schedule(_) | Timer::Pool(_) => true,
        });
    }

    /// What a worker reports. False when the attempt is not the task instance's current one: it changes nothing.
    pub fn fold_report(&mut self, report: &Report, inbox_id: Option<i64>) -> bool {
        self.reports.extend(inbox_id);
        let Some(key) = self.key_of(report.key, report.token) else { return false };
        let is_expected = self.task_instance(key).is_some_and(|ti| match report.event {
            AttemptEvent::Started { .. } => ti.state.holds_slot(),
            AttemptEvent::Finished(_) => ti.state.holds_slot() || ti.state.is_waiting(),
        });
        if !is_expected {
            return false;
        }
        match &report.event {
            AttemptEvent::Started { at, pid } => self.start_attempt(key, *at, *pid),
            AttemptEvent::Finished(finished) => self.finish_attempt(key, finished.clone()),
        }
        true
    }

    /// The task instance whose newest attempt a token names. A run that was pinned to another version of its DAG since
    /// has it at another position than the attempt knows.
    fn key_of(&self, key: TaskInstanceKey, token: AttemptToken) -> Option<TaskInstanceKey> {
        if self.task_instance(key).is_some_and(|ti| ti.attempt_token == Some(token)) {
            return Some(key);
        }
        let run = self.runs.get(&key.dag_run)?;
        run.task_instances().find(|ti| ti.attempt_token == Some(token)).map(|ti| ti.key)
    }

    /// The answer to what [`super::Decisions::evaluate`] asked, or what is wrong with the template.
    pub fn fold_evaluation(
        &mut self,
        key: TaskInstanceKey,
        question: Question,
        result: Result<Answer, String>,
        now: Timestamp,
    ) {
        if self.task_instance(key).is_none_or(|ti| ti.state != TaskInstanceState::Scheduled) {
            return;
        }
        let outcome = match (question, result) {
            (Question::Wait, Ok(Answer::Awaits(awaited))) => {
                self.finish_awaited(key, Ok(awaited), now);
                return;
            }
            (Question::Wait, Err(reason)) => {
                self.finish_awaited(key, Err(reason), now);
                return;
            }
            (Question::When, Ok(Answer::Holds(holds))) => {
                self.finish_when(key, holds, now);
                return;
            }
            (_, Ok(Answer::Follow(follow))) => Outcome::Branch { follow },
            (_, Ok(Answer::Awaits(awaited))) => {
                let reason = format!("`{}` was answered with {awaited}", question.key());
                Outcome::Failed { reason, exit_code: None, may_retry: false }
            }
            (_, Ok(Answer::Holds(goes_on))) => Outcome::ShortCircuit { goes_on },
            (_, Err(reason)) => {
                if question == Question::When {
                    self.count_try(key, now);
                }
                Outcome::Failed { reason, exit_code: None, may_retry: false }
            }
        };
        self.finish_attempt(
            key,
            Finished { started_at: now, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() },
        );
    }

    /// The token under which a task instance's newest attempt writes; none when it holds no slot or is to be stopped.
    pub fn wanted_token(&self, key: TaskInstanceKey) -> Option<AttemptToken> {
        self.task_instance(key)
            .filter(|ti| {
                matches!(ti.state, TaskInstanceState::Queued | TaskInstanceState::Running) || ti.state.is_waiting()
            })
            .and_then(|ti| ti.attempt_token)
    }

    /// Whether a task instance's newest attempt is this one, and it is to go on.
    pub fn wants(&self, key: TaskInstanceKey, token: AttemptToken) -> bool {
        self.key_of(key, token).is_some_and(|key| self.wanted_token(key) == Some(token))
    }

    /// Whether an attempt is of the version that its run is pinned to now.
    pub fn is_of_pinned_version(&self, attempt: &Attempt) -> bool {
        self.runs.get(&attempt.key.dag_run).is_some_and(|run| Arc::ptr_eq(&run.version.loaded.dag, &attempt.dag))
    }

    fn resume_run(&mut self, key: DagRunKey, fate: &impl Fn(AttemptToken) -> Fate, now: Timestamp) {
        self.resume_attempts(key, fate, now);
        let dag_run = key;
        let Some(run) = self.runs.get(&key) else { return };
        let keys: Vec<(TaskInstanceKey, TaskInstanceState, Option<Timestamp>)> =
            run.task_instances().map(|ti| (ti.key, ti.state, ti.retry_at)).collect();
        for (key, state, retry_at) in keys {
            match state {
                TaskInstanceState::None => self.evaluate_rule(key, now),
                TaskInstanceState::Scheduled => self.make_ready(key),
                TaskInstanceState::UpForRetry | TaskInstanceState::UpForReschedule => {
                    self.timers.insert((retry_at.unwrap_or(now), Timer::Retry(key)));
                }
                TaskInstanceState::Queued
                | TaskInstanceState::Running
                | TaskInstanceState::Restarting
                | TaskInstanceState::Success
                | TaskInstanceState::Failed
                | TaskInstanceState::Skipped
                | TaskInstanceState::UpstreamFailed
                | TaskInstanceState::Deferred
                | TaskInstanceState::AwaitingInput
                | TaskInstanceState::Removed => {}
            }
        }
        self.ask_mappings(dag_run, now);
        self.finish_run_if_done(dag_run, now);
    }

    fn resume_attempts(&mut self, key: DagRunKey, fate: &impl Fn(AttemptToken) -> Fate, now: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        let held: Vec<(TaskInstanceKey, TaskInstanceState, Option<AttemptToken>)> = run
            .task_instances()
            .filter(|ti| ti.state.holds_slot())
            .map(|ti| (ti.key, ti.state, ti.attempt_token))
            .collect();
        for (key, state, token) in held {
            match token.map_or(Fate::Gone, fate) {
                Fate::Alive => {}
                // One that is to start over anyway is not started first: nobody has it, so nobody would report its end.
                Fate::NeverDispatched if state != TaskInstanceState::Restarting => {
                    if matches!(self.element(key), Element::Ready) {
                        self.redispatch(key);
                    } else if let Some(run) = self.runs.get_mut(&key.dag_run) {
                        run.without_element.push(key);
                    }
                }
                Fate::NeverDispatched | Fate::Gone => {
                    let reason = "the scheduler that ran it is gone".to_owned();
                    self.finish_attempt(
                        key,
                        Finished {
                            started_at: now,
                            ended_at: now,
                            outcome: Outcome::Lost { reason },
                            xcoms: Vec::new(),
                            outlet_events: Vec::new(),
                        },
                    );
                }
            }
        }
    }

    fn start_attempt(&mut self, key: TaskInstanceKey, at: Timestamp, pid: Option<i32>) {
        let Some(ti) = self.task_instance_mut(key) else { return };
        ti.started_at = Some(at);
        ti.pid = pid;
        if ti.state == TaskInstanceState::Queued {
            self.step(key, TaskInstanceEvent::Start);
        }
        self.lazy.insert(key);
    }
}
