//! A DAG on a clock that is a number: which runs would be created, and when their tasks would start.
//!
//! It is the real thing on other ports: the leader and its planner, over a journal in memory. Nothing is run: an
//! attempt that is handed out has succeeded when its duration has passed on the clock, which goes from one event to
//! the next. What differs from the DAG's runs on a server:
//! 1. the scheduler has kept up with the schedule until the simulation begins; without `start_date` the DAG becomes
//!    known then;
//! 2. every task that does anything takes a given time and succeeds, so a branch follows all of its paths;
//! 3. there are no other DAGs, and all of the deployment's slots are free.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::Dag;
use model::dag_run::DataInterval;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey};
use model::journal::{DagVersion, SkippedRun, TaskInstanceRow};
use model::limits::Limits;
use model::operator::{Bash, Operator};
use model::state::{DagRunState, TaskInstanceState};
use model::timetable::{Timetable, TimetableError};

use crate::leader::{Leader, LeaderError};
use crate::memory::{MemoryJournal, World};
use crate::plan::Watch;
use crate::ports::{Clock, Dispatch, ReadError};

/// A clock that stands where it was set.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<Timestamp>>);

impl VirtualClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(at)))
    }

    /// Sets it.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts that were handed out, and those to be stopped: whoever holds them decides what becomes of them.
#[derive(Debug, Clone, Default)]
pub struct Hands {
    /// Handed out, in order.
    pub attempts: Arc<Mutex<Vec<Attempt>>>,
    /// To be stopped.
    pub cancelled: Arc<Mutex<Vec<AttemptToken>>>,
}

impl Hands {
    fn take(&self) -> (Vec<Attempt>, Vec<AttemptToken>) {
        let attempts = std::mem::take(&mut *self.attempts.lock().unwrap_or_else(PoisonError::into_inner));
        let cancelled = std::mem::take(&mut *self.cancelled.lock().unwrap_or_else(PoisonError::into_inner));
        (attempts, cancelled)
    }
}

impl Dispatch for Hands {
    fn submit(&mut self, attempts: Vec<Attempt>) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).extend(attempts);
    }

    fn watch(&mut self, watches: Vec<Watch>) {
        self.submit(watches.into_iter().map(|watch| watch.attempt).collect());
    }

    /// There is one DAG.
    fn dags_moved(&mut self, _dag_ids: Vec<String>) {}

    fn cancel(&mut self, token: AttemptToken) {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(token);
    }
}

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The DAG.
    pub dag: Dag,
    /// The deployment's limits.
    pub limits: Limits,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// How long the tasks named here take.
    pub durations: HashMap<String, SignedDuration>,
    /// How long the others take.
    pub usual_duration: SignedDuration,
    /// The simulation ends when there are so many runs.
    pub most_runs: usize,
}

/// What would happen.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// In the order they would be created.
    pub runs: Vec<ForeseenRun>,
    /// Scheduled runs that would be left out.
    pub skipped: Vec<SkippedRun>,
    /// There would be more runs than were asked for at most.
    pub is_cut: bool,
}

/// A run that would be created.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeseenRun {
    /// Its id.
    pub run_id: String,
    /// Its logical date.
    pub logical_date: Option<Timestamp>,
    /// What it would cover.
    pub data_interval: Option<DataInterval>,
    /// When it would be created.
    pub run_after: Timestamp,
    /// When it would start; none while it waits at the end.
    pub started_at: Option<Timestamp>,
    /// When it would end.
    pub ended_at: Option<Timestamp>,
    /// Its state at its or the simulation's end.
    pub state: DagRunState,
    /// Why it would end so, when there is more to say than the state.
    pub reason: Option<String>,
    /// In the DAG's order.
    pub tasks: Vec<ForeseenTask>,
}

/// A task instance of such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenTask {
    /// Its task.
    pub task_id: String,
    /// Which element of a mapping; -1 otherwise.
    pub map_index: i32,
    /// Its state at its run's or the simulation's end.
    pub state: TaskInstanceState,
    /// When it would start.
    pub started_at: Option<Timestamp>,
    /// When it would end.
    pub ended_at: Option<Timestamp>,
}

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The DAG's schedule is none.
    #[error(transparent)]
    Timetable(#[from] TimetableError),
    /// The journal in memory failed, which it does not.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The leader could not go on.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// Somebody else leads a journal that only this process knows.
    #[error("somebody else leads the simulation")]
    NoLeader,
}

