//! Two schedulers on one database: the leader is killed, or sleeps past its lease and wakes up deposed.

use nix::sys::signal::Signal;

use super::{Chaos, Lost};
use crate::processes;
use crate::system::System;
use crate::wait::until_some;

/// A second flowctl on the database and the DAG folder of the first.
async fn standby_of(first: &System) -> System {
    let mut standby = System::at(&first.database_url());
    standby.set("FLOWCTL_DAGS_FOLDER", &first.dags().display().to_string());
    standby.set("LEDGER", &first.home().join("ledger").display().to_string());
    standby.start().await;
    standby
}

async fn nothing_runs_on(system: &System) {
    let context = || format!("{:?}\n{}", processes::of_home(system.home()), system.stderr());
    until_some("nothing of an old leader runs any more", context, async || {
        processes::of_home(system.home()).is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_and_the_old_leader_neither_writes_nor_runs_on() {
    let mut chaos = Chaos::start(System::on_test_database().await, 11).await;
    chaos.system.said("this scheduler leads").await;
    let mut other = standby_of(&chaos.system).await;

    chaos.trigger().await;
    chaos.until_more_ran(10).await;
    chaos.system.kill9();
    other.said("this scheduler leads").await;
    // It comes back as a standby, and ends what it had left running although it does not lead.
    chaos.system.start().await;
    nothing_runs_on(&chaos.system).await;

    chaos.trigger().await;
    chaos.until_more_ran(10).await;
    other.signal(Signal::SIGSTOP);
    chaos.system.said("this scheduler leads").await;
    chaos.trigger().await;
    chaos.until_more_ran(10).await;
    // What it believes to be its attempts has ended or goes on; it learns that it was deposed when it writes.
    other.signal(Signal::SIGCONT);
    other.said("another scheduler leads now; standing by").await;
    nothing_runs_on(&other).await;

    let history = chaos.verify(Lost::Some).await;
    assert!(history.attempts.values().flatten().any(|past| past.state == "lost"), "nothing ran when leaders changed");
    assert!(other.terminate().await.success());
}
