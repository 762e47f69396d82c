//! Waiting without a slot, decision by decision.

use std::sync::Arc;

use jiff::Timestamp;
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::{Dag, Task};
use model::duration::Duration;
use model::ids::{TaskIndex, TaskInstanceKey};
use model::journal::DagRunRow;
use model::operator::{Operator, Python, PythonCall};
use model::pool::Pool;
use model::state::{DagRunState, TaskInstanceState as S};
use model::wait::{Answer, Approve, Awaited, Event, Look, Sensor, WaitRow, answer};
use model::why::Waiting;

use super::tests::{RUN, at, bash, dag, planner_with, report, run_row, task, written};
use super::{Decisions, Fate, Planner};
use crate::question::{self, Question};

const KEY: TaskInstanceKey = TaskInstanceKey::unmapped(RUN, TaskIndex(0));

fn sensor(condition: Event, timeout: u64) -> Sensor {
    Sensor { timeout: Duration::from_secs(timeout), ..Sensor::new(condition) }
}

fn file(timeout: u64) -> Operator {
    Operator::Sensor(sensor(Event::File("x".to_owned()), timeout))
}

fn the_file() -> Awaited {
    Awaited::File { path: "/dags/x".to_owned() }
}

/// A sensor, or what else waits, and a task behind it.
fn behind(operator: Operator, retries: u32) -> Dag {
    dag(vec![Task { retries, ..task("wait", &[], operator) }, task("next", &[0], bash())])
}

/// A planner in which `wait` has begun to wait at second 1, and what that wrote.
fn waiting(dag: Dag, awaited: Awaited) -> (Planner, Decisions) {
    let mut planner = planner_with(dag, 1);
    let asked = planner.plan(at(1), false);
    assert_eq!(asked.evaluate.len(), 1);
    planner.fold_evaluation(KEY, Question::Wait, Ok(question::Answer::Awaits(awaited)), at(1));
    let decisions = planner.plan(at(1), false);
    (planner, decisions)
}

/// The run as the database has it after these batches.
fn stored(batches: &[&Decisions]) -> DagRunRow {
    let mut row = DagRunRow { state: DagRunState::Running, ..run_row(RUN) };
    row.facts.started_at = Some(at(1));
    for decisions in batches {
        for ti in decisions.batch.inserted.iter().chain(&decisions.batch.updated) {
            row.task_instances.retain(|known| known.key != ti.key);
            row.task_instances.push(ti.clone());
        }
        row.waits.retain(|wait| !decisions.batch.ended_waits.contains(&wait.key));
        for wait in &decisions.batch.waits {
            row.waits.retain(|known| known.key != wait.key);
            row.waits.push(wait.clone());
        }
    }
    row.task_instances.sort_by_key(|ti| ti.key);
    row
}

fn ended(wait: &WaitRow, outcome: Outcome, now: Timestamp) -> Report {
    let finished =
        Finished { started_at: wait.since, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() };
    Report { token: wait.token, key: wait.key, event: AttemptEvent::Finished(finished) }
}

fn failure() -> Outcome {
    Outcome::Failed { reason: "no such host".to_owned(), exit_code: None, may_retry: true }
}

#[test]
fn a_ready_sensor_is_deferred_with_its_row_in_one_batch_and_watched_after_it() {
    let dag = behind(file(60), 0);
    let (_, decisions) = waiting(dag.clone(), the_file());
    assert_eq!(written(&decisions, &dag), ["wait deferred"]);
    let wait = &decisions.batch.waits[0];
    assert_eq!((wait.since, wait.deadline), (at(1), Some(at(61))));
    assert_eq!((decisions.watch.len(), decisions.dispatch.len()), (1, 0));
    assert_eq!(decisions.watch[0].attempt.token, wait.token);
    assert_eq!(decisions.watch[0].attempt.try_number, 1);
}

#[test]
fn what_waits_holds_no_slot() {
    let dag = dag(vec![task("wait", &[], file(60)), task("other", &[], bash())]);
    let mut planner = planner_with(dag.clone(), 1);
    let first = planner.plan(at(1), false);
    assert_eq!(written(&first, &dag), ["wait scheduled", "other queued", "run running"]);
    planner.fold_evaluation(KEY, Question::Wait, Ok(question::Answer::Awaits(the_file())), at(1));
    assert_eq!(written(&planner.plan(at(1), false), &dag), ["wait deferred"]);
}

