//! Setups, choices, `when`, retries, the past and pauses, decision by decision.

use jiff::Timestamp;
use model::attempt::{Attempt, Outcome};
use model::dag::{Dag, Task, Teardown};
use model::duration::Duration;
use model::ids::{DagRunKey, TaskIndex, TaskInstanceKey};
use model::journal::{ChoiceRow, DagRunRow};
use model::operator::{Branch, Condition, Operator, ShortCircuit};
use model::past::{PastBlock, PastRun, PreviousRun};
use model::state::{DagRunState, TaskInstanceState as S};
use model::trigger_rule::TriggerRule;
use model::why::Waiting;

use super::tests::{RUN, at, bash, dag, dag_row, failed, planner_with, report, run_row, task, written};
use super::{Decisions, Fate, Planner};
use crate::question::{Answer, Question};

const NEXT: DagRunKey = DagRunKey(2);

fn key(run: DagRunKey, task: u32) -> TaskInstanceKey {
    TaskInstanceKey::unmapped(run, TaskIndex(task))
}

fn state(planner: &Planner, run: DagRunKey, task: u32) -> Option<S> {
    planner.task_instance(key(run, task)).map(|ti| ti.state)
}

/// `make` > `use` > `drop`, and `make` > `drop`.
fn scoped(of: Teardown) -> Dag {
    let make = Task { setup: true, ..task("make", &[], bash()) };
    let mut drop = task("drop", &[0, 1], bash());
    drop.teardown = Some(of);
    drop.trigger_rule = TriggerRule::AllDoneSetupSuccess;
    dag(vec![make, task("use", &[0], bash()), drop])
}

fn ends(planner: &mut Planner, decisions: &Decisions, outcome: Outcome, second: i64) -> Decisions {
    planner.fold_report(&report(&decisions.dispatch[0], outcome, at(second)), None);
    planner.plan(at(second), false)
}

#[test]
fn a_teardown_runs_although_what_is_between_failed_and_does_not_decide_how_the_run_ends() {
    let dag = scoped(Teardown::default());
    let mut planner = planner_with(dag.clone(), 8);
    let made = planner.plan(at(1), false);
    let used = ends(&mut planner, &made, Outcome::Success, 2);
    assert_eq!(written(&used, &dag), ["make success", "use queued"]);
    let dropped = ends(&mut planner, &used, Outcome::Success, 3);
    assert_eq!(written(&dropped, &dag), ["use success", "drop queued"]);
    assert_eq!(written(&ends(&mut planner, &dropped, failed(), 4), &dag), ["drop failed", "run success"]);

    let mut planner = planner_with(dag.clone(), 8);
    let made = planner.plan(at(1), false);
    let used = ends(&mut planner, &made, Outcome::Success, 2);
    let dropped = ends(&mut planner, &used, failed(), 3);
    assert_eq!(written(&dropped, &dag), ["use failed", "drop queued"]);
    assert_eq!(written(&ends(&mut planner, &dropped, Outcome::Success, 4), &dag), ["drop success", "run failed"]);
}

#[test]
fn a_teardown_whose_setup_failed_does_not_run_and_one_that_is_asked_to_fails_the_run() {
    let dag = scoped(Teardown { on_failure_fail_dagrun: true });
    let mut planner = planner_with(dag.clone(), 8);
    let made = planner.plan(at(1), false);
    let ended = ends(&mut planner, &made, failed(), 2);
    assert_eq!(written(&ended, &dag), ["make failed", "use upstream_failed", "drop upstream_failed", "run failed"]);

    let mut planner = planner_with(dag.clone(), 8);
    let made = planner.plan(at(1), false);
    let used = ends(&mut planner, &made, Outcome::Success, 2);
    let dropped = ends(&mut planner, &used, Outcome::Success, 3);
    assert_eq!(written(&ends(&mut planner, &dropped, failed(), 4), &dag), ["drop failed", "run failed"]);
}

fn short_circuit(ignores: bool) -> Operator {
    Operator::ShortCircuit(ShortCircuit {
        condition: Condition::Expression("{{ x }}".to_owned()),
        ignore_downstream_trigger_rules: ignores,
    })
}

/// `gate` > `next` > `last`, where `last` runs however `next` ends.
fn gated(ignores: bool) -> Dag {
    let mut last = task("last", &[1], Operator::Empty);
    last.trigger_rule = TriggerRule::AllDone;
    dag(vec![task("gate", &[], short_circuit(ignores)), task("next", &[0], Operator::Empty), last])
}

