//! The planner, decision by decision.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::attempt::{Attempt, AttemptEvent, Finished, Outcome, Report};
use model::dag::{Dag, Task};
use model::dag_run::DagRunFacts;
use model::duration::Duration;
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, Epoch, TaskIndex, TaskInstanceKey};
use model::journal::{DagRow, DagRunRow, DagVersion};
use model::limits::Limits;
use model::operator::{Bash, Branch, Operator};
use model::state::{DagRunState, DagRunType, TaskInstanceState as S, TriggeredBy};
use model::trigger_rule::TriggerRule;
use model::why::Waiting;
use proptest::prelude::*;

use super::{Decisions, Fate, Planner};
use crate::question::Answer;

mod again;

pub(super) const RUN: DagRunKey = DagRunKey(1);

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

pub(super) fn task(id: &str, upstream: &[u32], operator: Operator) -> Task {
    Task { upstream: upstream.iter().map(|index| TaskIndex(*index)).collect(), ..Task::new(id, operator) }
}

pub(super) fn bash() -> Operator {
    Operator::Bash(Bash::new("true"))
}

pub(super) fn dag(tasks: Vec<Task>) -> Dag {
    Dag::new("d", tasks.into_iter().map(Arc::new).collect())
}

pub(super) fn dag_row(is_paused: bool) -> DagRow {
    DagRow {
        dag_id: "d".to_owned(),
        is_paused,
        is_stale: false,
        current_version: Some(DagVersionKey(1)),
        last_interval: None,
        known_since: None,
        skip_next: 0,
        disabled_tasks: Vec::new(),
        backfill: None,
        queued_events: Vec::new(),
    }
}

pub(super) fn run_row(key: DagRunKey) -> DagRunRow {
    DagRunRow {
        facts: DagRunFacts {
            key,
            dag_id: "d".to_owned(),
            run_id: format!("manual__{}", key.0),
            run_type: DagRunType::Manual,
            logical_date: None,
            data_interval: None,
            run_after: at(0),
            conf: serde_json::Map::new(),
            params: serde_json::Map::new(),
            started_at: None,
            triggered_by: TriggeredBy::Test,
        },
        dag_version: DagVersionKey(1),
        version: 0,
        state: DagRunState::Queued,
        queued_at: at(0),
        task_instances: Vec::new(),
        choices: Vec::new(),
        waits: Vec::new(),
    }
}

pub(super) fn planner_with(dag: Dag, parallelism: u32) -> Planner {
    let limits = Limits { parallelism, max_active_runs_per_dag: 16, max_active_tasks_per_dag: 16, ..Limits::default() };
    let mut planner = Planner::new(limits, Epoch(1));
    planner.fold_version(DagVersion {
        key: DagVersionKey(1),
        dag: Arc::new(dag),
        fileloc: Arc::new(PathBuf::from("/dags/d.yaml")),
    });
    planner.fold_dag(dag_row(false));
    planner.fold_run(run_row(RUN), |_| Fate::Gone, at(0));
    planner
}

pub(super) fn report(attempt: &Attempt, outcome: Outcome, now: Timestamp) -> Report {
    let finished = Finished { started_at: now, ended_at: now, outcome, xcoms: Vec::new(), outlet_events: Vec::new() };
    Report { token: attempt.token, key: attempt.key, event: AttemptEvent::Finished(finished) }
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed { reason: "exit code 1".to_owned(), exit_code: Some(1), may_retry: true }
}

/// `task state` per row that the batch writes, and `run state` per changed run.
pub(super) fn written(decisions: &Decisions, dag: &Dag) -> Vec<String> {
    let rows = decisions.batch.inserted.iter().chain(&decisions.batch.updated);
    let tasks = rows.map(|row| format!("{} {}", dag.task(row.key.task).task_id, row.state));
    let runs = decisions.batch.runs.iter().filter_map(|run| run.change.as_ref());
    tasks.chain(runs.map(|change| format!("run {}", change.state))).collect()
}

