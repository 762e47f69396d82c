//! The leader: one pass takes in what happened, plans, commits, and only then acts.
//!
//! 1. What people and the DAG processor changed is read again and folded.
//! 2. Reports are folded.
//! 3. The planner decides.
//! 4. One transaction writes all of it, or nothing. When it was refused (somebody changed a run first) or its
//!    outcome is unknown, the runs it touched are read again and the same reports are folded again: a report whose
//!    effect is already in the database changes nothing, by its token.
//! 5. Only now attempts are handed out and stopped, runs that timetables want are created, and templates that decide
//!    something (`branch`, `short_circuit`, `when`, mappings) are evaluated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::asset::records::AssetRun;
use model::attempt::{AttemptEvent, Report};
use model::backfill::BackfillStep;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, Epoch, TaskInstanceKey};
use model::journal::{Batch, CommitError, InboxReport, NextRun, ScheduledRun, SkippedRun};
use model::limits::Limits;

use crate::branch::Branches;
use crate::plan::{Decisions, Expanding, Fate, Planner, Watch};
use crate::ports::{Clock, Dispatch, Journal, ReadError};
use crate::question::Asked;

/// Why the leader cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// Another scheduler leads: stop, and stop what was started.
    #[error("another scheduler leads now")]
    Deposed,
    /// The database cannot be read; the same pass can be made again later.
    #[error("the database cannot be read")]
    Read(#[from] ReadError),
    /// The outcome of the last commit is unknown; the next pass reads again what it touched.
    #[error("the database cannot be written: {0}")]
    Write(String),
}

/// What a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Plan again at once.
    pub more: bool,
    /// Rows of task instances written.
    pub task_instances: usize,
    /// Attempts handed out.
    pub dispatched: usize,
    /// Something was committed.
    pub committed: bool,
}

/// An attempt that an executor has, or that is looked for.
#[derive(Debug, Clone)]
struct Alive {
    key: TaskInstanceKey,
    /// It has no process: it ends at once when it is cancelled, without a report.
    is_watched: bool,
    /// The report of its start, which is written late: a run that is read again may not know of it yet.
    started: Option<Report>,
}

/// A scheduler that leads.
pub struct Leader<J, D, C> {
    journal: J,
    dispatch: D,
    clock: C,
    epoch: Epoch,
    /// The leadership that began with the take-over; all since then are ours too.
    first_epoch: Epoch,
    /// The outcome of a write is unknown, and it may still be under way in the database.
    may_be_late: bool,
    planner: Planner,
    /// Attempts that an executor has, until their end is committed.
    alive: HashMap<AttemptToken, Alive>,
    reports: Vec<Report>,
    inbox: Vec<InboxReport>,
    look_at_inbox: bool,
    stale_runs: BTreeSet<DagRunKey>,
    reload_runs: bool,
    stale_dags: BTreeSet<String>,
    to_evaluate: Vec<Asked>,
    to_expand: Vec<Expanding>,
    /// Runs with committed changes that nobody was told of, and whether the run's own state is among them.
    progress: BTreeMap<DagRunKey, bool>,
}

impl<J: Journal, D: Dispatch, C: Clock> Leader<J, D, C> {
    /// Takes the lease and loads all unfinished runs; none while somebody else leads.
    pub async fn take_over(
        journal: J,
        dispatch: D,
        clock: C,
        limits: Limits,
    ) -> Result<Result<Self, (J, D, C)>, ReadError> {
        let Some(epoch) = journal.take_over().await? else { return Ok(Err((journal, dispatch, clock))) };
        let mut leader = Self {
            journal,
            dispatch,
            clock,
            epoch,
            first_epoch: epoch,
            may_be_late: false,
            planner: Planner::new(limits, epoch),
            alive: HashMap::new(),
            reports: Vec::new(),
            inbox: Vec::new(),
            look_at_inbox: true,
            stale_runs: BTreeSet::new(),
            reload_runs: false,
            stale_dags: BTreeSet::new(),
            to_evaluate: Vec::new(),
            to_expand: Vec::new(),
            progress: BTreeMap::new(),
        };
        leader.load_pools().await?;
        leader.load_dags(None).await?;
        leader.load_runs(None).await?;
        Ok(Ok(leader))
    }

    /// Which leadership this is.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What the planner knows.
    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The port to the database.
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// Whether there is progress to tell.
    pub fn has_progress(&self) -> bool {
        !self.progress.is_empty()
    }

    /// Runs that changed since this was last asked, each with whether its own state did.
    pub fn take_progress(&mut self) -> BTreeMap<DagRunKey, bool> {
        std::mem::take(&mut self.progress)
    }