#[test]
fn what_is_met_ends_the_wait_and_lets_the_next_task_go() {
    let dag = behind(file(60), 0);
    let (mut planner, decisions) = waiting(dag.clone(), the_file());
    assert!(planner.fold_report(&ended(&decisions.batch.waits[0], Outcome::Success, at(9)), None));
    let next = planner.plan(at(9), false);
    assert_eq!(written(&next, &dag), ["wait success", "next queued"]);
    assert_eq!(next.batch.ended_waits, [KEY]);
    assert_eq!(next.unwatch, [decisions.batch.waits[0].token]);
    assert_eq!(planner.next_timer(), None);
}

#[test]
fn a_report_under_another_token_ends_nothing() {
    let (mut planner, decisions) = waiting(behind(file(60), 0), the_file());
    let mut wait = decisions.batch.waits[0].clone();
    wait.token.0 += 1;
    assert!(!planner.fold_report(&ended(&wait, Outcome::Success, at(9)), None));
    assert!(planner.plan(at(9), false).is_empty());
}

#[test]
fn a_sensor_whose_time_is_over_fails_without_a_retry() {
    let dag = behind(file(60), 3);
    let (mut planner, _) = waiting(dag.clone(), the_file());
    assert_eq!(planner.next_timer(), Some(at(61)));
    assert!(planner.plan(at(60), false).is_empty());
    let decisions = planner.plan(at(61), false);
    assert_eq!(written(&decisions, &dag), ["wait failed", "next upstream_failed", "run failed"]);
    assert_eq!(decisions.batch.attempts[0].reason, "waited 1m (timeout) for the file /dags/x");
}

#[test]
fn a_sensor_that_fails_softly_is_skipped_when_its_time_is_over() {
    let soft = Operator::Sensor(Sensor { soft_fail: true, ..sensor(Event::File("x".to_owned()), 60) });
    let dag = behind(soft, 0);
    let (mut planner, _) = waiting(dag.clone(), the_file());
    assert_eq!(written(&planner.plan(at(61), false), &dag), ["wait skipped", "next skipped", "run success"]);
}

#[test]
fn a_time_needs_nobody_who_looks() {
    let dag = behind(Operator::Sensor(sensor(Event::Delta(Duration::from_secs(30)), 60)), 0);
    let (mut planner, decisions) = waiting(dag.clone(), Awaited::Time { at: at(31) });
    assert!(decisions.watch.is_empty());
    assert_eq!(planner.next_timer(), Some(at(31)));
    assert_eq!(written(&planner.plan(at(31), false), &dag), ["wait success", "next queued"]);
}

#[test]
fn a_time_that_has_passed_is_met_in_the_pass_that_asks_for_it() {
    let dag = behind(Operator::Sensor(sensor(Event::Delta(Duration::default()), 60)), 0);
    let (_, decisions) = waiting(dag.clone(), Awaited::Time { at: at(0) });
    assert_eq!(written(&decisions, &dag), ["wait success", "next queued"]);
    assert!(decisions.batch.waits.is_empty());
}

#[test]
fn a_retry_of_a_sensor_waits_no_longer_than_the_first_attempt_would_have() {
    let dag = behind(file(1000), 1);
    let (mut planner, decisions) = waiting(dag.clone(), the_file());
    planner.fold_report(&ended(&decisions.batch.waits[0], failure(), at(100)), None);
    let retry = planner.plan(at(100), false);
    assert_eq!(written(&retry, &dag), ["wait up_for_retry"]);
    assert!(retry.batch.ended_waits.is_empty(), "since when it waits is kept");
    assert_eq!(planner.plan(at(400), false).evaluate.len(), 1);
    planner.fold_evaluation(KEY, Question::Wait, Ok(question::Answer::Awaits(the_file())), at(400));
    let again = planner.plan(at(400), false);
    assert_eq!((again.batch.waits[0].since, again.batch.waits[0].deadline), (at(1), Some(at(1001))));
    assert_eq!(again.watch[0].attempt.try_number, 2);
}

