//! Planner, leader and PostgreSQL without processes.
//!
//! Two kinds of task: `empty`, which the leader finishes itself within a pass, and one that an executor of the
//! benchmark ends the moment it gets it, so that each task is handed out after one commit and reported before the
//! next: the whole durable path of a real task but its process.

use std::time::Instant;

use anyhow::{Result, bail};
use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::ids::AttemptToken;
use model::limits::Limits;
use scheduler::leader::Leader;
use scheduler::plan::Watch;
use scheduler::ports::{Clock, Dispatch};
use scheduler::postgres::DeployedJournal;
use secrets::{Places, Secrets};
use store::Store;
use store::journal::LeaderJournal;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::database::Database;
use crate::statistics::{latencies, rates};
use crate::{Row, dags, row};

const ROUNDS: usize = 5;
const WIDTH: u32 = 10_000;
const CHAIN: u32 = 500;

/// Ends each attempt at once.
struct AtOnce(mpsc::UnboundedSender<Report>);

impl Dispatch for AtOnce {
    fn submit(&mut self, attempts: Vec<Attempt>) {
        let now = dags::now();
        for attempt in attempts {
            let finished = Finished {
                started_at: now,
                ended_at: now,
                outcome: Outcome::Success,
                xcoms: Vec::new(),
                outlet_events: Vec::new(),
            };
            let event = AttemptEvent::Finished(finished);
            let _ = self.0.send(Report { token: attempt.token, key: attempt.key, event });
        }
    }

    // Its DAGs wait for nothing.
    fn watch(&mut self, _watches: Vec<Watch>) {}

    fn dags_moved(&mut self, _dag_ids: Vec<String>) {}

    fn cancel(&mut self, _token: AttemptToken) {}
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        dags::now()
    }
}

struct Engine {
    leader: Leader<DeployedJournal, AtOnce, WallClock>,
    reported: mpsc::UnboundedReceiver<Report>,
    store: Store,
}

impl Engine {
    async fn start(store: Store) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "a benchmark is a shell")]
        let journal = LeaderJournal::new(&store, Uuid::new_v4(), "bench".to_owned());
        let secrets = Secrets::new(Places::default(), Some(store.clone()));
        let journal = DeployedJournal { journal, secrets };
        let (reports, reported) = mpsc::unbounded_channel();
        let limits = Limits { parallelism: 1000, ..Limits::default() };
        let Ok(leader) = Leader::take_over(journal, AtOnce(reports), WallClock, limits).await? else {
            bail!("another scheduler leads in this database");
        };
        Ok(Self { leader, reported, store })
    }

    /// Runs until nothing is left; calls `passed` after each pass that committed.
    async fn drive(&mut self, mut passed: impl FnMut()) -> Result<()> {
        self.leader.look_at_inbox();
        loop {
            let pass = self.leader.pass(false).await?;
            if pass.committed {
                passed();
            }
            let mut received = false;
            while let Ok(report) = self.reported.try_recv() {
                self.leader.receive(report);
                received = true;
            }
            if !pass.more && !received && self.leader.planner().run_count() == 0 {
                return Ok(());
            }
        }
    }

    async fn rate(&mut self, dag_id: &str, runs: i32, tasks: u32) -> Result<f64> {
        dags::trigger_many(&self.store, dag_id, runs).await?;
        let started = Instant::now();
        self.drive(|| ()).await?;
        self.leader.renew().await?;
        Ok(f64::from(tasks) / started.elapsed().as_secs_f64())
    }
}

/// The rows.
pub(crate) async fn run() -> Result<Vec<Row>> {
    let database = Database::start().await?;
    let store = database.store.clone();
    for (name, operator) in [("empty", dags::empty()), ("process", dags::bash("true"))] {
        dags::save(&store, &dags::fan_out(&format!("fan_{name}"), WIDTH, &operator), "/bench.yaml").await?;
        dags::save(&store, &dags::diamond(&format!("diamond_{name}"), &operator), "/bench.yaml").await?;
    }
    dags::save(&store, &dags::chain("chain", CHAIN, &dags::bash("true")), "/bench.yaml").await?;
    let mut engine = Engine::start(store).await?;
    let mut rows = Vec::new();
    for (kind, name) in [("empty", "finished within the pass"), ("process", "handed out and reported")] {
        let mut fan = Vec::new();
        let mut diamonds = Vec::new();
        for _ in 0..ROUNDS {
            fan.push(engine.rate(&format!("fan_{kind}"), 1, WIDTH + 2).await?);
            diamonds.push(engine.rate(&format!("diamond_{kind}"), 1000, 10_000).await?);
        }
        rows.push(row(format!("fan-out 1→10,000→1, {name}"), rates(fan), "goal 40,000/s"));
        rows.push(row(format!("1,000 runs of 10 tasks, {name}"), rates(diamonds), ""));
    }
    dags::trigger_many(&engine.store, "chain", 1).await?;
    let mut last = Instant::now();
    let mut hops = Vec::new();
    engine
        .drive(|| {
            hops.push(last.elapsed());
            last = Instant::now();
        })
        .await?;
    rows.push(row(format!("chain of {CHAIN} without process, a hop p50 / p99"), latencies(hops), "goal 0.5 ms"));
    database.stop().await?;
    Ok(rows)
}
