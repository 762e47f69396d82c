//! flowctl is stopped, or a run is, while tasks are running.

use nix::sys::signal::Signal;
use store::Store;
use store::event_log::By;
use store::testing::history::History;

use crate::processes;
use crate::system::System;
use crate::wait::until_some;

/// The first try runs until it is stopped and leaves a mark when it is asked to; the second succeeds at once.
const PATIENT: &str = r#"tasks:
  - id: patient
    bash: |
      [ "$FLOWCTL_TRY_NUMBER" = 1 ] || exit 0
      trap 'touch "$FLOWCTL_HOME/asked"; exit 1' TERM
      touch "$FLOWCTL_HOME/up"
      while :; do sleep 0.05; done
"#;

/// The same, and deaf.
const DEAF: &str = r#"tasks:
  - id: deaf
    bash: |
      [ "$FLOWCTL_TRY_NUMBER" = 1 ] || exit 0
      trap 'touch "$FLOWCTL_HOME/asked"' TERM
      touch "$FLOWCTL_HOME/up"
      while :; do sleep 0.05; done
"#;

/// A Python task whose own child is the one that goes on.
const PARENT: &str = r#"tasks:
  - id: parent
    python:
      code: |
        import os, subprocess
        if os.environ["FLOWCTL_TRY_NUMBER"] != "1":
            return "again"
        child = subprocess.Popen(["sh", "-c", "touch $FLOWCTL_HOME/up; exec sleep 1000"])
        child.wait()
"#;

/// A task that starts a daemon in a session of its own, which does not heed SIGTERM.
const DAEMON: &str = r#"tasks:
  - id: parent
    bash: |
      setsid sh -c 'trap "" TERM; touch "$FLOWCTL_HOME/up"; while :; do sleep 0.05; done' &
      wait
"#;

async fn running(dag_id: &str, text: &str) -> (System, Store) {
    started(System::on_test_database().await, dag_id, text).await
}

async fn started(mut system: System, dag_id: &str, text: &str) -> (System, Store) {
    system.start().await;
    let store = system.store().await;
    system.write_dag(&format!("{dag_id}.yaml"), text);
    until_some(
        "the DAG is known",
        || system.stderr(),
        async || store.current_dag(dag_id).await.ok().flatten().map(drop),
    )
    .await;
    crate::chaos::trigger(&store, dag_id, "one").await;
    is_there(&system, "up").await;
    (system, store)
}

async fn is_there(system: &System, name: &str) {
    let path = system.home().join(name);
    until_some(&format!("{} is there", path.display()), || system.stderr(), async || path.exists().then_some(())).await;
}

async fn ended(system: &System, store: &Store) -> History {
    until_some(
        "the run has ended",
        || system.stderr(),
        async || History::read(store).await.ok().filter(|history| history.unfinished() == 0),
    )
    .await
}

/// `state reason` of each past attempt of the only task, and the state of the run.
fn told(history: &History) -> (Vec<String>, String) {
    let past = history.attempts.values().flatten();
    let past = past.map(|past| format!("{} {}", past.state, past.reason.clone().unwrap_or_default()));
    (past.collect(), history.runs.values().map(|(state, _)| state.clone()).collect())
}

#[tokio::test]
async fn sigterm_stops_tasks_softly_records_them_as_lost_and_the_next_start_runs_them_again() {
    for (dag_id, text, asks) in [("patient", PATIENT, true), ("parent", PARENT, false)] {
        let (mut system, store) = running(dag_id, text).await;
        assert!(system.terminate().await.success());
        assert_eq!(processes::of_home(system.home()), []);
        assert_eq!(system.home().join("asked").exists(), asks);
        let history = History::read(&store).await.unwrap();
        let lost = vec!["lost its scheduler was stopped".to_owned()];
        assert_eq!(told(&history), (lost.clone(), "running".to_owned()));
        system.start().await;
        assert_eq!(told(&ended(&system, &store).await), (lost, "success".to_owned()));
        assert!(system.terminate().await.success());
    }
}

#[tokio::test]
async fn a_second_ctrl_c_ends_at_once_and_the_next_start_recovers() {
    let (mut system, store) = running("deaf", DEAF).await;
    system.signal(Signal::SIGINT);
    is_there(&system, "asked").await;
    system.signal(Signal::SIGINT);
    system.ended().await;
    // It did not wait for the task's time to be over; nor does the task live on.
    let log = worker::log_path(system.home(), "deaf", "one", "deaf", -1, 1);
    let log = std::fs::read_to_string(log).unwrap_or_default();
    assert!(!log.contains("SIGTERM was not enough"), "{log}");
    until_some("the task is gone", String::new, async || processes::of_home(system.home()).is_empty().then_some(()))
        .await;
    system.start().await;
    let (past, state) = told(&ended(&system, &store).await);
    assert_eq!((past.len(), state.as_str()), (1, "success"), "{past:?}");
    assert!(past[0].starts_with("lost "), "{past:?}");
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn a_daemon_that_left_its_group_ends_with_the_run_that_is_cancelled() {
    let (mut system, store) = running("daemon", DAEMON).await;
    assert!(!processes::of_home(system.home()).is_empty());
    assert!(store.cancel_dag_run("daemon", "one", &By::local("ada", crate::chaos::now())).await.unwrap());
    until_some(
        "the daemon is gone",
        || system.stderr(),
        async || processes::of_home(system.home()).is_empty().then_some(()),
    )
    .await;
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn a_cancelled_run_stops_its_processes_and_says_who_cancelled_it() {
    let (mut system, store) = running("patient", PATIENT).await;
    assert!(store.cancel_dag_run("patient", "one", &By::local("ada", crate::chaos::now())).await.unwrap());
    is_there(&system, "asked").await;
    until_some(
        "the task is gone",
        || system.stderr(),
        async || processes::of_home(system.home()).is_empty().then_some(()),
    )
    .await;
    let history = ended(&system, &store).await;
    assert_eq!(told(&history), (vec!["cancelled cancelled by ada".to_owned()], "failed".to_owned()));
    assert!(system.terminate().await.success());
}

#[tokio::test]
async fn a_cancelled_run_whose_task_ignores_sigterm_is_killed_hard_and_its_log_says_so() {
    let mut system = System::on_test_database().await;
    system.set("FLOWCTL_CORE__KILLED_TASK_CLEANUP_TIME", "0.2");
    let (mut system, store) = started(system, "deaf", DEAF).await;
    assert!(store.cancel_dag_run("deaf", "one", &By::local("ada", crate::chaos::now())).await.unwrap());
    let log = worker::log_path(system.home(), "deaf", "one", "deaf", -1, 1);
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    until_some("the log ends", &read, async || read().contains("failed: stopped").then_some(())).await;
    let log = read();
    let at = |part: &str| log.find(part).unwrap_or_else(|| panic!("no `{part}` in\n{log}"));
    assert!(at("sending SIGTERM") < at("SIGTERM was not enough: sending SIGKILL"), "{log}");
    assert!(system.home().join("asked").exists());
    assert_eq!(processes::of_home(system.home()), []);
    let history = ended(&system, &store).await;
    assert_eq!(told(&history), (vec!["cancelled cancelled by ada".to_owned()], "failed".to_owned()));
    let (_, reason) = history.runs.values().next().unwrap();
    assert_eq!(reason.as_deref(), Some("cancelled by ada"));
    assert!(system.terminate().await.success());
}