    /// Gives the parts back.
    pub fn into_parts(self) -> (J, D, C) {
        (self.journal, self.dispatch, self.clock)
    }

    /// An attempt of this process's executor reported.
    pub fn receive(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// Somebody may have left something in the inbox.
    pub const fn look_at_inbox(&mut self) {
        self.look_at_inbox = true;
    }

    /// Prolongs the lease.
    pub async fn renew(&mut self) -> Result<(), LeaderError> {
        if self.may_be_late {
            return self.shut_out_late_writes().await;
        }
        if self.journal.renew(self.epoch).await? { Ok(()) } else { Err(LeaderError::Deposed) }
    }

    /// A statement whose connection broke may still wait for a lock in the database, and would write after what is
    /// read now was read. A new epoch of the same leader refuses it like one of a predecessor.
    async fn shut_out_late_writes(&mut self) -> Result<(), LeaderError> {
        if self.may_be_late {
            self.epoch = self.journal.advance(self.epoch).await?.ok_or(LeaderError::Deposed)?;
            self.planner.begin_epoch(self.epoch);
            self.may_be_late = false;
        }
        Ok(())
    }

    /// Drained: nothing new is handed out until it is said otherwise.
    pub fn drain(&mut self, is_drained: bool) {
        self.planner.drain(is_drained);
    }

    /// Writes what has been reported, without starting anything.
    pub async fn settle(&mut self) -> Result<(), LeaderError> {
        self.planner.take_no_more();
        while self.pass(true).await?.more {}
        Ok(())
    }

    /// Gives the lease back.
    pub async fn resign(&self) -> Result<(), LeaderError> {
        Ok(self.journal.resign(self.epoch).await?)
    }

    /// One pass. `flush` also writes what nobody waits for.
    pub async fn pass(&mut self, flush: bool) -> Result<Pass, LeaderError> {
        self.take_in().await?;
        let reports = std::mem::take(&mut self.reports);
        let inbox = std::mem::take(&mut self.inbox);
        for report in &reports {
            self.planner.fold_report(report, None);
        }
        for entry in &inbox {
            self.planner.fold_report(&entry.report, Some(entry.id));
        }
        for report in reports.iter().chain(inbox.iter().map(|entry| &entry.report)) {
            if let (AttemptEvent::Started { .. }, Some(alive)) = (&report.event, self.alive.get_mut(&report.token)) {
                alive.started = Some(report.clone());
            }
        }
        let decisions = self.planner.plan(self.clock.now(), flush);
        if let Err(error) = self.commit(&decisions.batch).await {
            self.reports.splice(0..0, reports);
            self.inbox.splice(0..0, inbox);
            self.distrust(&decisions, &error);
            return match error {
                CommitError::Fenced(_) => Err(LeaderError::Deposed),
                CommitError::Conflict => Ok(Pass { more: true, ..Pass::default() }),
                CommitError::Unknown(reason) => Err(LeaderError::Write(reason)),
            };
        }
        for report in reports.iter().chain(inbox.iter().map(|entry| &entry.report)) {
            if matches!(report.event, AttemptEvent::Finished(_)) {
                self.alive.remove(&report.token);
            }
        }
        self.act(decisions).await
    }

    /// Reads again what is known to have changed.
    async fn take_in(&mut self) -> Result<(), LeaderError> {
        self.shut_out_late_writes().await?;
        if std::mem::take(&mut self.look_at_inbox)
            && let Err(error) = self.read_inbox().await
        {
            self.look_at_inbox = true;
            return Err(error.into());
        }
        if !self.stale_dags.is_empty() {
            let ids: Vec<String> = self.stale_dags.iter().cloned().collect();
            self.load_dags(Some(&ids)).await?;
            self.stale_dags.clear();
        }
        if self.reload_runs {
            self.load_runs(None).await?;
            self.reload_runs = false;
        }
        if !self.stale_runs.is_empty() {
            let keys: Vec<DagRunKey> = self.stale_runs.iter().copied().collect();
            self.load_runs(Some(&keys)).await?;
            self.stale_runs.clear();
        }
        self.read_past().await?;
        self.evaluate_templates().await?;
        Ok(())
    }

    /// Reads what tasks depend on in runs that are not in memory.
    async fn read_past(&mut self) -> Result<(), ReadError> {
        let wanted = self.planner.take_wanted_past();
        if wanted.is_empty() {
            return Ok(());
        }
        match self.journal.past(&wanted).await {
            Ok(found) => {
                let now = self.clock.now();
                for (key, past) in found {
                    self.planner.fold_past(key, past, now);
                }
                Ok(())
            }
            Err(error) => {
                self.planner.want_past(&wanted);
                Err(error)
            }
        }
    }

    async fn read_inbox(&mut self) -> Result<(), ReadError> {
        let (changes, reports) = self.journal.inbox().await?;
        let known: BTreeSet<i64> = self.inbox.iter().map(|entry| entry.id).collect();
        self.inbox.extend(reports.into_iter().filter(|entry| !known.contains(&entry.id)));
        if changes.is_empty() {
            return Ok(());
        }
        let dags: BTreeSet<String> = changes.iter().filter_map(|change| change.dag_id.clone()).collect();
        let runs: BTreeSet<DagRunKey> = changes.iter().filter_map(|change| change.dag_run).collect();
        if changes.iter().any(|change| change.pool.is_some()) {
            self.load_pools().await?;
        }
        if !dags.is_empty() {
            self.load_dags(Some(&dags.into_iter().collect::<Vec<_>>())).await?;
        }
        if !runs.is_empty() {
            self.load_runs(Some(&runs.into_iter().collect::<Vec<_>>())).await?;
        }
        let ids: Vec<i64> = changes.iter().map(|change| change.id).collect();
        self.journal.forget_changes(self.epoch, &ids).await
    }

    async fn load_pools(&mut self) -> Result<(), ReadError> {
        let pools = self.journal.pools().await?;
        self.planner.fold_pools(pools);
        Ok(())
    }

    async fn load_dags(&mut self, only: Option<&[String]>) -> Result<(), ReadError> {
        let rows = self.journal.dags(only).await?;
        self.load_versions(rows.iter().filter_map(|row| row.current_version).collect()).await?;
        let dag_ids: Vec<String> = rows.iter().map(|row| row.dag_id.clone()).collect();
        for row in rows {
            self.planner.fold_dag(row);
        }
        for dag_id in only.unwrap_or_default().iter().filter(|dag_id| !dag_ids.contains(dag_id)) {
            self.planner.fold_deleted_dag(dag_id);
        }
        let limits = self.planner.failure_limits(&dag_ids);
        if !limits.is_empty() {
            for (dag_id, ends) in self.journal.recent_ends(&limits).await? {
                self.planner.fold_recent_ends(&dag_id, ends);
            }
        }
        Ok(())
    }

    async fn load_versions(&mut self, keys: BTreeSet<DagVersionKey>) -> Result<(), ReadError> {
        let unknown: Vec<DagVersionKey> = keys.into_iter().filter(|key| !self.planner.knows_version(*key)).collect();
        if !unknown.is_empty() {
            for version in self.journal.dag_versions(&unknown).await? {
                self.planner.fold_version(version);
            }
        }
        Ok(())
    }

    async fn load_runs(&mut self, only: Option<&[DagRunKey]>) -> Result<(), ReadError> {
        let rows = self.journal.dag_runs(only).await?;
        self.load_versions(rows.iter().map(|row| row.dag_version).collect()).await?;
        let unknown: BTreeSet<&String> =
            rows.iter().map(|row| &row.facts.dag_id).filter(|dag_id| !self.planner.knows_dag(dag_id)).collect();
        if !unknown.is_empty() {
            self.load_dags(Some(&unknown.into_iter().cloned().collect::<Vec<_>>())).await?;
        }
        let now = self.clock.now();
        let mut seen: BTreeSet<DagRunKey> = BTreeSet::new();
        for row in rows {
            seen.insert(row.facts.key);
            let (alive, first_epoch) = (&self.alive, self.first_epoch);
            let fate = |token: AttemptToken| {
                if alive.contains_key(&token) {
                    Fate::Alive
                } else if token.epoch() >= first_epoch {
                    Fate::NeverDispatched
                } else {
                    Fate::Gone
                }
            };
            let key = row.facts.key;
            self.planner.fold_run(row, fate, now);
            for alive in self.alive.values().filter(|alive| alive.key.dag_run == key) {
                if let Some(started) = &alive.started {
                    self.planner.fold_report(started, None);
                }
            }
        }
        for key in only.unwrap_or_default() {
            if !seen.contains(key) {
                self.planner.forget_run(*key);
            }
        }
        self.stop_unwanted(only);
        Ok(())
    }

    /// Stops attempts that the runs just read do not want any more: cancelled, cleared, deleted.
    fn stop_unwanted(&mut self, only: Option<&[DagRunKey]>) {
        let (planner, dispatch) = (&self.planner, &mut self.dispatch);
        self.alive.retain(|token, Alive { key, is_watched, .. }| {
            let is_read = only.is_none_or(|only| only.contains(&key.dag_run));
            let is_unwanted = is_read && !planner.wants(*key, *token);
            if is_unwanted {
                dispatch.cancel(*token);
            }
            !(is_unwanted && *is_watched)
        });
    }

    async fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() { Ok(()) } else { self.journal.commit(self.epoch, batch).await }
    }

