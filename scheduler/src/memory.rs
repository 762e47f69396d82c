//! A journal in memory: for `flowctl dags test`, and for the simulation tests, which make it fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::asset::due::QueuedEvent;
use model::asset::records::{AssetRun, AssetUpdate, without};
use model::asset::{Asset, AssetEvent, AssetName, EventSource};
use model::backfill::{BackfillStep, PendingRun};
use model::callback::{CallbackRow, Subject};
use model::dag_run::{DagRunFacts, DataInterval, NewDagRun};
use model::ids::{DagRunKey, DagVersionKey, Epoch, TaskInstanceKey};
use model::journal::{
    Batch, Change, ChoiceRow, CommitError, DagRow, DagRunRow, DagVersion, EndedAttempt, InboxReport, NextRun,
    ScheduledRun, SkipReason, SkippedRun,
};
use model::mapping::Elements;
use model::past::{PastQuery, PastRun, PreviousRun, telling};
use model::pool::{DEFAULT_POOL, Pool};
use model::state::{DagRunState, DagRunType, TaskInstanceState, TriggeredBy};
use model::template::{Fetched, Need};
use secrets::Secrets;

use crate::ports::{Journal, ReadError, RecentEnds};

/// What a database would hold.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By id.
    pub dags: BTreeMap<String, DagRow>,
    /// By name. Where a DAG is added, its pools are, without a bound, unless they are here.
    pub pools: BTreeMap<String, Pool>,
    /// By key.
    pub versions: HashMap<DagVersionKey, DagVersion>,
    /// By key.
    pub runs: BTreeMap<DagRunKey, DagRunRow>,
    /// Run ids and logical dates, of which a DAG has each once.
    taken: BTreeSet<(String, Result<String, Timestamp>)>,
    /// When each DAG runs next: the interval, and the time of the run's creation.
    pub next_runs: BTreeMap<String, Option<(DataInterval, Timestamp)>>,
    /// Scheduled runs that were left out.
    pub skipped: Vec<SkippedRun>,
    /// Why each ended run ended so.
    pub reasons: BTreeMap<DagRunKey, String>,
    /// When each ended run ended.
    pub ended_at: BTreeMap<DagRunKey, Timestamp>,
    /// Messages to be delivered, in the order in which what they are about happened.
    pub callbacks: Vec<CallbackRow>,
    /// Deadlines that passed: run, task id, map index, instant.
    pub missed: BTreeSet<(DagRunKey, String, i32, Timestamp)>,
    /// In the order they ended.
    pub attempts: Vec<EndedAttempt>,
    /// `(run, task, map index, key)` → value.
    pub xcoms: BTreeMap<(DagRunKey, String, i32, String), serde_json::Value>,
    /// Updates of assets, in their order.
    pub asset_events: Vec<AssetEvent>,
    /// The events that each run took.
    pub taken_events: BTreeMap<DagRunKey, Vec<i64>>,
    /// What elements of mapped tasks are called.
    pub map_names: BTreeMap<TaskInstanceKey, String>,
    /// Not looked at yet.
    pub changes: Vec<Change>,
    /// Not folded yet.
    pub reports: Vec<InboxReport>,
    /// The leadership in force.
    pub epoch: i64,
    /// The epoch of the last take-over: later ones are of the same leader.
    pub owned_since: i64,
    /// Batches written.
    pub commits: u64,
    next_id: i64,
}

/// Shared by the leader and whoever looks at what it did.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    world: Arc<Mutex<World>>,
    secrets: Option<Secrets>,
}

impl MemoryJournal {
    /// An empty one whose templates find variables and connections here.
    pub fn with_secrets(secrets: Secrets) -> Self {
        Self { secrets: Some(secrets), ..Self::default() }
    }