#[test]
fn a_new_run_is_inserted_started_and_its_roots_queued_in_one_batch() {
    let dag = dag(vec![task("a", &[], bash()), task("b", &[0], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    let decisions = planner.plan(at(1), false);
    assert_eq!(written(&decisions, &dag), ["a queued", "b none", "run running"]);
    let first = &decisions.batch.inserted[0];
    assert_eq!((first.scheduled_at, first.queued_at, first.try_number), (Some(at(1)), Some(at(1)), 1));
    assert_eq!(decisions.dispatch.len(), 1);
}

#[test]
fn a_finish_and_what_it_makes_ready_are_in_the_same_batch() {
    let dag = dag(vec![task("a", &[], bash()), task("b", &[0], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    let first = planner.plan(at(1), false);
    assert!(planner.fold_report(&report(&first.dispatch[0], Outcome::Success, at(2)), None));
    let second = planner.plan(at(2), false);
    assert_eq!(written(&second, &dag), ["a success", "b queued"]);
    assert!(planner.fold_report(&report(&second.dispatch[0], Outcome::Success, at(3)), None));
    assert_eq!(written(&planner.plan(at(3), false), &dag), ["b success", "run success"]);
    assert_eq!(planner.run_count(), 0);
}

#[test]
fn a_chain_without_processes_is_finished_in_one_pass() {
    let dag = dag(vec![task("a", &[], Operator::Empty), task("b", &[0], Operator::Empty)]);
    let mut planner = planner_with(dag.clone(), 0);
    let decisions = planner.plan(at(1), false);
    assert_eq!(written(&decisions, &dag), ["a success", "b success", "run success"]);
    assert!(decisions.dispatch.is_empty());
}

#[test]
fn a_stale_token_changes_nothing() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 8);
    let mut attempt = planner.plan(at(1), false).dispatch.remove(0);
    attempt.token = AttemptToken(attempt.token.0 + 1);
    assert!(!planner.fold_report(&report(&attempt, Outcome::Success, at(2)), None));
    assert!(planner.plan(at(2), false).is_empty());
}

#[test]
fn a_failed_attempt_waits_for_its_delay_and_then_fails_for_good_with_its_downstream() {
    let mut first = task("a", &[], bash());
    first.retries = 1;
    let dag = dag(vec![first, task("b", &[0], bash()), task("c", &[1], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    planner.fold_report(&report(&attempt, failed(), at(2)), None);
    let decisions = planner.plan(at(2), false);
    assert_eq!(written(&decisions, &dag), ["a up_for_retry"]);
    assert_eq!(planner.next_timer(), Some(at(302)));
    assert_eq!(planner.why(attempt.key, at(3)), Some(Waiting::RetryAt { at: at(302) }));
    assert!(planner.plan(at(301), false).is_empty());
    let attempt = planner.plan(at(302), false).dispatch.remove(0);
    assert_eq!(attempt.try_number, 2);
    planner.fold_report(&report(&attempt, failed(), at(303)), None);
    let decisions = planner.plan(at(303), false);
    assert_eq!(written(&decisions, &dag), ["a failed", "b upstream_failed", "c upstream_failed", "run failed"]);
    let reason = decisions.batch.runs[0].change.as_ref().unwrap().reason.clone();
    assert_eq!(reason.as_deref(), Some("failed: `a`"));
}

#[test]
fn a_failure_that_trying_again_cannot_help_is_not_retried() {
    let mut only = task("a", &[], bash());
    only.retries = 5;
    let dag = dag(vec![only]);
    let mut planner = planner_with(dag.clone(), 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    let outcome = Outcome::Failed { reason: "no such interpreter".to_owned(), exit_code: None, may_retry: false };
    planner.fold_report(&report(&attempt, outcome, at(2)), None);
    assert_eq!(written(&planner.plan(at(2), false), &dag), ["a failed", "run failed"]);
}

#[test]
fn a_lost_attempt_is_recorded_and_tried_again_without_consuming_a_retry() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 8);
    let first = planner.plan(at(1), false);
    let mut row = run_row(RUN);
    row.state = DagRunState::Running;
    row.task_instances.clone_from(&first.batch.inserted);
    planner.fold_run(row, |_| Fate::Gone, at(5));
    let decisions = planner.plan(at(5), false);
    assert_eq!(decisions.batch.attempts[0].state, "lost");
    let attempt = &decisions.dispatch[0];
    assert_eq!((attempt.try_number, attempt.max_tries), (2, 2));
    assert!(attempt.token > first.dispatch[0].token);
}

#[test]
fn an_attempt_that_was_never_handed_out_is_handed_out_as_it_is() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 8);
    let first = planner.plan(at(1), false);
    let mut row = run_row(RUN);
    row.state = DagRunState::Running;
    row.task_instances.clone_from(&first.batch.inserted);
    planner.fold_run(row, |_| Fate::NeverDispatched, at(5));
    let decisions = planner.plan(at(5), false);
    assert!(decisions.batch.is_empty());
    assert_eq!(decisions.dispatch[0].token, first.dispatch[0].token);
}

#[test]
fn a_branch_skips_what_it_did_not_choose_and_the_join_survives() {
    let mut join = task("join", &[1, 2], Operator::Empty);
    join.trigger_rule = TriggerRule::NoneFailedMinOneSuccess;
    let dag = dag(vec![
        task("pick", &[], Operator::Branch(Branch::Expression("{{ 'left' }}".to_owned()))),
        task("left", &[0], Operator::Empty),
        task("right", &[0], Operator::Empty),
        join,
    ]);
    let mut planner = planner_with(dag.clone(), 8);
    let asked = planner.plan(at(1), false).evaluate.remove(0);
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(Answer::Follow(vec!["left".to_owned()])), at(2));
    let decisions = planner.plan(at(2), false);
    assert_eq!(
        written(&decisions, &dag),
        ["pick success", "left success", "right skipped", "join success", "run success"]
    );
}

#[test]
fn a_branch_that_chooses_something_else_fails_and_names_what_it_could_choose() {
    let dag = dag(vec![
        task("pick", &[], Operator::Branch(Branch::Expression("{{ 'left' }}".to_owned()))),
        task("left", &[0], Operator::Empty),
    ]);
    let mut planner = planner_with(dag, 8);
    let asked = planner.plan(at(1), false).evaluate.remove(0);
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(Answer::Follow(vec!["lefd".to_owned()])), at(2));
    let decisions = planner.plan(at(2), false);
    assert_eq!(
        decisions.batch.attempts[0].reason,
        "the branch chose `lefd`, which is not one of its direct downstream tasks (left)"
    );
}

#[test]
fn limits_hold_and_say_so() {
    let mut dag = dag(vec![task("a", &[], bash()), task("b", &[], bash()), task("c", &[], bash())]);
    dag.max_active_tasks = Some(1);
    let mut planner = planner_with(dag.clone(), 8);
    assert_eq!(planner.plan(at(1), false).dispatch.len(), 1);
    let waiting = TaskInstanceKey::unmapped(RUN, TaskIndex(2));
    assert_eq!(planner.why(waiting, at(1)), Some(Waiting::MaxActiveTasks { limit: 1 }));
    dag.max_active_tasks = None;
    let mut planner = planner_with(dag, 2);
    assert_eq!(planner.plan(at(1), false).dispatch.len(), 2);
    assert_eq!(planner.why(waiting, at(1)), Some(Waiting::Parallelism { limit: 2, ahead: 0 }));
}

#[test]
fn while_drained_nothing_is_handed_out() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 2);
    planner.drain(true);
    assert!(planner.plan(at(1), false).dispatch.is_empty());
    assert_eq!(planner.why(TaskInstanceKey::unmapped(RUN, TaskIndex(0)), at(1)), Some(Waiting::Drained));
    planner.drain(false);
    assert_eq!(planner.plan(at(2), false).dispatch.len(), 1);
}