#[test]
fn after_a_take_over_the_deadline_is_the_same_and_the_same_attempt_is_watched() {
    let dag = behind(file(60), 0);
    let (_, decisions) = waiting(dag.clone(), the_file());
    let mut row = stored(&[&planner_with(dag.clone(), 1).plan(at(1), false), &decisions]);
    row.waits[0].look = Some(Look { at: at(30), number: 2, saw: "it does not exist".to_owned() });
    let mut planner = planner_with(dag.clone(), 1);
    planner.fold_run(row, |_| Fate::Gone, at(40));
    let resumed = planner.plan(at(40), false);
    assert_eq!(written(&resumed, &dag), Vec::<String>::new());
    assert_eq!(resumed.watch[0].wait.token, decisions.batch.waits[0].token);
    assert_eq!(planner.next_timer(), Some(at(61)));
    let Some(Waiting::Event { what, looked_ago_s, until, .. }) = planner.why(KEY, at(42)) else { panic!("no reason") };
    assert_eq!((what.as_str(), looked_ago_s, until), ("the file /dags/x", Some(12), Some(at(61))));
    assert_eq!(
        planner.why(KEY, at(42)).unwrap().to_string(),
        "it waits for the file /dags/x: it does not exist (looked 12 s ago); it gives up at 2026-01-01T00:01:01Z"
    );
    let over = planner.plan(at(61), false);
    assert_eq!(written(&over, &dag), ["wait failed", "next upstream_failed", "run failed"]);
}

#[test]
fn a_run_that_is_read_again_is_not_watched_twice() {
    let dag = behind(file(60), 0);
    let (mut planner, decisions) = waiting(dag.clone(), the_file());
    let row = stored(&[&planner_with(dag, 1).plan(at(1), false), &decisions]);
    planner.fold_run(row, |_| Fate::Alive, at(5));
    assert!(planner.plan(at(5), false).watch.is_empty());
    assert_eq!(planner.next_timer(), Some(at(61)));
}

#[test]
fn a_sensor_that_was_cleared_begins_anew() {
    let dag = behind(file(60), 0);
    let (mut planner, decisions) = waiting(dag.clone(), the_file());
    let mut row = stored(&[&planner_with(dag, 1).plan(at(1), false), &decisions]);
    // What a clear writes.
    (row.task_instances[0].state, row.task_instances[0].max_tries) = (S::None, 2);
    planner.fold_run(row, |_| Fate::Alive, at(50));
    assert_eq!(planner.wanted_token(KEY), None, "the old attempt is to be stopped");
    let cleared = planner.plan(at(50), false);
    assert_eq!((cleared.evaluate.len(), cleared.batch.ended_waits.as_slice()), (1, &[KEY][..]));
    planner.fold_evaluation(KEY, Question::Wait, Ok(question::Answer::Awaits(the_file())), at(50));
    let again = planner.plan(at(50), false);
    assert_eq!((again.batch.waits[0].since, again.batch.waits[0].deadline), (at(50), Some(at(110))));
}

#[test]
fn a_run_that_somebody_ended_leaves_no_wait_behind() {
    let dag = behind(file(60), 0);
    let (mut planner, decisions) = waiting(dag.clone(), the_file());
    let mut row = stored(&[&planner_with(dag, 1).plan(at(1), false), &decisions]);
    row.state = DagRunState::Failed;
    row.version = 1;
    row.task_instances.iter_mut().for_each(|ti| ti.state = S::Skipped);
    planner.fold_run(row, |_| Fate::Alive, at(5));
    let decisions = planner.plan(at(5), false);
    assert_eq!(decisions.batch.ended_waits, [KEY]);
    assert_eq!((decisions.batch.runs[0].key, decisions.batch.runs[0].version), (RUN, 1));
    assert_eq!(planner.next_timer(), None);
}

#[test]
fn a_wait_without_its_row_starts_over() {
    let dag = behind(file(60), 0);
    let (_, decisions) = waiting(dag.clone(), the_file());
    let mut row = stored(&[&planner_with(dag.clone(), 1).plan(at(1), false), &decisions]);
    row.waits.clear();
    let mut planner = planner_with(dag, 1);
    planner.fold_run(row, |_| Fate::Gone, at(5));
    assert_eq!(planner.plan(at(5), false).evaluate.len(), 1);
}