    /// What it holds. Do not keep the guard over an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Makes `version` the current one of its DAG.
    pub fn add_dag(&mut self, version: DagVersion) {
        let dag_id = version.dag.dag_id.clone();
        let row = DagRow {
            dag_id: dag_id.clone(),
            is_paused: version.dag.is_paused_upon_creation.unwrap_or(false),
            is_stale: false,
            current_version: Some(version.key),
            last_interval: None,
            known_since: None,
            skip_next: 0,
            disabled_tasks: Vec::new(),
            backfill: None,
            queued_events: Vec::new(),
        };
        for task in &version.dag.tasks {
            if !self.pools.contains_key(&task.pool) {
                self.set_pool(unbounded(&task.pool));
            }
        }
        self.versions.insert(version.key, version);
        self.dags.insert(dag_id.clone(), row);
        self.changed(Some(dag_id), None);
    }

    /// Creates a run unless its run id or logical date exists.
    pub fn add_run(
        &mut self,
        run: &NewDagRun,
        params: serde_json::Map<String, serde_json::Value>,
    ) -> Option<DagRunKey> {
        let dag_version = self.dags.get(&run.dag_id)?.current_version?;
        let taken: Vec<(String, Result<String, Timestamp>)> = [Some(Ok(run.run_id.clone())), run.logical_date.map(Err)]
            .into_iter()
            .flatten()
            .map(|name| (run.dag_id.clone(), name))
            .collect();
        if taken.iter().any(|name| self.taken.contains(name)) {
            return None;
        }
        self.taken.extend(taken);
        self.next_id += 1;
        let key = DagRunKey(self.next_id);
        let facts = DagRunFacts {
            key,
            dag_id: run.dag_id.clone(),
            run_id: run.run_id.clone(),
            run_type: run.run_type,
            logical_date: run.logical_date,
            data_interval: run.data_interval,
            run_after: run.run_after,
            conf: run.conf.clone(),
            params,
            started_at: None,
            triggered_by: run.triggered_by,
        };
        let row = DagRunRow {
            facts,
            dag_version,
            version: 0,
            state: DagRunState::Queued,
            queued_at: run.run_after,
            task_instances: Vec::new(),
            choices: Vec::new(),
            waits: Vec::new(),
        };
        self.runs.insert(key, row);
        self.changed(None, Some(key));
        Some(key)
    }

    /// Creates or changes a pool.
    pub fn set_pool(&mut self, pool: Pool) {
        self.next_id += 1;
        self.changes.push(Change { id: self.next_id, dag_id: None, dag_run: None, pool: Some(pool.name.clone()) });
        self.pools.insert(pool.name.clone(), pool);
    }

    /// An XCom of some instances of a task: one value, or the list of those that there are.
    pub fn xcom(&self, dag_run: DagRunKey, task_id: &str, key: &str, elements: Elements) -> Option<serde_json::Value> {
        let value = |map_index| self.xcoms.get(&(dag_run, task_id.to_owned(), map_index, key.to_owned()));
        match elements {
            Elements::One(map_index) => value(map_index).cloned(),
            Elements::Range(from, until) => {
                let is_one = |name: &(DagRunKey, String, i32, String)| {
                    name.0 == dag_run && name.1 == task_id && (from..until).contains(&name.2) && name.3 == key
                };
                Some(self.xcoms.iter().filter(|(name, _)| is_one(name)).map(|(_, value)| value.clone()).collect())
            }
        }
    }

    /// Makes runs for dates of a backfill, or forgets it. A date that has a run already is left out.
    fn step_backfill(&mut self, step: &BackfillStep) -> Vec<DagRunKey> {
        let (BackfillStep::Create { backfill, .. } | BackfillStep::Complete { backfill }) = step;
        let is_it = |dag: &&mut DagRow| dag.backfill.as_ref().is_some_and(|active| active.id == *backfill);
        let Some(dag) = self.dags.values_mut().find(is_it) else { return Vec::new() };
        let BackfillStep::Create { ordinals, .. } = step else {
            dag.backfill = None;
            return Vec::new();
        };
        let dag_id = dag.dag_id.clone();
        let Some(active) = &mut dag.backfill else { return Vec::new() };
        let (wanted, pending) =
            active.pending.iter().copied().partition::<Vec<_>, _>(|run| ordinals.contains(&run.ordinal));
        active.pending = pending;
        let version = dag.current_version.and_then(|key| self.versions.get(&key));
        let params = version.map(|version| default_params(&version.dag)).unwrap_or_default();
        let run = |pending: PendingRun| NewDagRun {
            dag_id: dag_id.clone(),
            run_id: model::dag_run::run_id(DagRunType::Backfill, pending.data_interval.start),
            run_type: DagRunType::Backfill,
            logical_date: Some(pending.data_interval.start),
            data_interval: Some(pending.data_interval),
            run_after: pending.data_interval.end,
            conf: serde_json::Map::new(),
            triggered_by: TriggeredBy::Backfill,
            triggering_user: None,
            note: None,
        };
        wanted.into_iter().filter_map(|pending| self.add_run(&run(pending), params.clone())).collect()
    }