#[test]
fn heavier_tasks_get_slots_first() {
    let dag = dag(vec![task("leaf", &[], bash()), task("root", &[], bash()), task("next", &[1], bash())]);
    let mut planner = planner_with(dag.clone(), 1);
    let decisions = planner.plan(at(1), false);
    assert_eq!(decisions.dispatch[0].task().task_id, "root");
}

#[test]
fn a_paused_dag_starts_nothing_until_it_is_unpaused() {
    let dag = dag(vec![task("a", &[], bash()), task("b", &[0], bash()), task("c", &[0], Operator::Empty)]);
    let mut planner = planner_with(dag.clone(), 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    planner.fold_dag(dag_row(true));
    planner.fold_report(&report(&attempt, Outcome::Success, at(2)), None);
    assert_eq!(written(&planner.plan(at(2), false), &dag), ["a success"]);
    assert_eq!(planner.why(TaskInstanceKey::unmapped(RUN, TaskIndex(1)), at(2)), Some(Waiting::Paused));
    planner.fold_dag(dag_row(false));
    assert_eq!(written(&planner.plan(at(3), false), &dag), ["b queued", "c success"]);
}

#[test]
fn a_run_beyond_max_active_runs_starts_in_the_batch_that_ends_the_one_before() {
    let mut dag = dag(vec![task("a", &[], bash())]);
    dag.max_active_runs = Some(1);
    let mut planner = planner_with(dag.clone(), 8);
    planner.fold_run(run_row(DagRunKey(2)), |_| Fate::Gone, at(0));
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    assert_eq!(planner.why_run(DagRunKey(2), at(1)), Some(model::why::RunWaiting::MaxActiveRuns { limit: 1 }));
    planner.fold_report(&report(&attempt, Outcome::Success, at(2)), None);
    let decisions = planner.plan(at(2), false);
    let states: Vec<DagRunState> =
        decisions.batch.runs.iter().filter_map(|run| run.change.as_ref()).map(|change| change.state).collect();
    assert_eq!(states, [DagRunState::Success, DagRunState::Running]);
}

#[test]
fn a_run_that_takes_too_long_fails_and_what_was_left_is_skipped() {
    let mut dag = dag(vec![task("a", &[], bash()), task("b", &[0], bash())]);
    dag.dagrun_timeout = Some(Duration::from_secs(3600));
    let mut planner = planner_with(dag.clone(), 8);
    planner.plan(at(1), false);
    assert_eq!(planner.next_timer(), Some(at(3601)));
    let decisions = planner.plan(at(3601), false);
    assert_eq!(written(&decisions, &dag), ["a skipped", "b skipped", "run failed"]);
    let reason = decisions.batch.runs[0].change.as_ref().unwrap().reason.clone();
    assert_eq!(reason.as_deref(), Some("timed out after 1h (dagrun_timeout)"));
}

#[test]
fn a_started_attempt_is_written_only_when_there_is_time() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    let event = AttemptEvent::Started { at: at(2), pid: Some(7) };
    planner.fold_report(&Report { token: attempt.token, key: attempt.key, event }, None);
    assert!(planner.plan(at(2), false).is_empty());
    assert!(planner.has_lazy());
    let decisions = planner.plan(at(3), true);
    assert_eq!(decisions.batch.updated[0].state, S::Running);
    assert!(!planner.has_lazy());
}

