//! What is told, decision by decision.

use model::attempt::Outcome;
use model::callback::{Callbacks, Deadline, Notify, Since, Slack, Target};
use model::dag::{Dag, OnLost, Task};
use model::duration::Duration;
use model::ids::DagRunKey;
use model::journal::DagRunRow;
use model::operator::Operator;
use model::state::DagRunState;

use super::tests::{RUN, at, bash, dag, failed, planner_with, report, run_row, task};
use super::{Decisions, Fate, Planner};
use crate::question::{Answer, Question};

fn block() -> Notify {
    Notify::Slack(Slack { to: Target::Connection("chat".to_owned()), text: None })
}

/// One block for each event.
fn all() -> Callbacks {
    Callbacks {
        on_success: vec![block()],
        on_failure: vec![block()],
        on_retry: vec![block()],
        on_skipped: vec![block()],
    }
}

fn telling(task: Task) -> Task {
    Task { callbacks: all(), ..task }
}

/// `a failure failed: why` per message that the batch writes.
fn told(decisions: &Decisions, dag: &Dag) -> Vec<String> {
    let name = |row: &model::callback::CallbackRow| {
        row.subject.task.map_or_else(|| "run".to_owned(), |task| dag.task(task).task_id.clone())
    };
    let row = |row: &model::callback::CallbackRow| {
        let reason = row.happened.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} {} {}{reason}", name(row), row.happened.event.as_str(), row.happened.state)
    };
    decisions.batch.callbacks.iter().map(row).collect()
}

fn ended(planner: &mut Planner, started: &Decisions, outcome: Outcome, second: i64) -> Decisions {
    planner.fold_report(&report(&started.dispatch[0], outcome, at(second)), None);
    planner.plan(at(second), false)
}

#[test]
fn an_end_a_retry_and_a_skip_of_itself_are_told_in_their_own_batch() {
    let dag = dag(vec![telling(Task { retries: 1, ..task("a", &[], bash()) })]);
    let mut planner = planner_with(dag.clone(), 1);
    let first = planner.plan(at(1), false);
    assert!(first.batch.callbacks.is_empty());
    let retried = ended(&mut planner, &first, failed(), 2);
    assert_eq!(told(&retried, &dag), ["a retry up_for_retry: exit code 1"]);
    let second = planner.plan(at(1000), false);
    let failed_for_good = ended(&mut planner, &second, failed(), 1001);
    assert_eq!(told(&failed_for_good, &dag), ["a failure failed: exit code 1"]);

    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    assert_eq!(told(&ended(&mut planner, &started, Outcome::Success, 2), &dag), ["a success success"]);

    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    let skipped = Outcome::Skipped { reason: "exit code 99".to_owned() };
    assert_eq!(told(&ended(&mut planner, &started, skipped, 2), &dag), ["a skipped skipped: exit code 99"]);
}

#[test]
fn what_upstreams_branches_and_the_end_of_a_run_do_to_a_task_is_not_told() {
    let dag = dag(vec![task("a", &[], bash()), telling(task("b", &[0], bash()))]);
    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    assert!(ended(&mut planner, &started, failed(), 2).batch.callbacks.is_empty());

    let mut planner = planner_with(dag, 1);
    let started = planner.plan(at(1), false);
    let skipped = Outcome::Skipped { reason: "exit code 99".to_owned() };
    assert!(ended(&mut planner, &started, skipped, 2).batch.callbacks.is_empty());
}

#[test]
fn a_task_whose_when_is_false_has_skipped_itself() {
    let dag = dag(vec![telling(Task { when: Some("{{ false }}".to_owned()), ..task("a", &[], bash()) })]);
    let mut planner = planner_with(dag.clone(), 1);
    let asked = planner.plan(at(1), false).evaluate.remove(0);
    planner.fold_evaluation(asked.attempt.key, Question::When, Ok(Answer::Holds(false)), at(2));
    assert_eq!(told(&planner.plan(at(2), false), &dag), ["a skipped skipped: `when` is false: {{ false }}"]);
}

/// The run as the database has it when the leader died after `started`.
fn stored(started: &Decisions) -> DagRunRow {
    let mut row = DagRunRow { state: DagRunState::Running, ..run_row(RUN) };
    row.facts.started_at = Some(at(1));
    row.task_instances.clone_from(&started.batch.inserted);
    row
}

#[test]
fn an_attempt_that_was_lost_with_its_leader_is_told_by_the_next_one() {
    for (on_lost, expected) in [(OnLost::Retry, "a retry up_for_retry"), (OnLost::Fail, "a failure failed")] {
        let dag = dag(vec![telling(Task { on_lost, ..task("a", &[], bash()) })]);
        let started = planner_with(dag.clone(), 1).plan(at(1), false);
        let mut next = planner_with(dag.clone(), 1);
        next.fold_run(stored(&started), |_| Fate::Gone, at(5));
        let lost = next.plan(at(5), false);
        assert_eq!(told(&lost, &dag), [format!("{expected}: the scheduler that ran it is gone")]);
    }
}

#[test]
fn a_message_of_a_batch_that_was_not_written_is_told_again_with_it() {
    let dag = dag(vec![telling(task("a", &[], bash()))]);
    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    let end = report(&started.dispatch[0], Outcome::Success, at(2));
    planner.fold_report(&end, None);
    let lost = planner.plan(at(2), false);
    assert_eq!(planner.abandon(&lost.batch), [RUN]);
    planner.fold_run(stored(&started), |_| Fate::Alive, at(3));
    planner.fold_report(&end, None);
    assert_eq!(told(&planner.plan(at(3), false), &dag), told(&lost, &dag));
}