    /// Updates of an asset.
    pub fn events_of(&self, uri: &str) -> Vec<AssetEvent> {
        self.asset_events.iter().filter(|event| event.asset.uri == uri).cloned().collect()
    }

    /// The updates that a run took.
    pub fn events_taken_by(&self, dag_run: DagRunKey) -> Vec<AssetEvent> {
        let taken = self.taken_events.get(&dag_run).cloned().unwrap_or_default();
        self.asset_events.iter().filter(|event| taken.contains(&event.id)).cloned().collect()
    }

    /// Keeps an update of an asset, and queues it for the DAGs that wait for the asset.
    fn update_asset(&mut self, update: &AssetUpdate) {
        let Some(run) = self.runs.get(&update.dag_run) else { return };
        let id = i64::try_from(self.asset_events.len()).unwrap_or(i64::MAX - 1) + 1;
        let Asset { uri, name, group, .. } = Asset::new(update.uri.as_str());
        let event = AssetEvent {
            id,
            asset: AssetName { id: 0, uri, name, group },
            timestamp: update.at,
            extra: update.extra.clone(),
            source: Some(EventSource {
                dag_id: run.facts.dag_id.clone(),
                run_id: run.facts.run_id.clone(),
                task_id: update.task_id.clone(),
                map_index: update.map_index,
                dag_run: None,
            }),
            data_interval: run.facts.data_interval,
        };
        let queued =
            QueuedEvent { id, uri: update.uri.clone(), data_interval: event.data_interval, at: event.timestamp };
        self.asset_events.push(event);
        let mut waiting = Vec::new();
        for (dag_id, dag) in &mut self.dags {
            let version = dag.current_version.and_then(|key| self.versions.get(&key));
            let schedule = version.and_then(|version| version.dag.schedule.assets());
            if schedule.is_some_and(|schedule| schedule.condition.uris().contains(&update.uri.as_str())) {
                dag.queued_events.push(queued.clone());
                waiting.push(dag_id.clone());
            }
        }
        for dag_id in waiting {
            self.changed(Some(dag_id), None);
        }
    }

    fn create_asset_run(&mut self, new: &AssetRun) -> Option<DagRunKey> {
        let dag = self.dags.get_mut(&new.run.dag_id)?;
        let has = |id: &i64| dag.queued_events.iter().any(|event| event.id == *id);
        if !new.events.iter().all(has) {
            return None;
        }
        dag.queued_events = without(&dag.queued_events, &new.events);
        let params = self.versions.get(&new.dag_version).map(|version| default_params(&version.dag));
        let key = self.add_run(&new.run, params.unwrap_or_default())?;
        self.taken_events.insert(key, new.events.clone());
        Some(key)
    }

    /// Notes a change for the leader.
    pub fn changed(&mut self, dag_id: Option<String>, dag_run: Option<DagRunKey>) {
        self.next_id += 1;
        self.changes.push(Change { id: self.next_id, dag_id, dag_run, pool: None });
    }

    fn choices(&self, dag_run: DagRunKey) -> Vec<ChoiceRow> {
        let of_run = self.xcoms.iter().filter(|((run, _, _, key), _)| *run == dag_run && key == model::xcom::CHOICE);
        of_run
            .map(|((_, task_id, map_index, _), value)| ChoiceRow {
                task_id: task_id.clone(),
                map_index: *map_index,
                value: value.clone(),
            })
            .collect()
    }