proptest! {
    /// Planning again without news decides nothing, no task starts before its rule allows, and everything that has
    /// not started has a reason.
    #[test]
    fn planning_is_idempotent_and_everything_waits_for_a_reason(
        edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..30),
        fails in proptest::collection::vec(any::<bool>(), 12),
        parallelism in 1_u32..4,
    ) {
        let tasks = (0..12_usize).map(|index| {
            let mut upstream: Vec<u32> = edges.iter().filter(|(from, to)| *to == index && from < to)
                .map(|(from, _)| u32::try_from(*from).unwrap()).collect();
            upstream.sort_unstable();
            upstream.dedup();
            task(&format!("t{index}"), &upstream, bash())
        }).collect();
        let dag = dag(tasks);
        let mut planner = planner_with(dag.clone(), parallelism);
        let mut now = at(0);
        let mut finished = [false; 12];
        let mut alive: Vec<Attempt> = Vec::new();
        while planner.run_count() > 0 {
            let decisions = planner.plan(now, false);
            prop_assert!(planner.plan(now, false).is_empty());
            for attempt in decisions.dispatch {
                for upstream in &attempt.task().upstream {
                    prop_assert!(finished[upstream.at()] && !fails[upstream.at()]);
                }
                alive.push(attempt);
            }
            prop_assert!(alive.len() <= parallelism as usize);
            if planner.run_count() > 0 {
                for index in 0..12 {
                    let key = TaskInstanceKey::unmapped(RUN, TaskIndex(index));
                    if planner.task_instance(key).is_some_and(|ti| !ti.state.is_finished()) {
                        prop_assert!(planner.why(key, now).is_some());
                    }
                }
            }
            let Some(attempt) = alive.pop() else { continue };
            now = now.checked_add(SignedDuration::from_secs(1)).unwrap();
            let index = attempt.key.task.at();
            finished[index] = true;
            let outcome = if fails[index] { failed() } else { Outcome::Success };
            prop_assert!(planner.fold_report(&report(&attempt, outcome, now), None));
        }
    }
}