fn answered(dag: Dag, answer: Answer) -> (Planner, Decisions) {
    let mut planner = planner_with(dag, 8);
    let asked = planner.plan(at(1), false).evaluate.remove(0);
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(answer), at(2));
    let decisions = planner.plan(at(2), false);
    (planner, decisions)
}

#[test]
fn a_short_circuit_that_says_no_skips_everything_behind_it_or_only_what_directly_follows() {
    let all = answered(gated(true), Answer::Holds(false)).1;
    assert_eq!(written(&all, &gated(true)), ["gate success", "next skipped", "last skipped", "run success"]);
    let direct = answered(gated(false), Answer::Holds(false)).1;
    assert_eq!(written(&direct, &gated(true)), ["gate success", "next skipped", "last success", "run success"]);
    let none = answered(gated(true), Answer::Holds(true)).1;
    assert_eq!(written(&none, &gated(true)), ["gate success", "next success", "last success", "run success"]);
}

#[test]
fn clearing_a_task_later_keeps_what_a_short_circuit_or_branch_said_of_it() {
    let mut branch = gated(true);
    let mut tasks = std::mem::take(&mut branch.tasks);
    std::sync::Arc::make_mut(&mut tasks[0]).operator = Operator::Branch(Branch::Expression("{{ x }}".to_owned()));
    let branch = Dag { tasks, ..branch };
    for (dag, answer) in [(gated(true), Answer::Holds(false)), (branch, Answer::Follow(Vec::new()))] {
        let (mut planner, decisions) = answered(dag.clone(), answer);
        let kept = decisions.batch.xcoms.iter().find(|xcom| xcom.key == model::xcom::CHOICE).unwrap();
        let mut row = run_row(RUN);
        row.task_instances = decisions.batch.inserted.iter().chain(&decisions.batch.updated).cloned().collect();
        assert_eq!(row.task_instances.len(), 3);
        row.task_instances[1].state = S::None;
        row.choices = vec![ChoiceRow { task_id: "gate".to_owned(), map_index: -1, value: kept.value.clone() }];
        planner.fold_run(row, |_| Fate::Gone, at(3));
        assert!(written(&planner.plan(at(3), false), &dag).contains(&"next skipped".to_owned()));
    }
}

