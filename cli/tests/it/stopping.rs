//! flowctl is stopped, or a run is, while tasks are running.

use jiff::Timestamp;
use nix::sys::signal::Signal;
use store::Store;
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

async fn running(dag_id: &str, text: &str) -> (System, Store) {
    let system = System::with_test_database().await;
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
async fn a_cancelled_run_stops_its_processes_and_says_who_cancelled_it() {
    let (mut system, store) = running("patient", PATIENT).await;
    #[expect(clippy::disallowed_methods, reason = "a person's clock")]
    let now = Timestamp::now();
    assert!(store.cancel_dag_run("patient", "one", "ada", now).await.unwrap());
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
