//! What time brings: retries, run timeouts, runs that may start, runs that timetables want.

use jiff::Timestamp;
use model::dag::Overlap;
use model::dag_run::{NewDagRun, run_id};
use model::ids::{DagRunKey, DagVersionKey, TaskInstanceKey};
use model::journal::{ScheduledRun, SkipReason, SkippedRun};
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use model::timetable::DueRun;
use model::transition::TaskInstanceEvent;

use super::{Decisions, Planner, Timer};

impl Planner {
    pub(super) fn fire_timers(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.timers.first() {
            let at = *at;
            if at > now {
                return;
            }
            let Some((_, timer)) = self.timers.pop_first() else { return };
            match timer {
                Timer::Retry(key) => {
                    if self.task_instance(key).is_some_and(|ti| {
                        matches!(ti.state, TaskInstanceState::UpForRetry | TaskInstanceState::UpForReschedule)
                    }) {
                        self.schedule(key, now);
                    }
                }
                Timer::RunTimeout(key) => self.time_out(key, now),
                Timer::Pool(pool) => self.pools.wake(pool),
                Timer::Deadline(late) => self.fire_deadline(late, at, now),
                Timer::RunAfter(dag_id) | Timer::Schedule(dag_id) => {
                    self.dirty_dags.insert(dag_id);
                }
            }
        }
    }

    /// Starts queued runs and creates due ones, for each DAG where something changed.
    pub(super) fn look_at_dags(&mut self, now: Timestamp, decisions: &mut Decisions) {
        for dag_id in std::mem::take(&mut self.dirty_dags) {
            self.start_runs(&dag_id, now);
            self.start_backfill_runs(&dag_id, now);
            self.create_runs(&dag_id, now, decisions);
            self.create_asset_runs(&dag_id, decisions);
            self.go_on_with_backfill(&dag_id, decisions);
        }
    }

    /// Sets the timer of a running run's timeout.
    pub(super) fn watch_timeout(&mut self, key: DagRunKey) {
        let Some(run) = self.runs.get(&key) else { return };
        if let (Some(started_at), Some(timeout)) = (run.facts.started_at, run.version.loaded.dag.dagrun_timeout)
            && let Ok(at) = started_at.checked_add(timeout.absolute())
        {
            self.timers.insert((at, Timer::RunTimeout(key)));
        }
    }

    fn start_runs(&mut self, dag_id: &str, now: Timestamp) {
        loop {
            let Some(dag) = self.dags.get(dag_id) else { return };
            let Some((run_after, key)) = dag.queued.first().copied() else { return };
            let limit = self.runs.get(&key).map(|run| self.max_active_runs(run));
            let Some(dag) = self.dags.get_mut(dag_id) else { return };
            let Some(limit) = limit else {
                dag.queued.pop_first();
                continue;
            };
            if dag.row.is_paused || dag.running >= limit {
                return;
            }
            if run_after > now {
                self.timers.insert((run_after, Timer::RunAfter(dag_id.to_owned())));
                return;
            }
            dag.queued.pop_first();
            dag.running += 1;
            self.start_run(key, now);
        }
    }

    pub(super) fn start_run(&mut self, key: DagRunKey, now: Timestamp) {
        let Some(run) = self.runs.get_mut(&key) else { return };
        run.state = DagRunState::Running;
        run.is_changed = true;
        let mut facts = (*run.facts).clone();
        facts.started_at = Some(now);
        run.facts = std::sync::Arc::new(facts);
        let unstarted: Vec<(TaskInstanceKey, TaskInstanceState, Option<Timestamp>)> =
            run.task_instances().map(|ti| (ti.key, ti.state, ti.retry_at)).collect();
        self.dirty_runs.insert(key);
        self.watch_timeout(key);
        self.watch_start(key);
        let dag_run = key;
        for (key, state, retry_at) in unstarted {
            if state == TaskInstanceState::None {
                self.evaluate_rule(key, now);
            } else if state == TaskInstanceState::Scheduled {
                self.make_ready(key);
            } else if matches!(state, TaskInstanceState::UpForRetry | TaskInstanceState::UpForReschedule) {
                self.timers.insert((retry_at.unwrap_or(now), Timer::Retry(key)));
            }
        }
        self.ask_mappings(dag_run, now);
        self.finish_run_if_done(dag_run, now);
    }