    /// The run before another, and what of it tasks may depend on.
    fn past(&self, query: &PastQuery) -> PastRun {
        let Some(run) = self.runs.get(&query.dag_run) else { return PastRun::default() };
        let before = || {
            self.runs.values().filter(|other| {
                other.facts.dag_id == run.facts.dag_id
                    && other.facts.logical_date.is_some()
                    && other.facts.logical_date < run.facts.logical_date
            })
        };
        let candidates = before().filter(|other| query.takes(other.facts.run_type));
        let previous = candidates.max_by_key(|other| other.facts.logical_date).map(|previous| {
            let tasks = self.telling_states(previous);
            let is_earlier = |task: &&String| {
                !tasks.contains_key(*task) && before().any(|other| self.telling_states(other).contains_key(*task))
            };
            let earlier = query.tasks.iter().filter(is_earlier).cloned().collect();
            PreviousRun { key: previous.facts.key, run_id: previous.facts.run_id.clone(), tasks, earlier }
        });
        PastRun { previous }
    }

    fn telling_states(&self, run: &DagRunRow) -> BTreeMap<String, TaskInstanceState> {
        let Some(version) = self.versions.get(&run.dag_version) else { return BTreeMap::new() };
        let of_task = |index: usize| run.task_instances.iter().filter(move |ti| ti.key.task.at() == index);
        let tasks = version.dag.tasks.iter().enumerate().filter(|(index, _)| of_task(*index).next().is_some());
        tasks.map(|(index, task)| (task.task_id.clone(), telling(of_task(index).map(|ti| ti.state)))).collect()
    }

    /// Keeps the messages of a batch; those of a deadline once.
    fn tell(&mut self, batch: &Batch) {
        let mut known = BTreeSet::new();
        for missed in &batch.missed {
            let name = (missed.dag_run, missed.task_id.clone(), missed.map_index, missed.due_at);
            if !self.missed.insert(name) {
                known.insert((missed.dag_run, missed.task, missed.map_index, missed.due_at));
            }
        }
        let is_news = |row: &&CallbackRow| {
            let Subject { dag_run, task, map_index, .. } = row.subject;
            row.happened.deadline.is_none_or(|due_at| !known.contains(&(dag_run, task, map_index, due_at)))
        };
        self.callbacks.extend(batch.callbacks.iter().filter(is_news).cloned());
    }

    fn write(&mut self, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        if epoch.0 != self.epoch {
            return Err(CommitError::Fenced(epoch));
        }
        if batch.runs.iter().any(|write| self.runs.get(&write.key).is_none_or(|run| run.version != write.version)) {
            return Err(CommitError::Conflict);
        }
        let exists = |row: &model::journal::TaskInstanceRow| {
            self.runs.get(&row.key.dag_run).is_some_and(|run| run.task_instances.iter().any(|ti| ti.key == row.key))
        };
        if batch.inserted.iter().any(exists) {
            return Err(CommitError::Unknown("a task instance exists already".to_owned()));
        }
        self.commits += 1;
        for write in &batch.runs {
            if let (Some(change), Some(run)) = (&write.change, self.runs.get_mut(&write.key)) {
                run.state = change.state;
                run.facts.started_at = change.started_at;
                if let Some(ended_at) = change.ended_at {
                    self.ended_at.insert(write.key, ended_at);
                }
                if let Some(reason) = &change.reason {
                    self.reasons.insert(write.key, reason.clone());
                }
            }
        }
        for key in &batch.removed {
            if let Some(run) = self.runs.get_mut(&key.dag_run) {
                run.task_instances.retain(|ti| ti.key != *key);
            }
        }
        for row in &batch.inserted {
            if let Some(run) = self.runs.get_mut(&row.key.dag_run) {
                let at = run.task_instances.partition_point(|ti| ti.key < row.key);
                run.task_instances.insert(at, row.clone());
            }
        }
        for row in &batch.updated {
            if let Some(run) = self.runs.get_mut(&row.key.dag_run)
                && let Ok(at) = run.task_instances.binary_search_by_key(&row.key, |ti| ti.key)
            {
                run.task_instances[at] = row.clone();
            }
        }
        self.map_names.extend(batch.map_names.iter().cloned());
        for key in batch.ended_waits.iter().chain(batch.waits.iter().map(|wait| &wait.key)) {
            if let Some(run) = self.runs.get_mut(&key.dag_run) {
                run.waits.retain(|wait| wait.key != *key);
            }
        }
        for wait in &batch.waits {
            if let Some(run) = self.runs.get_mut(&wait.key.dag_run) {
                run.waits.push(wait.clone());
            }
        }
        self.attempts.extend(batch.attempts.iter().cloned());
        let cleared: BTreeSet<(DagRunKey, &str, i32)> =
            batch.cleared_xcoms.iter().map(|(run, task, map_index)| (*run, task.as_str(), *map_index)).collect();
        self.xcoms.retain(|(run, task, map_index, _), _| !cleared.contains(&(*run, task.as_str(), *map_index)));
        for xcom in &batch.xcoms {
            let name = (xcom.dag_run, xcom.task_id.clone(), xcom.map_index, xcom.key.clone());
            self.xcoms.insert(name, xcom.value.clone());
        }
        for update in &batch.asset_updates {
            self.update_asset(update);
        }
        for pause in &batch.paused {
            if let Some(dag) = self.dags.get_mut(&pause.dag_id) {
                dag.is_paused = true;
            }
        }
        self.tell(batch);
        self.reports.retain(|entry| !batch.reports.contains(&entry.id));
        Ok(())
    }
}