    /// What the planner decided is not in the database, or perhaps: everything it touched has to be read again.
    fn distrust(&mut self, decisions: &Decisions, error: &CommitError) {
        self.may_be_late |= matches!(error, CommitError::Unknown(_));
        self.stale_runs.extend(self.planner.abandon(&decisions.batch));
        let asked = decisions.evaluate.iter().map(|asked| &asked.attempt);
        self.stale_runs.extend(decisions.dispatch.iter().chain(asked).map(|attempt| attempt.key.dag_run));
        self.stale_runs.extend(decisions.watch.iter().map(|watch| watch.wait.key.dag_run));
        self.stale_runs.extend(decisions.expand.iter().map(|expanding| expanding.attempt.key.dag_run));
        self.stale_dags.extend(decisions.batch.paused.iter().map(|pause| pause.dag_id.clone()));
        self.stale_dags.extend(decisions.new_runs.iter().map(|new| new.run.dag_id.clone()));
        self.stale_dags.extend(decisions.asset_runs.iter().map(|new| new.run.dag_id.clone()));
        self.stale_dags.extend(decisions.skipped_runs.iter().map(|skipped| skipped.dag_id.clone()));
        self.stale_dags.extend(decisions.backfills.iter().map(|(dag_id, _)| dag_id.clone()));
        self.stale_dags.extend(decisions.next_runs.iter().map(|next| next.dag_id.clone()));
        self.look_at_inbox = true;
    }