#[test]
fn a_task_whose_when_is_false_is_skipped_before_it_takes_a_slot_and_says_so() {
    let mut only = task("a", &[], bash());
    only.when = Some("{{ false }}".to_owned());
    let dag = dag(vec![only, task("b", &[0], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    let mut decisions = planner.plan(at(1), false);
    assert!(decisions.dispatch.is_empty());
    let asked = decisions.evaluate.remove(0);
    assert_eq!(asked.question, Question::When);
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(Answer::Holds(false)), at(2));
    let decisions = planner.plan(at(2), false);
    assert_eq!(written(&decisions, &dag), ["a skipped", "b skipped", "run success"]);
    assert_eq!(decisions.batch.attempts[0].reason, "`when` is false: {{ false }}");
}

#[test]
fn a_task_whose_when_holds_runs_and_is_asked_again_before_its_retry() {
    let mut only = task("a", &[], bash());
    only.when = Some("{{ true }}".to_owned());
    only.retries = 1;
    only.retry_delay = Duration::from_secs(0);
    let mut planner = planner_with(dag(vec![only]), 8);
    let asked = planner.plan(at(1), false).evaluate.remove(0);
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(Answer::Holds(true)), at(2));
    let decisions = planner.plan(at(2), false);
    assert_eq!(decisions.dispatch[0].try_number, 1);
    let again = ends(&mut planner, &decisions, failed(), 3);
    let again = if again.evaluate.is_empty() { planner.plan(at(3), false) } else { again };
    assert_eq!(again.evaluate.len(), 1);
    planner.fold_evaluation(again.evaluate[0].attempt.key, Question::When, Err("no such name".to_owned()), at(4));
    let ended = planner.plan(at(4), false);
    assert_eq!(ended.batch.attempts[0].reason, "no such name");
    assert_eq!(ended.batch.runs[0].change.as_ref().unwrap().state, DagRunState::Failed);
}

#[test]
fn a_delay_that_grows_grows_with_failures_and_not_with_lost_attempts() {
    let mut only = task("a", &[], bash());
    only.retries = 3;
    only.retry_delay = Duration::from_secs(100);
    only.retry_exponential_backoff = Some(2.0);
    only.max_retry_delay = Some(Duration::from_secs(350));
    let mut planner = planner_with(dag(vec![only]), 8);
    let mut now = 1;
    let mut waits = Vec::new();
    let mut decisions = planner.plan(at(now), false);
    for outcome in [Outcome::Lost { reason: "gone".to_owned() }, failed(), failed(), failed()] {
        let is_lost = matches!(outcome, Outcome::Lost { .. });
        decisions = ends(&mut planner, &decisions, outcome, now);
        if !is_lost {
            let retry_at = planner.next_timer().unwrap();
            waits.push(retry_at.as_second() - at(now).as_second());
            now = retry_at.as_second() - at(0).as_second();
            decisions = planner.plan(at(now), false);
        }
    }
    assert!((100..200).contains(&waits[0]) && (200..350).contains(&waits[1]) && waits[2] == 350, "{waits:?}");
}

/// Two runs of a DAG whose tasks depend on the past, a day apart; the second has been told of the first.
fn two_runs(dag: Dag, first: Option<DagRunRow>) -> Planner {
    let mut planner = planner_with(dag, 8);
    planner.forget_run(RUN);
    let dated = |key: DagRunKey, date: Timestamp| {
        let mut row = run_row(key);
        row.facts.logical_date = Some(date);
        row
    };
    let first = first.map(|mut row| {
        row.facts.logical_date = Some(at(-86_400));
        row
    });
    planner.fold_run(first.unwrap_or_else(|| dated(RUN, at(-86_400))), |_| Fate::Gone, at(0));
    planner.fold_run(dated(NEXT, at(0)), |_| Fate::Gone, at(0));
    for query in planner.take_wanted_past() {
        let previous = (query.dag_run == NEXT).then(|| PreviousRun {
            key: RUN,
            run_id: "manual__1".to_owned(),
            tasks: [("a".to_owned(), S::Failed)].into(),
            earlier: std::collections::BTreeSet::new(),
        });
        planner.fold_past(query.dag_run, PastRun { previous }, at(0));
    }
    planner
}

fn past(wait_for_downstream: bool) -> Dag {
    let first = Task { depends_on_past: true, wait_for_downstream, ..task("a", &[], bash()) };
    dag(vec![first, task("b", &[0], bash())])
}

fn of(decisions: &Decisions, run: DagRunKey) -> Vec<&Attempt> {
    decisions.dispatch.iter().filter(|attempt| attempt.key.dag_run == run).collect()
}

#[test]
fn a_task_waits_for_itself_in_the_run_before_and_says_so() {
    let mut planner = two_runs(past(false), None);
    let decisions = planner.plan(at(1), false);
    assert!(of(&decisions, NEXT).is_empty());
    let block = |state| PastBlock { run_id: "manual__1".to_owned(), task_id: "a".to_owned(), state: Some(state) };
    assert_eq!(planner.why(key(NEXT, 0), at(1)), Some(Waiting::Past { block: block(S::Queued) }));
    planner.fold_report(&report(of(&decisions, RUN)[0], Outcome::Success, at(2)), None);
    assert_eq!(of(&planner.plan(at(2), false), NEXT)[0].task().task_id, "a");
}

#[test]
fn a_task_that_waits_for_downstream_waits_for_what_follows_in_the_run_before() {
    let mut planner = two_runs(past(true), None);
    let first = planner.plan(at(1), false);
    let second = ends(&mut planner, &first, Outcome::Success, 2);
    assert!(of(&second, NEXT).is_empty());
    planner.fold_report(&report(of(&second, RUN)[0], Outcome::Success, at(3)), None);
    assert_eq!(of(&planner.plan(at(3), false), NEXT)[0].task().task_id, "a");
}

#[test]
fn a_run_before_that_failed_holds_the_next_until_it_is_cleared_and_ends_well() {
    let mut planner = two_runs(past(false), None);
    let first = planner.plan(at(1), false);
    let ended = ends(&mut planner, &first, failed(), 2);
    assert_eq!(state(&planner, RUN, 0), None);
    assert_eq!(state(&planner, NEXT, 0), Some(S::None));
    let reason = planner.why(key(NEXT, 0), at(2)).unwrap().to_string();
    assert_eq!(reason, "it depends on the run before, `manual__1`, where `a` failed");
    let mut row = run_row(RUN);
    row.facts.logical_date = Some(at(-86_400));
    row.task_instances = first.batch.inserted.iter().filter(|ti| ti.key.dag_run == RUN).cloned().collect();
    for changed in ended.batch.updated.iter().filter(|ti| ti.key.dag_run == RUN) {
        row.task_instances[changed.key.task.at()] = changed.clone();
    }
    row.task_instances.iter_mut().for_each(|ti| ti.state = S::None);
    planner.fold_run(row, |_| Fate::Gone, at(3));
    assert_eq!(planner.take_wanted_past().len(), 2);
    let again = planner.plan(at(3), false);
    assert!(of(&again, NEXT).is_empty());
    planner.fold_past(RUN, PastRun::default(), at(3));
    let again = planner.plan(at(3), false);
    planner.fold_report(&report(of(&again, RUN)[0], Outcome::Success, at(4)), None);
    assert_eq!(of(&planner.plan(at(4), false), NEXT).len(), 1);
}

#[test]
fn a_run_before_that_is_not_in_memory_counts_as_it_was_read() {
    let mut finished = run_row(RUN);
    finished.state = DagRunState::Failed;
    let mut planner = two_runs(past(false), Some(finished));
    assert!(planner.plan(at(1), false).dispatch.is_empty());
    let good = PreviousRun {
        key: RUN,
        run_id: "manual__1".to_owned(),
        tasks: [("a".to_owned(), S::Success)].into(),
        earlier: std::collections::BTreeSet::new(),
    };
    planner.fold_past(NEXT, PastRun { previous: Some(good) }, at(2));
    assert_eq!(of(&planner.plan(at(2), false), NEXT).len(), 1);
}

#[test]
fn until_its_past_is_known_a_task_waits() {
    let mut planner = planner_with(past(false), 8);
    planner.forget_run(RUN);
    let mut row = run_row(NEXT);
    row.facts.logical_date = Some(at(0));
    planner.fold_run(row, |_| Fate::Gone, at(0));
    assert!(planner.plan(at(1), false).dispatch.is_empty());
    assert_eq!(planner.take_wanted_past().len(), 1);
    planner.fold_past(NEXT, PastRun::default(), at(1));
    assert_eq!(planner.plan(at(1), false).dispatch.len(), 1);
}

#[test]
fn so_many_failed_runs_in_a_row_pause_the_dag_in_the_commit_of_the_last_one() {
    let mut dag = dag(vec![task("a", &[], bash())]);
    dag.max_consecutive_failed_dag_runs = Some(2);
    dag.max_active_runs = Some(1);
    let mut planner = planner_with(dag.clone(), 8);
    for number in 2..5 {
        planner.fold_run(run_row(DagRunKey(number)), |_| Fate::Gone, at(0));
    }
    let first = planner.plan(at(1), false);
    let second = ends(&mut planner, &first, failed(), 2);
    assert!(second.batch.paused.is_empty());
    let third = ends(&mut planner, &second, failed(), 3);
    assert_eq!(third.batch.paused[0].dag_id, "d");
    let said = "2 runs in a row failed (max_consecutive_failed_dag_runs), the last one `manual__2`";
    assert_eq!(third.batch.paused[0].reason, said);
    let reason = third.batch.runs[0].change.as_ref().unwrap().reason.clone().unwrap();
    assert_eq!(reason, "failed: `a`; the DAG was paused: 2 runs in a row failed (max_consecutive_failed_dag_runs)");
    assert!(third.dispatch.is_empty());
    // Unpaused, one more failure is one more in a row; what was read says the same as what was seen.
    planner.fold_dag(dag_row(false));
    planner.fold_recent_ends("d", [(DagRunKey(1), true), (DagRunKey(2), true)]);
    let fourth = planner.plan(at(4), false);
    assert_eq!(ends(&mut planner, &fourth, failed(), 5).batch.paused.len(), 1);
}

#[test]
fn a_success_between_failures_starts_the_count_anew() {
    let mut dag = dag(vec![task("a", &[], bash())]);
    dag.max_consecutive_failed_dag_runs = Some(2);
    dag.max_active_runs = Some(1);
    let mut planner = planner_with(dag, 8);
    for number in 2..4 {
        planner.fold_run(run_row(DagRunKey(number)), |_| Fate::Gone, at(0));
    }
    let mut decisions = planner.plan(at(1), false);
    for (second, outcome) in [(2, failed()), (3, Outcome::Success), (4, failed())] {
        decisions = ends(&mut planner, &decisions, outcome, second);
        assert!(decisions.batch.paused.is_empty());
    }
}
