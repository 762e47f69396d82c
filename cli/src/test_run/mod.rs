//! One run in the foreground, without database or server: for `flowctl dags test`.
//!
//! It is the real thing on other ports: the leader and its planner, over a journal in memory, with the local executor
//! in this process. What differs from a run of the server:
//! 1. the DAG has no schedule and is not paused, so this run is the only one;
//! 2. a retry follows at once, whatever `retry_delay` says;
//! 3. nobody is asked: an `approve` task takes its default, or its first option, at once;
//! 4. logs go to the terminal, and into a folder that is removed at the end.

mod dispatch;
mod narrate;
mod subset;
mod tail;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use executor::LocalExecutor;
use jiff::Timestamp;
use model::attempt::Report;
use model::dag::{Dag, Schedule};
use model::dag_run::{NewDagRun, run_id};
use model::ids::{DagRunKey, DagVersionKey};
use model::journal::DagVersion;
use model::limits::Limits;
use model::operator::Operator;
use model::state::{DagRunState, DagRunType, TriggeredBy};
use model::timetable::Timetable;
use scheduler::leader::Leader;
use scheduler::memory::MemoryJournal;
use scheduler::notifier::{NotificationSettings, Sender};
use scheduler::ports::Clock;
use scheduler::service::SystemClock;
use scheduler::waiter::{Outside, Waiter};
use secrets::{Places, Secrets};
use tokio::sync::mpsc;
use worker::WorkerConfig;

use crate::services;
use dispatch::{Dispatched, MemoryValues, TestDispatch};
use narrate::Narrator;
use tail::Tails;

pub(crate) use subset::only;

/// How often what tasks print is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// A run to be made.
#[derive(Debug)]
pub(crate) struct TestRun {
    /// What of.
    pub dag: Dag,
    /// Its file.
    pub file: PathBuf,
    /// The date it is about; none: now.
    pub logical_date: Option<Timestamp>,
    /// What it is triggered with.
    pub conf: serde_json::Map<String, serde_json::Value>,
    /// The parameters that follow.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// How the messages of `notify` tasks are sent.
    pub notifications: NotificationSettings,
    /// What may run at once.
    pub limits: Limits,
    /// How attempts are run; its home is the run's own, removed by whoever made it.
    pub worker: WorkerConfig,
    /// Where variables and connections are.
    pub places: Places,
}

type TestLeader = Leader<MemoryJournal, TestDispatch, SystemClock>;

/// Makes the run; how it ended. Ctrl-C stops its tasks, and then it has failed.
pub(crate) async fn run(test: TestRun) -> anyhow::Result<DagRunState> {
    let home = test.worker.home.clone();
    let limits = test.limits;
    let worker = test.worker.clone();
    let secrets = Secrets::new(test.places.clone(), None);
    let sender = Arc::new(Sender::new(test.notifications.clone(), secrets.clone()));
    let journal = MemoryJournal::with_secrets(secrets.clone());
    let key = create(test, &journal)?;

    let (reports, mut reported) = mpsc::unbounded_channel();
    let slots = limits.parallelism as usize;
    let waiter = Waiter::start(Outside::new(None, sender, secrets.clone()), reports.clone());
    let executor = Arc::new(LocalExecutor::start(MemoryValues(journal.clone(), secrets), worker, slots, reports));
    let dispatched = Dispatched::default();
    let dispatch = TestDispatch::new(Arc::clone(&executor), waiter, dispatched.clone());
    let Ok(mut leader) = Leader::take_over(journal.clone(), dispatch, SystemClock, limits).await? else {
        bail!("somebody else leads a journal that only this process knows")
    };
    let mut narrator = Narrator::new(key);
    let mut tails = Tails::new(&home);
    let result = follow(&mut leader, &mut reported, &dispatched, &mut narrator, &mut tails).await;
    executor.stop().await;
    tails.look()?;
    let state = result?;
    narrator.summary(&journal);
    narrator.callbacks(&journal);
    Ok(state)
}

/// The run in the journal, with its only DAG.
fn create(test: TestRun, journal: &MemoryJournal) -> anyhow::Result<DagRunKey> {
    let now = SystemClock.now();
    let about = test.logical_date.unwrap_or(now);
    let data_interval = Timetable::new(&test.dag)?.manual_interval(about);
    let new = NewDagRun {
        dag_id: test.dag.dag_id.clone(),
        run_id: run_id(DagRunType::Manual, about),
        run_type: DagRunType::Manual,
        logical_date: Some(about),
        data_interval: Some(data_interval),
        run_after: now,
        conf: test.conf,
        triggered_by: TriggeredBy::Test,
        triggering_user: None,
        note: None,
    };
    let mut dag = test.dag;
    dag.schedule = Schedule::None;
    dag.is_paused_upon_creation = Some(false);
    for task in &mut dag.tasks {
        let task = Arc::make_mut(task);
        task.retry_delay = model::duration::Duration::default();
        if let Operator::Approve(approve) = &mut task.operator {
            let first = approve.options.first().cloned();
            approve.default = approve.default.take().or(first);
            approve.timeout = Some(model::duration::Duration::default());
        }
    }
    let version = DagVersion { key: DagVersionKey(1), dag: Arc::new(dag), fileloc: Arc::new(test.file) };
    let mut world = journal.world();
    world.add_dag(version);
    world.add_run(&new, test.params).context("the run cannot be made")
}

/// The loop of the scheduler's service, for one run.
async fn follow(
    leader: &mut TestLeader,
    reported: &mut mpsc::UnboundedReceiver<Report>,
    dispatched: &Dispatched,
    narrator: &mut Narrator,
    tails: &mut Tails,
) -> anyhow::Result<DagRunState> {
    let mut look = tokio::time::interval(LOOK);
    let mut signal = std::pin::pin!(services::signalled());
    loop {
        while leader.pass(true).await?.more {}
        tails.follow(dispatched.take());
        tails.look()?;
        if let Some(state) = narrator.tell(leader.journal()) {
            return Ok(state);
        }
        let timer = leader.planner().next_timer().map(|at| at.duration_since(SystemClock.now()));
        let timer = timer.map(|left| Duration::try_from(left).unwrap_or(Duration::ZERO));
        tokio::select! {
            Some(report) = reported.recv() => {
                leader.receive(report);
                while let Ok(report) = reported.try_recv() {
                    leader.receive(report);
                }
            }
            () = tokio::time::sleep(timer.unwrap_or(Duration::MAX)), if timer.is_some() => {}
            _ = look.tick() => {}
            result = &mut signal => {
                result?;
                bail!("stopped")
            }
        }
    }
}