    async fn act(&mut self, decisions: Decisions) -> Result<Pass, LeaderError> {
        // The commit left word of the DAGs that wait for the assets.
        self.look_at_inbox |= !decisions.batch.asset_updates.is_empty();
        let mut pass = Pass {
            more: decisions.more
                || !decisions.evaluate.is_empty()
                || !decisions.expand.is_empty()
                || !decisions.new_runs.is_empty()
                || !decisions.asset_runs.is_empty()
                || !decisions.batch.asset_updates.is_empty()
                || !decisions.skipped_runs.is_empty()
                || !decisions.backfills.is_empty(),
            task_instances: decisions.batch.inserted.len() + decisions.batch.updated.len(),
            dispatched: decisions.dispatch.len(),
            committed: !decisions.batch.is_empty(),
        };
        for pause in &decisions.batch.paused {
            tracing::warn!(dag.id = pause.dag_id, "the DAG was paused: {}", pause.reason);
        }
        for run in &decisions.batch.runs {
            *self.progress.entry(run.key).or_default() |= run.change.is_some();
        }
        let ended: Vec<DagRunKey> = decisions
            .batch
            .runs
            .iter()
            .filter(|run| run.change.as_ref().is_some_and(|change| change.state.is_finished()))
            .map(|run| run.key)
            .collect();
        if !ended.is_empty() {
            self.stop_unwanted(Some(&ended));
        }
        for attempt in &decisions.dispatch {
            self.alive.insert(attempt.token, Alive { key: attempt.key, is_watched: false, started: None });
        }
        if !decisions.dispatch.is_empty() {
            self.dispatch.submit(decisions.dispatch);
        }
        for token in &decisions.unwatch {
            self.dispatch.cancel(*token);
            self.alive.remove(token);
        }
        for Watch { attempt, .. } in &decisions.watch {
            self.alive.insert(attempt.token, Alive { key: attempt.key, is_watched: true, started: None });
        }
        if !decisions.watch.is_empty() {
            self.dispatch.watch(decisions.watch);
        }
        if !decisions.batch.callbacks.is_empty() {
            self.dispatch.deliver();
        }
        if !decisions.ended_dags.is_empty() {
            self.dispatch.dags_moved(decisions.ended_dags);
        }
        self.to_evaluate.extend(decisions.evaluate);
        self.to_expand.extend(decisions.expand);
        // Also when a write before this one fails: those DAGs are looked at again.
        self.stale_dags.extend(decisions.skipped_runs.iter().map(|skipped| skipped.dag_id.clone()));
        self.stale_dags.extend(decisions.backfills.iter().map(|(dag_id, _)| dag_id.clone()));
        self.stale_dags.extend(decisions.asset_runs.iter().map(|new| new.run.dag_id.clone()));
        // Should one of these writes fail, the following are not tried: those DAGs say again when they run next.
        let unsaved: Vec<String> = decisions.next_runs.iter().map(|next| next.dag_id.clone()).collect();
        let written = self.write_runs(
            decisions.new_runs,
            decisions.asset_runs,
            decisions.skipped_runs,
            decisions.backfills,
            decisions.next_runs,
        );
        match written.await {
            Ok(is_written) => pass.committed |= is_written,
            Err(error) => {
                self.stale_dags.extend(unsaved);
                return Err(error);
            }
        }
        Ok(pass)
    }