/// Simulates a DAG.
pub async fn simulate(scenario: &Scenario) -> Result<Forecast, SimulationError> {
    let journal = MemoryJournal::default();
    settle(&journal, scenario)?;
    let (clock, hands) = (VirtualClock::new(scenario.from), Hands::default());
    let taken = Leader::take_over(journal.clone(), hands.clone(), clock.clone(), scenario.limits).await?;
    let Ok(mut leader) = taken else { return Err(SimulationError::NoLeader) };
    let mut running = Running::default();
    let mut is_cut = false;
    loop {
        while leader.pass(true).await?.more {}
        is_cut = is_cut || journal.world().runs.len() > scenario.most_runs;
        let (attempts, cancelled) = hands.take();
        for attempt in attempts {
            leader.receive(running.start(attempt, clock.now(), scenario));
        }
        for token in cancelled {
            running.stop(token);
        }
        let next = [running.next(), leader.planner().next_timer()].into_iter().flatten().min();
        match next {
            Some(at) if at < scenario.to && !is_cut => clock.set(at.max(clock.now())),
            _ => break,
        }
        running.finish(clock.now()).into_iter().for_each(|report| leader.receive(report));
    }
    let world = journal.world();
    let runs = world.runs.keys().take(scenario.most_runs).filter_map(|key| foresee(&world, *key));
    Ok(Forecast { runs: runs.collect(), skipped: world.skipped.clone(), is_cut })
}

/// The DAG in the journal, as if the scheduler had kept up with it until now.
fn settle(journal: &MemoryJournal, scenario: &Scenario) -> Result<(), TimetableError> {
    let mut dag = scenario.dag.clone();
    dag.is_paused_upon_creation = Some(false);
    for task in &mut dag.tasks {
        if !matches!(task.operator, Operator::Empty) {
            Arc::make_mut(task).operator = Operator::Bash(Bash::new("true"));
        }
    }
    let dag_id = dag.dag_id.clone();
    let last_interval = Timetable::new(&dag)?.last_before(scenario.from);
    let fileloc = Arc::new(PathBuf::from("simulated.yaml"));
    let mut world = journal.world();
    world.add_dag(DagVersion { key: DagVersionKey(1), dag: Arc::new(dag), fileloc });
    if let Some(row) = world.dags.get_mut(&dag_id) {
        row.last_interval = last_interval;
        row.known_since = Some(scenario.from);
    }
    Ok(())
}

/// Attempts that are under way, by the time of their end.
#[derive(Debug, Default)]
struct Running(BTreeMap<(Timestamp, AttemptToken), (Timestamp, Attempt)>);

impl Running {
    fn start(&mut self, attempt: Attempt, now: Timestamp, scenario: &Scenario) -> Report {
        let task_id = &attempt.task().task_id;
        let takes = scenario.durations.get(task_id).copied().unwrap_or(scenario.usual_duration);
        let end = now.checked_add(takes).unwrap_or(Timestamp::MAX);
        let (token, key) = (attempt.token, attempt.key);
        self.0.insert((end, token), (now, attempt));
        Report { token, key, event: AttemptEvent::Started { at: now, pid: None } }
    }

    fn stop(&mut self, token: AttemptToken) {
        self.0.retain(|(_, running), _| *running != token);
    }

    fn next(&self) -> Option<Timestamp> {
        self.0.keys().next().map(|(at, _)| *at)
    }

    fn finish(&mut self, now: Timestamp) -> Vec<Report> {
        let mut reports = Vec::new();
        while let Some(entry) = self.0.first_entry() {
            let (ended_at, token) = *entry.key();
            if ended_at > now {
                break;
            }
            let (started_at, attempt) = entry.remove();
            let finished = Finished {
                started_at,
                ended_at,
                outcome: Outcome::Success,
                xcoms: Vec::new(),
                outlet_events: Vec::new(),
            };
            reports.push(Report { token, key: attempt.key, event: AttemptEvent::Finished(finished) });
        }
        reports
    }
}

fn foresee(world: &World, key: DagRunKey) -> Option<ForeseenRun> {
    let run = world.runs.get(&key)?;
    let dag = &world.versions.get(&run.dag_version)?.dag;
    let task = |row: &TaskInstanceRow| ForeseenTask {
        task_id: dag.task(row.key.task).task_id.clone(),
        map_index: row.key.map_index,
        state: row.state,
        started_at: row.started_at,
        ended_at: row.ended_at,
    };
    Some(ForeseenRun {
        run_id: run.facts.run_id.clone(),
        logical_date: run.facts.logical_date,
        data_interval: run.facts.data_interval,
        run_after: run.facts.run_after,
        started_at: run.facts.started_at,
        ended_at: world.ended_at.get(&key).copied(),
        state: run.state,
        reason: world.reasons.get(&key).cloned(),
        tasks: run.task_instances.iter().map(task).collect(),
    })
}