impl Journal for MemoryJournal {
    async fn take_over(&self) -> Result<Option<Epoch>, ReadError> {
        let mut world = self.world();
        world.epoch += 1;
        world.owned_since = world.epoch;
        Ok(Some(Epoch(world.epoch)))
    }

    async fn renew(&self, epoch: Epoch) -> Result<bool, ReadError> {
        Ok(self.world().epoch == epoch.0)
    }

    async fn advance(&self, epoch: Epoch) -> Result<Option<Epoch>, ReadError> {
        let mut world = self.world();
        if world.owned_since > epoch.0 {
            return Ok(None);
        }
        world.epoch += 1;
        Ok(Some(Epoch(world.epoch)))
    }

    async fn resign(&self, _epoch: Epoch) -> Result<(), ReadError> {
        Ok(())
    }

    async fn dags(&self, only: Option<&[String]>) -> Result<Vec<DagRow>, ReadError> {
        let world = self.world();
        Ok(world.dags.values().filter(|dag| only.is_none_or(|only| only.contains(&dag.dag_id))).cloned().collect())
    }

    async fn pools(&self) -> Result<Vec<Pool>, ReadError> {
        let mut pools = self.world().pools.clone();
        pools.entry(DEFAULT_POOL.to_owned()).or_insert_with(|| unbounded(DEFAULT_POOL));
        Ok(pools.into_values().collect())
    }

    async fn dag_versions(&self, keys: &[DagVersionKey]) -> Result<Vec<DagVersion>, ReadError> {
        let world = self.world();
        Ok(keys.iter().filter_map(|key| world.versions.get(key)).cloned().collect())
    }

    async fn dag_runs(&self, only: Option<&[DagRunKey]>) -> Result<Vec<DagRunRow>, ReadError> {
        let world = self.world();
        let mut rows: Vec<DagRunRow> = match only {
            None => world.runs.values().filter(|run| !run.state.is_finished()).cloned().collect(),
            Some(keys) => keys.iter().filter_map(|key| world.runs.get(key)).cloned().collect(),
        };
        for row in &mut rows {
            row.choices = world.choices(row.facts.key);
        }
        Ok(rows)
    }

    async fn inbox(&self) -> Result<(Vec<Change>, Vec<InboxReport>), ReadError> {
        let world = self.world();
        Ok((world.changes.clone(), world.reports.clone()))
    }

    async fn forget_changes(&self, epoch: Epoch, ids: &[i64]) -> Result<(), ReadError> {
        let mut world = self.world();
        if world.epoch == epoch.0 {
            world.changes.retain(|change| !ids.contains(&change.id));
        }
        Ok(())
    }

    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<(), CommitError> {
        self.world().write(epoch, batch)
    }