#[test]
fn a_run_timeout_ends_what_waits() {
    let dag = Dag { dagrun_timeout: Some(Duration::from_secs(10)), ..behind(file(60), 0) };
    let (mut planner, waiting) = waiting(dag.clone(), the_file());
    let decisions = planner.plan(at(11), false);
    assert_eq!(written(&decisions, &dag), ["wait skipped", "next skipped", "run failed"]);
    assert_eq!(decisions.unwatch, [waiting.batch.waits[0].token]);
}

#[test]
fn a_template_that_is_wrong_fails_the_sensor() {
    let dag = behind(file(60), 2);
    let mut planner = planner_with(dag.clone(), 1);
    planner.plan(at(1), false);
    planner.fold_evaluation(KEY, Question::Wait, Err("`ds` is undefined".to_owned()), at(1));
    let decisions = planner.plan(at(1), false);
    assert_eq!(written(&decisions, &dag), ["wait failed", "next upstream_failed", "run failed"]);
    assert_eq!(decisions.batch.attempts[0].reason, "`ds` is undefined");
}

fn approve(default: Option<&str>) -> (Dag, Awaited) {
    let approve = Approve {
        default: default.map(str::to_owned),
        timeout: Some(Duration::from_secs(60)),
        ..Approve::new("Ship it?")
    };
    let approval = model::wait::Approval {
        prompt: approve.prompt.clone(),
        options: approve.options.clone(),
        default: approve.default.clone(),
        roles: Vec::new(),
    };
    (behind(Operator::Approve(approve), 0), Awaited::Approval(approval))
}

#[test]
fn an_approval_awaits_input_and_is_watched_by_nobody() {
    let (dag, awaited) = approve(None);
    let (_, decisions) = waiting(dag.clone(), awaited);
    assert_eq!(written(&decisions, &dag), ["wait awaiting_input"]);
    assert!(decisions.watch.is_empty());
}

#[test]
fn a_rejection_skips_what_follows_and_keeps_the_answer() {
    let (dag, awaited) = approve(None);
    let (mut planner, decisions) = waiting(dag.clone(), awaited.clone());
    let wait = &decisions.batch.waits[0];
    let Awaited::Approval(approval) = &awaited else { panic!("no approval") };
    let given = Answer { chosen: "Reject".to_owned(), by: Some("ada".to_owned()), at: at(7) };
    let finished = answer(approval, &given, wait.since).unwrap();
    let report = Report { token: wait.token, key: wait.key, event: AttemptEvent::Finished(finished) };
    assert!(planner.fold_report(&report, Some(3)));
    let decisions = planner.plan(at(7), false);
    assert_eq!(written(&decisions, &dag), ["wait success", "next skipped", "run success"]);
    // What follows from the answer is kept beside it.
    let keys: Vec<&str> = decisions.batch.xcoms.iter().map(|xcom| xcom.key.as_str()).collect();
    assert_eq!(keys, ["return_value", "skipmixin_key"]);
    assert_eq!(decisions.batch.xcoms[0].value["chosen_options"][0], "Reject");
    assert_eq!(decisions.batch.reports, [3]);
}

#[test]
fn nobody_answering_in_time_chooses_the_default_or_fails() {
    let (dag, awaited) = approve(Some("Approve"));
    let (mut planner, _) = waiting(dag.clone(), awaited);
    let decisions = planner.plan(at(61), false);
    assert_eq!(written(&decisions, &dag), ["wait success", "next queued"]);
    assert!(decisions.batch.xcoms[0].value["responded_by_user"].is_null());
    let (dag, awaited) = approve(None);
    let (mut planner, _) = waiting(dag.clone(), awaited);
    assert_eq!(written(&planner.plan(at(61), false), &dag), ["wait failed", "next upstream_failed", "run failed"]);
}

fn python(timeout: u64) -> Operator {
    let python = Python {
        call: PythonCall::Code("return False".to_owned()),
        args: Vec::new(),
        kwargs: serde_json::Map::new(),
        interpreter: None,
    };
    Operator::Sensor(sensor(Event::Python(python), timeout))
}