#[test]
fn a_runs_end_is_told_with_its_reason() {
    let dag = Dag { callbacks: all(), ..dag(vec![task("a", &[], bash())]) };
    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    assert_eq!(told(&ended(&mut planner, &started, failed(), 2), &dag), ["run failure failed: failed: `a`"]);
    let timing = Dag { dagrun_timeout: Some(Duration::from_secs(60)), ..dag.clone() };
    let mut planner = planner_with(timing, 1);
    planner.plan(at(1), false);
    let timed_out = planner.plan(at(61), false);
    assert_eq!(told(&timed_out, &dag), ["run failure failed: timed out after 1m (dagrun_timeout)"]);
}

fn late(after: Since, by: u64) -> Deadline {
    Deadline { after, by: Duration::from_secs(by), then: vec![block(), block()] }
}

/// `run 60` per missed deadline that the batch writes.
fn missed(decisions: &Decisions) -> Vec<String> {
    let row = |missed: &model::callback::MissedDeadline| {
        let name = if missed.task_id.is_empty() { "run" } else { &missed.task_id };
        format!("{name} {}", missed.due_at.duration_since(at(0)).as_secs())
    };
    decisions.batch.missed.iter().map(row).collect()
}

#[test]
fn a_deadline_that_passes_fires_once_with_all_its_blocks_and_changes_no_state() {
    let dag = Dag { deadline: Some(late(Since::Start, 60)), ..dag(vec![task("a", &[], bash())]) };
    let mut planner = planner_with(dag.clone(), 1);
    let started = planner.plan(at(1), false);
    assert_eq!(planner.next_timer(), Some(at(61)));
    assert!(planner.plan(at(60), false).is_empty());
    let passed = planner.plan(at(61), false);
    assert_eq!(missed(&passed), ["run 61"]);
    assert_eq!(told(&passed, &dag), ["run deadline running", "run deadline running"]);
    assert!(passed.batch.updated.is_empty() && passed.batch.runs.iter().all(|run| run.change.is_none()));
    assert!(planner.plan(at(62), false).is_empty());
    assert!(ended(&mut planner, &started, Outcome::Success, 63).batch.missed.is_empty());
}

#[test]
fn what_has_finished_in_time_has_missed_nothing() {
    let of_task = Task { deadline: Some(late(Since::QueuedAt, 60)), ..task("a", &[], bash()) };
    let dag = Dag { deadline: Some(late(Since::QueuedAt, 60)), ..dag(vec![of_task]) };
    let mut planner = planner_with(dag, 1);
    let started = planner.plan(at(1), false);
    ended(&mut planner, &started, Outcome::Success, 2);
    assert!(planner.plan(at(100), false).batch.missed.is_empty());
}

#[test]
fn a_run_that_never_started_misses_its_deadline_too() {
    let dag = Dag { deadline: Some(late(Since::QueuedAt, 60)), ..dag(vec![task("a", &[], bash())]) };
    let mut planner = planner_with(dag, 1);
    planner.fold_dag(super::tests::dag_row(true));
    planner.plan(at(1), false);
    let passed = planner.plan(at(60), false);
    assert_eq!(missed(&passed), ["run 60"]);
    assert_eq!(passed.batch.callbacks[0].happened.state, "queued");
}

#[test]
fn a_task_is_late_by_its_newest_attempt_or_by_the_runs_logical_date() {
    let by_attempt = Task { deadline: Some(late(Since::QueuedAt, 60)), ..task("a", &[], bash()) };
    let by_date = Task { deadline: Some(late(Since::LogicalDate, 30)), ..task("b", &[0], Operator::Empty) };
    let dag = dag(vec![Task { retries: 1, ..by_attempt }, by_date]);
    let mut planner = planner_with(dag, 1);
    let first = planner.plan(at(1), false);
    assert_eq!(missed(&planner.plan(at(30), false)), ["b 30"]);
    ended(&mut planner, &first, failed(), 40);
    // The attempt failed in time; the next one has a time of its own.
    assert_eq!(planner.plan(at(340), false).dispatch.len(), 1);
    assert!(planner.plan(at(399), false).batch.missed.is_empty());
    assert_eq!(missed(&planner.plan(at(400), false)), ["a 400"]);
}

#[test]
fn after_a_take_over_a_deadline_is_the_same_instant() {
    let of_task = Task { deadline: Some(late(Since::Start, 60)), ..task("a", &[], bash()) };
    let dag = Dag { deadline: Some(late(Since::Start, 60)), ..dag(vec![of_task]) };
    let started = planner_with(dag.clone(), 1).plan(at(1), false);
    let mut row = stored(&started);
    row.task_instances[0].state = model::state::TaskInstanceState::Running;
    row.task_instances[0].started_at = Some(at(3));
    let mut next = planner_with(dag, 1);
    next.fold_run(row, |_| Fate::Alive, at(30));
    assert_eq!(missed(&next.plan(at(61), false)), ["run 61"]);
    assert_eq!(missed(&next.plan(at(63), false)), ["a 63"]);
}

#[test]
fn a_run_that_is_forgotten_leaves_no_timer_behind() {
    let of_task = Task { deadline: Some(late(Since::QueuedAt, 60)), ..task("a", &[], bash()) };
    let dag = Dag { deadline: Some(late(Since::QueuedAt, 60)), ..dag(vec![of_task]) };
    let mut planner = planner_with(dag, 1);
    planner.plan(at(1), false);
    planner.forget_run(DagRunKey(1));
    assert_eq!(planner.next_timer(), None);
}
