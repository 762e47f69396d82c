use executor::LocalExecutor;
use model::attempt::{Attempt, AttemptEvent, Outcome, Report};
use model::duration::Duration;
use model::ids::AttemptToken;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::fixture::{World, attempt, bash, is_alive, pid_in, until};

fn start(world: &World, parallelism: usize) -> (LocalExecutor, UnboundedReceiver<Report>) {
    let (reports, reported) = unbounded_channel();
    (LocalExecutor::start(world.known.clone(), world.config.clone(), parallelism, reports), reported)
}

fn numbered(world: &World, token: i64, command: &str) -> Attempt {
    attempt(bash(command), AttemptToken(token), &world.dags())
}

/// The next report, in short.
async fn next(reported: &mut UnboundedReceiver<Report>) -> String {
    let report = reported.recv().await.unwrap();
    let said = match report.event {
        AttemptEvent::Started { pid, .. } => {
            assert!(pid.unwrap() > 1);
            "started".to_owned()
        }
        AttemptEvent::Finished(finished) => match finished.outcome {
            Outcome::Success => "success".to_owned(),
            Outcome::Failed { reason, .. } => reason,
            other => format!("{other:?}"),
        },
    };
    format!("{} {said}", report.token.0)
}

#[tokio::test]
async fn attempts_are_reported_as_started_and_finished() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 2);
    executor.submit(numbered(&world, 1, "echo hi"));
    assert_eq!(next(&mut reported).await, "1 started");
    assert_eq!(next(&mut reported).await, "1 success");
    assert_eq!(executor.alive(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_start_in_the_order_in_which_they_came() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 1);
    for token in 1..=20 {
        executor.submit(numbered(&world, token, "true"));
    }
    for token in 1..=20 {
        assert_eq!(next(&mut reported).await, format!("{token} started"));
        assert_eq!(next(&mut reported).await, format!("{token} success"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_run_at_once_than_there_are_slots() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 3);
    for token in 1..=12 {
        executor.submit(numbered(&world, token, "sleep 0.02"));
    }
    let (mut running, mut most) = (0, 0);
    for _ in 0..24 {
        if next(&mut reported).await.ends_with("started") {
            running += 1;
        } else {
            running -= 1;
        }
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 3));
}

#[tokio::test]
async fn a_cancelled_attempt_ends_and_a_waiting_one_never_starts() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 1);
    executor.submit(numbered(&world, 1, "sleep 300"));
    executor.submit(numbered(&world, 2, "touch was_here"));
    assert_eq!(next(&mut reported).await, "1 started");
    assert_eq!(executor.alive(), [AttemptToken(1), AttemptToken(2)]);
    executor.cancel(AttemptToken(2));
    assert_eq!(next(&mut reported).await, "2 stopped");
    executor.cancel(AttemptToken(1));
    assert_eq!(next(&mut reported).await, "1 stopped");
    executor.cancel(AttemptToken(1));
    assert_eq!(executor.alive(), []);
    assert!(!world.dags().join("was_here").exists());
}

#[tokio::test]
async fn what_left_the_group_of_an_attempt_that_timed_out_has_ended_when_it_is_reported() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 1);
    let mut task = bash(
        "setsid sh -c 'trap \"\" TERM; echo $$ > escaped; while :; do sleep 0.02; done' &
         until [ -s escaped ]; do sleep 0.01; done; wait",
    );
    task.execution_timeout = Some(Duration::from_secs(3));
    executor.submit(attempt(task, AttemptToken(1), &world.dags()));
    assert_eq!(next(&mut reported).await, "1 started");
    let escaped = world.dags().join("escaped");
    until("the daemon runs", || pid_in(&escaped).is_some()).await;
    assert_eq!(next(&mut reported).await, "1 timed out after 3s (execution_timeout)");
    assert!(!is_alive(pid_in(&escaped).unwrap()));
}

#[tokio::test]
async fn stop_ends_everything_and_has_reported_it_when_it_returns() {
    let world = World::new();
    let (executor, mut reported) = start(&world, 2);
    for token in 1..=3 {
        executor.submit(numbered(
            &world,
            token,
            &format!("trap '' TERM; touch up{token}; while :; do sleep 0.02; done"),
        ));
    }
    until("two run", || world.dags().join("up1").exists() && world.dags().join("up2").exists()).await;
    executor.stop().await;
    let mut finished = 0;
    while let Ok(report) = reported.try_recv() {
        finished += usize::from(matches!(report.event, AttemptEvent::Finished(_)));
    }
    assert_eq!(finished, 3);
    executor.submit(numbered(&world, 4, "true"));
    assert_eq!(next(&mut reported).await, "4 stopped");
}