#[test]
fn a_sensor_in_python_gives_its_slot_back_between_two_looks_of_the_same_try() {
    let dag = behind(python(100), 0);
    let mut planner = planner_with(dag.clone(), 1);
    let not_yet = || Outcome::NotYet { saw: "it returned false".to_owned() };
    let first: Attempt = planner.plan(at(1), false).dispatch.remove(0);
    planner.fold_report(&report(&first, not_yet(), at(2)), None);
    let decisions = planner.plan(at(2), false);
    assert_eq!(written(&decisions, &dag), ["wait up_for_reschedule"]);
    assert_eq!(planner.next_timer(), Some(at(32)));
    let second = planner.plan(at(32), false).dispatch.remove(0);
    assert_eq!(second.try_number, 1);
    assert!(second.token > first.token);
    planner.fold_report(&report(&second, not_yet(), at(33)), None);
    assert_eq!(planner.plan(at(33), false).batch.waits[0].look.as_ref().unwrap().number, 2);
    for (next, now) in [(63, 63), (94, 94)] {
        let attempt = planner.plan(at(next), false).dispatch.remove(0);
        planner.fold_report(&report(&attempt, not_yet(), at(now)), None);
        planner.plan(at(now), false);
    }
    // The last look is when the time is over, counted from the start of the first.
    assert_eq!(planner.next_timer(), Some(at(102)));
    let last = planner.plan(at(102), false).dispatch.remove(0);
    planner.fold_report(&report(&last, not_yet(), at(103)), None);
    assert_eq!(written(&planner.plan(at(103), false), &dag), ["wait failed", "next upstream_failed", "run failed"]);
}

#[test]
fn a_sensor_in_python_between_two_looks_goes_on_after_a_take_over() {
    let dag = behind(python(100), 0);
    let mut planner = planner_with(dag.clone(), 1);
    let first = planner.plan(at(1), false);
    planner.fold_report(&report(&first.dispatch[0], Outcome::NotYet { saw: "no".to_owned() }, at(2)), None);
    let second = planner.plan(at(2), false);
    let mut planner = planner_with(dag, 1);
    planner.fold_run(stored(&[&first, &second]), |_| Fate::Gone, at(20));
    assert!(planner.plan(at(20), false).dispatch.is_empty());
    let next = planner.plan(at(32), false);
    assert_eq!(next.dispatch[0].try_number, 1);
}

#[test]
fn ten_thousand_sensors_begin_to_wait_in_batches() {
    let tasks: Vec<Task> = (0..10_000).map(|n| task(&format!("t{n}"), &[], file(60))).collect();
    let dag = Dag { tasks: tasks.into_iter().map(Arc::new).collect(), ..dag(Vec::new()) };
    let mut planner = planner_with(dag, 1);
    let (mut passes, mut begun) = (0, 0);
    loop {
        let decisions = planner.plan(at(1), false);
        begun += decisions.watch.len();
        assert!(decisions.batch.waits.len() <= 400);
        passes += 1;
        if !decisions.more && decisions.evaluate.is_empty() {
            break;
        }
        for asked in decisions.evaluate {
            planner.fold_evaluation(asked.attempt.key, Question::Wait, Ok(question::Answer::Awaits(the_file())), at(1));
        }
    }
    assert_eq!(begun, 10_000);
    assert!(passes < 80, "{passes}");
}

#[test]
fn a_full_pool_that_counts_deferred_ones_holds_back_what_would_wait_and_says_so() {
    let one = |name: &str| task(name, &[], file(60));
    let mut planner = planner_with(dag(vec![one("a"), one("b")]), 8);
    planner.fold_pools(vec![Pool {
        name: "default_pool".to_owned(),
        slots: Some(1),
        include_deferred: true,
        rate: None,
    }]);
    let keys = [0, 1].map(|index| TaskInstanceKey::unmapped(RUN, TaskIndex(index)));
    assert_eq!(planner.plan(at(1), false).evaluate.len(), 2);
    for key in keys {
        planner.fold_evaluation(key, Question::Wait, Ok(question::Answer::Awaits(the_file())), at(1));
    }
    let first = planner.plan(at(1), false);
    let [watch] = &first.watch[..] else { panic!("one begins: {:?}", first.watch) };
    let held = if watch.wait.key == keys[0] { keys[1] } else { keys[0] };
    let Some(Waiting::PoolFull { pool, slots: 1, .. }) = planner.why(held, at(1)) else {
        panic!("{:?}", planner.why(held, at(1)));
    };
    assert_eq!(pool, "default_pool");
    planner.fold_report(&report(&watch.attempt, Outcome::Success, at(2)), None);
    let second = planner.plan(at(2), false);
    assert_eq!(second.watch.iter().map(|watch| watch.wait.key).collect::<Vec<_>>(), [held]);
}