    /// Creates the runs that timetables and backfills want, moves timetables past those that are left out, and notes
    /// when DAGs run next. True when a run or a timetable changed.
    async fn write_runs(
        &mut self,
        new_runs: Vec<ScheduledRun>,
        asset_runs: Vec<AssetRun>,
        skipped_runs: Vec<SkippedRun>,
        backfills: Vec<(String, BackfillStep)>,
        next_runs: Vec<NextRun>,
    ) -> Result<bool, LeaderError> {
        let (epoch, now) = (self.epoch, self.clock.now());
        if !new_runs.is_empty() {
            self.stale_dags.extend(new_runs.iter().map(|new| new.run.dag_id.clone()));
            let created = self.journal.create_runs(epoch, &new_runs, now).await;
            self.take_up(created)?;
        }
        if !asset_runs.is_empty() {
            let created = self.journal.create_asset_runs(epoch, &asset_runs, now).await;
            self.take_up(created)?;
        }
        if !skipped_runs.is_empty() {
            let skipped = self.journal.skip_runs(epoch, &skipped_runs, now).await;
            self.expect_written(skipped)?;
        }
        if !backfills.is_empty() {
            let steps: Vec<_> = backfills.iter().map(|(_, step)| step.clone()).collect();
            let made = self.journal.run_backfills(epoch, &steps, now).await;
            self.take_up(made)?;
        }
        if !next_runs.is_empty() {
            let saved = self.journal.save_next_runs(epoch, &next_runs).await;
            self.expect_written(saved)?;
        }
        Ok(!(new_runs.is_empty() && asset_runs.is_empty() && skipped_runs.is_empty() && backfills.is_empty()))
    }

    /// Runs that were just made are to be read, and told of.
    fn take_up(&mut self, made: Result<Vec<DagRunKey>, CommitError>) -> Result<(), LeaderError> {
        let made = self.expect_written(made)?;
        self.progress.extend(made.iter().map(|key| (*key, true)));
        self.stale_runs.extend(made);
        Ok(())
    }

    fn expect_written<T>(&mut self, result: Result<T, CommitError>) -> Result<T, LeaderError> {
        match result {
            Ok(value) => Ok(value),
            Err(CommitError::Fenced(_)) => Err(LeaderError::Deposed),
            Err(CommitError::Conflict) => Err(LeaderError::Write("a row was changed by somebody else".to_owned())),
            Err(CommitError::Unknown(reason)) => {
                // A run may have been created all the same: look at everything.
                self.reload_runs = true;
                self.may_be_late = true;
                Err(LeaderError::Write(reason))
            }
        }
    }

    /// Evaluates branch expressions that became ready, and mappings whose inputs are done. What cannot be fetched for one is fetched in the next pass;
    /// what was evaluated until then stays.
    async fn evaluate_templates(&mut self) -> Result<(), ReadError> {
        let mut branches = Branches::default();
        while !self.to_evaluate.is_empty() || !self.to_expand.is_empty() {
            for expanding in std::mem::take(&mut self.to_expand) {
                match branches.expand(&expanding) {
                    // As below.
                    Some(_) if !self.planner.is_of_pinned_version(&expanding.attempt) => {}
                    Some(values) => self.planner.fold_expansion(&expanding, values, self.clock.now()),
                    None => self.to_expand.push(expanding),
                }
            }
            for asked in std::mem::take(&mut self.to_evaluate) {
                match branches.evaluate(&asked, self.clock.now()) {
                    // One of another version stands elsewhere by now, and is asked for again.
                    Some(_) if !self.planner.is_of_pinned_version(&asked.attempt) => {}
                    Some(result) => {
                        let (key, question) = (asked.attempt.key, asked.question);
                        self.planner.fold_evaluation(key, question, result, self.clock.now());
                    }
                    None => self.to_evaluate.push(asked),
                }
            }
            branches.fetch(&self.journal).await?;
        }
        Ok(())
    }
}
