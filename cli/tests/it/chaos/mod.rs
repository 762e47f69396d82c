//! `kill -9` at random moments of a busy minute: nothing is lost, nothing is recognised twice.
//!
//! `FLOWCTL_CHAOS_KILLS` says how often (5), `FLOWCTL_CHAOS_SEED` under which seed (1). `just chaos` kills 50 times.

mod database;
mod two_schedulers;
mod verify;
mod world;

pub(crate) use world::{now, trigger};

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use store::Store;
use store::testing::history::History;

use crate::system::System;
use crate::wait::until_some;
use world::Expected;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A system under chaos.
struct Chaos {
    system: System,
    store: Store,
    expected: BTreeMap<&'static str, Expected>,
    random: SmallRng,
    triggered: u32,
    /// Days of the backfill.
    days: usize,
}

impl Chaos {
    async fn start(mut system: System, seed: u64) -> Self {
        let expected = world::build(&mut system);
        system.start().await;
        let store = system.store().await;
        let random = SmallRng::seed_from_u64(seed);
        let mut chaos = Self { system, store, expected, random, triggered: 0, days: 0 };
        chaos.known().await;
        chaos.days = world::backfill(&chaos.store).await;
        chaos
    }

    /// The DAG folder has been read, and the DAG that runs each second has begun to: later the runs that are triggered may
    /// take all of its `max_active_runs`.
    async fn known(&self) {
        let wanted = self.expected.len();
        until_some(
            "all DAGs are known",
            || self.system.stderr(),
            async || {
                let is_known = self.store.dag_files().await.ok()?.len() == wanted;
                let history = History::read(&self.store).await.ok()?;
                (is_known && history.runs.keys().any(|(_, run_id)| run_id.starts_with("scheduled__"))).then_some(())
            },
        )
        .await;
    }

    /// One more run of each DAG.
    async fn trigger(&mut self) {
        self.triggered += 1;
        for dag_id in self.expected.keys() {
            world::trigger(&self.store, dag_id, &format!("manual__{}", self.triggered)).await;
        }
    }

    /// Lets a random time pass, half of the times after something ran: so kills hit starts, take-overs and busy
    /// moments alike. This is the one place that sleeps: the moment is what is random here.
    async fn let_some_time_pass(&mut self) {
        if self.random.random_bool(0.6) {
            let more = self.random.random_range(1..40);
            self.until_more_ran(more).await;
        }
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..400))).await;
    }

    /// The same while it starts.
    async fn let_some_time_pass_at_start(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..800))).await;
    }

    /// All runs that were triggered have ended; the DAG that starts a run each second is taken away first.
    async fn until_all_ended(&mut self) -> History {
        std::fs::remove_file(self.system.dags().join("ticks.yaml")).expect("the file of `ticks`");
        let wanted = self.triggered as usize * self.expected.len();
        let context = || format!("{}\n{:?}", self.system.stderr(), world::executions(&self.system).len());
        until_some("all runs have ended", context, async || {
            let is_known = self.store.dag_files().await.ok()?.iter().any(|(dag_id, _)| dag_id == "ticks");
            let history = History::read(&self.store).await.ok()?;
            let manual = history.runs.keys().filter(|(_, run_id)| run_id.starts_with("manual__")).count();
            let (backfills, _) =
                self.store.backfills(Some("days"), None, store::backfill::Part::newest(1)).await.ok()?;
            let is_filled = backfills.iter().all(|backfill| backfill.completed_at.is_some());
            (!is_known && is_filled && history.unfinished() == 0 && manual == wanted).then_some(history)
        })
        .await
    }

    /// So many more processes ran.
    async fn until_more_ran(&self, more: usize) {
        let before = world::executions(&self.system).len();
        until_some(
            "tasks run",
            || self.system.stderr(),
            async || (world::executions(&self.system).len() >= before + more).then_some(()),
        )
        .await;
    }

    /// The end: everything is told, and nothing is left over.
    async fn verify(mut self, may_be: Lost) -> History {
        let history = self.until_all_ended().await;
        let executions = world::executions(&self.system);
        verify::all_is_told(&history, &executions, &self.expected);
        no_interval_is_missing(&history);
        let filled = history.runs.keys().filter(|(_, run_id)| run_id.starts_with("backfill__")).count();
        assert_eq!(filled, self.days, "each day of the backfill has one run");
        let lost = history.attempts.values().flatten().filter(|past| past.state == "lost").count();
        println!("{} runs, {} executions, {lost} lost", history.runs.len(), executions.len());
        assert!(may_be == Lost::Some || lost == 0, "{lost} attempts are lost although their scheduler lived");
        self.store.close().await;
        assert!(self.system.terminate().await.success());
        history
    }
}

/// Whether attempts may be lost: only when a scheduler was killed or deposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Some,
    None,
}

/// A scheduled run for each second from the first to the last: none lost, and none twice by the unique key.
fn no_interval_is_missing(history: &History) {
    let seconds: Vec<i64> = history
        .runs
        .keys()
        .filter(|(dag_id, _)| dag_id == "ticks")
        .filter_map(|(_, run_id)| run_id.strip_prefix("scheduled__"))
        .map(|date| date.parse::<jiff::Timestamp>().expect("a date").as_second())
        .collect();
    let (first, last) = (seconds.iter().min().expect("a tick"), seconds.iter().max().expect("a tick"));
    assert_eq!(usize::try_from(last - first + 1).expect("few"), seconds.len(), "ticks from {first} to {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_moment_loses_nothing_and_recognises_nothing_twice() {
    let (kills, seed) = (setting("FLOWCTL_CHAOS_KILLS", 5), setting("FLOWCTL_CHAOS_SEED", 1));
    let mut chaos = Chaos::start(System::embedded(), seed).await;
    for _ in 0..kills {
        chaos.trigger().await;
        chaos.let_some_time_pass().await;
        if chaos.random.random_bool(0.3) {
            chaos.system.kill9_with_postgres();
        } else {
            chaos.system.kill9();
        }
        chaos.system.spawn();
        if chaos.random.random_bool(0.8) {
            chaos.system.said("this scheduler leads").await;
            verify::no_process_of_an_old_attempt_lives(&chaos.system, &chaos.store).await;
        } else {
            // The next kill hits the start itself; then the database has to be there for the next trigger.
            chaos.let_some_time_pass_at_start().await;
            chaos.system.kill9();
            chaos.system.start().await;
        }
    }
    chaos.verify(Lost::Some).await;
}