    async fn create_runs(
        &self,
        epoch: Epoch,
        runs: &[ScheduledRun],
        _now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let mut world = self.world();
        if epoch.0 != world.epoch {
            return Err(CommitError::Fenced(epoch));
        }
        let mut created = Vec::new();
        for new in runs {
            let params = world.versions.get(&new.dag_version).map(|version| default_params(&version.dag));
            created.extend(world.add_run(&new.run, params.unwrap_or_default()));
            if let Some(dag) = world.dags.get_mut(&new.run.dag_id) {
                dag.last_interval = Some(new.data_interval);
            }
        }
        Ok(created)
    }

    async fn create_asset_runs(
        &self,
        epoch: Epoch,
        runs: &[AssetRun],
        _now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let mut world = self.world();
        if epoch.0 != world.epoch {
            return Err(CommitError::Fenced(epoch));
        }
        Ok(runs.iter().filter_map(|new| world.create_asset_run(new)).collect())
    }

    async fn skip_runs(&self, epoch: Epoch, runs: &[SkippedRun], _now: Timestamp) -> Result<(), CommitError> {
        let mut world = self.world();
        if epoch.0 != world.epoch {
            return Err(CommitError::Fenced(epoch));
        }
        for run in runs {
            let Some(dag) = world.dags.get_mut(&run.dag_id) else { continue };
            if run.reason == SkipReason::Asked {
                let Some(left) = dag.skip_next.checked_sub(1) else { continue };
                dag.skip_next = left;
            }
            dag.last_interval = Some(run.data_interval);
            world.skipped.push(run.clone());
        }
        Ok(())
    }

    async fn save_next_runs(&self, _epoch: Epoch, next: &[NextRun]) -> Result<(), CommitError> {
        let mut world = self.world();
        world.next_runs.extend(next.iter().map(|next| (next.dag_id.clone(), next.due)));
        Ok(())
    }

    async fn past(&self, queries: &[PastQuery]) -> Result<Vec<(DagRunKey, PastRun)>, ReadError> {
        let world = self.world();
        Ok(queries.iter().map(|query| (query.dag_run, world.past(query))).collect())
    }

    async fn recent_ends(&self, dags: &[(String, u32)]) -> Result<Vec<RecentEnds>, ReadError> {
        let world = self.world();
        let ends = |(dag_id, limit): &(String, u32)| {
            let ended = world.runs.values().rev().filter(|run| run.facts.dag_id == *dag_id && run.state.is_finished());
            let last = ended.take(*limit as usize).map(|run| (run.facts.key, run.state == DagRunState::Failed));
            (dag_id.clone(), last.collect())
        };
        Ok(dags.iter().map(ends).collect())
    }

    async fn run_backfills(
        &self,
        epoch: Epoch,
        steps: &[BackfillStep],
        _now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let mut world = self.world();
        if epoch.0 != world.epoch {
            return Err(CommitError::Fenced(epoch));
        }
        Ok(steps.iter().flat_map(|step| world.step_backfill(step)).collect())
    }

    async fn fetch(&self, dag_run: DagRunKey, needs: &[Need]) -> Result<Fetched, ReadError> {
        let mut fetched = Fetched::default();
        for need in needs {
            match need {
                Need::XCom { task_id, key, elements } => {
                    let value = self.world().xcom(dag_run, task_id, key, *elements);
                    fetched.xcoms.insert((task_id.clone(), key.clone()), value);
                }
                Need::AssetEvents { uri } => {
                    fetched.asset_events.insert(uri.clone(), self.world().events_of(uri));
                }
                Need::TriggeringAssetEvents => {
                    fetched.triggering_asset_events = Some(self.world().events_taken_by(dag_run));
                }
                Need::PreviousSuccess => fetched.previous_success = Some(None),
                Need::Variable(_) | Need::Connection(_) => {}
            }
        }
        if let Some(secrets) = &self.secrets {
            secrets.fetch(needs, &mut fetched).await.map_err(|error| ReadError(error.to_string()))?;
        }
        Ok(fetched)
    }
}

fn unbounded(name: &str) -> Pool {
    Pool { name: name.to_owned(), slots: None, include_deferred: false, rate: None }
}

/// The defaults of a DAG's parameters.
pub fn default_params(dag: &model::dag::Dag) -> serde_json::Map<String, serde_json::Value> {
    dag.params.iter().filter_map(|(name, param)| Some((name.clone(), param.default.clone()?))).collect()
}