    /// Wants the next scheduled run, when it is due and the DAG may have one more unfinished run. One at a time: the
    /// next is looked at when this one has been created or left out.
    fn create_runs(&mut self, dag_id: &str, now: Timestamp, decisions: &mut Decisions) {
        let Some(dag) = self.dags.get_mut(dag_id) else { return };
        let Some(version) = dag.row.current_version.and_then(|key| self.versions.get(&key)).cloned() else { return };
        let before = dag.next;
        dag.next = dag.timetable.as_ref().and_then(|timetable| timetable.next(Self::cursor(dag), now));
        if dag.next != before {
            self.next_runs.insert(dag_id.to_owned());
        }
        let (Some(next), false) = (dag.next, dag.row.is_paused || dag.row.is_stale) else { return };
        if next.run_after > now {
            self.timers.insert((next.run_after, Timer::Schedule(dag_id.to_owned())));
            return;
        }
        if decisions.new_runs.iter().any(|new| new.run.dag_id == dag_id)
            || decisions.skipped_runs.iter().any(|skipped| skipped.dag_id == dag_id)
        {
            return;
        }
        if let Some(reason) = self.leaves_out(dag_id, version.loaded.dag.overlap) {
            decisions.skipped_runs.push(SkippedRun {
                dag_id: dag_id.to_owned(),
                data_interval: next.data_interval,
                run_after: next.run_after,
                reason,
            });
            return;
        }
        let new = scheduled_run(dag_id, version.loaded.key, next);
        if version.loaded.dag.overlap == Overlap::CancelRunning {
            self.cancel_scheduled(dag_id, &new.run.run_id, now);
        }
        let Some(dag) = self.dags.get(dag_id) else { return };
        let limit = version.loaded.dag.max_active_runs.unwrap_or(self.limits.max_active_runs_per_dag);
        let unfinished = dag.running + u32::try_from(dag.queued.len()).unwrap_or(u32::MAX);
        if unfinished.saturating_add(decisions.runs_wanted(dag_id)) < limit {
            decisions.new_runs.push(new);
        }
    }

    /// Why the run that is due is left out, if it is.
    fn leaves_out(&self, dag_id: &str, overlap: Overlap) -> Option<SkipReason> {
        if self.dags.get(dag_id)?.row.skip_next > 0 {
            return Some(SkipReason::Asked);
        }
        if overlap != Overlap::Skip {
            return None;
        }
        let key = self.unfinished_scheduled(dag_id).next()?;
        Some(SkipReason::Overlap { run_id: self.runs.get(&key)?.facts.run_id.clone() })
    }

    /// The runs of a DAG that its timetable made and that have not ended.
    fn unfinished_scheduled(&self, dag_id: &str) -> impl Iterator<Item = DagRunKey> {
        let of_dag = self.dags.get(dag_id).into_iter().flat_map(|dag| dag.scheduled.iter().copied());
        of_dag.filter(|key| self.runs.get(key).is_some_and(|run| !run.state.is_finished()))
    }

    /// Cancels what the timetable made before, because the run `successor` is due.
    fn cancel_scheduled(&mut self, dag_id: &str, successor: &str, now: Timestamp) {
        for key in self.unfinished_scheduled(dag_id).collect::<Vec<_>>() {
            let reason = format!("cancelled because `{successor}` is due (overlap: cancel_running)");
            self.fail_unfinished(key, "was ", &reason, now);
        }
    }

    /// Fails a run that took too long.
    fn time_out(&mut self, key: DagRunKey, now: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        if run.state != DagRunState::Running {
            return;
        }
        let timeout = run.version.loaded.dag.dagrun_timeout.unwrap_or_default();
        self.fail_unfinished(key, "", &format!("timed out after {} (dagrun_timeout)", human(timeout.absolute())), now);
    }

    /// Fails a run that has not ended; what was not finished is skipped, what was running is stopped by its token.
    /// "The run `verb` `reason`" is a sentence.
    fn fail_unfinished(&mut self, key: DagRunKey, verb: &str, reason: &str, now: Timestamp) {
        let Some(run) = self.runs.get(&key) else { return };
        if let Some(dag) = self.dags.get_mut(&run.facts.dag_id) {
            dag.queued.remove(&(run.facts.run_after, key));
        }
        let unfinished: Vec<(TaskInstanceKey, TaskInstanceState)> =
            run.task_instances().filter(|ti| !ti.state.is_finished()).map(|ti| (ti.key, ti.state)).collect();
        for (ti, state) in unfinished {
            if state.holds_slot() || state.is_waiting() {
                self.record_attempt(ti, "cancelled", format!("the run {verb}{reason}"), None, now);
            }
            if let Some(row) = self.task_instance_mut(ti) {
                row.ended_at = Some(now);
            }
            // A task instance that has to start over first gives up its attempt, and one that waits for its retry its
            // wait; then each is skipped as if it had never been tried again.
            if state == TaskInstanceState::Restarting {
                self.step(ti, TaskInstanceEvent::Reset);
            } else if state == TaskInstanceState::UpForRetry {
                self.step(ti, TaskInstanceEvent::Schedule);
            }
            self.step(ti, TaskInstanceEvent::Skip);
            self.dirty.insert(ti);
            self.lazy.remove(&ti);
        }
        self.end_run(key, DagRunState::Failed, Some(reason.to_owned()), now);
    }
}

fn scheduled_run(dag_id: &str, dag_version: DagVersionKey, due: DueRun) -> ScheduledRun {
    ScheduledRun {
        run: NewDagRun {
            dag_id: dag_id.to_owned(),
            run_id: run_id(DagRunType::Scheduled, due.data_interval.start),
            run_type: DagRunType::Scheduled,
            logical_date: Some(due.data_interval.start),
            data_interval: Some(due.data_interval),
            run_after: due.run_after,
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Timetable,
            triggering_user: None,
            note: None,
        },
        dag_version,
        data_interval: due.data_interval,
    }
}

/// `1h 30m`, `45s`.
fn human(duration: jiff::SignedDuration) -> String {
    let printer = jiff::fmt::friendly::SpanPrinter::new().designator(jiff::fmt::friendly::Designator::Compact);
    printer.duration_to_string(&duration)
}
