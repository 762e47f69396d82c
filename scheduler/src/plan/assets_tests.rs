//! What a success updates, and which runs updates make due.

use model::asset::AssetCondition;
use model::asset::OutletEvent;
use model::asset::due::{AssetSchedule, QueuedEvent};
use model::attempt::{AttemptEvent, Outcome, Report};
use model::dag::{Dag, Schedule};
use model::dag_run::DataInterval;
use model::journal::DagRow;
use model::operator::{Branch, Operator};
use model::state::{DagRunType, TriggeredBy};
use serde_json::json;

use super::tests::{at, bash, dag, dag_row, failed, planner_with, report, run_row, task};
use super::{Decisions, Fate, Planner};
use crate::question::Answer;
use model::dag::Task;
use model::ids::{DagRunKey, DagVersionKey};

fn making(id: &str, operator: Operator) -> Task {
    Task { outlets: vec![format!("s3://{id}")], ..task(id, &[], operator) }
}

/// `task[element] asset extra` per update.
fn updates(decisions: &Decisions) -> Vec<String> {
    let update = |update: &model::asset::records::AssetUpdate| {
        format!("{} {} {}", update.task_id, update.uri, serde_json::Value::from(update.extra.clone()))
    };
    decisions.batch.asset_updates.iter().map(update).collect()
}

#[test]
fn a_success_updates_the_outlets_in_the_batch_that_writes_it() {
    let mut planner = planner_with(dag(vec![making("a", bash())]), 8);
    let first = planner.plan(at(1), false);
    assert_eq!(updates(&first), [""; 0]);
    let mut ended = report(&first.dispatch[0], Outcome::Success, at(2));
    if let AttemptEvent::Finished(finished) = &mut ended.event {
        let extra = json!({"rows": 3}).as_object().unwrap().clone();
        finished.outlet_events = vec![OutletEvent { uri: "s3://a".to_owned(), extra }];
    }
    assert!(planner.fold_report(&ended, None));
    let second = planner.plan(at(2), false);
    assert_eq!(updates(&second), [r#"a s3://a {"rows":3}"#]);
    assert_eq!((second.batch.asset_updates[0].at, second.batch.updated.len()), (at(2), 1));
    assert!(!planner.fold_report(&ended, None), "the same report again changes nothing");
    assert_eq!(updates(&planner.plan(at(3), false)), [""; 0]);
}

#[test]
fn tasks_without_a_process_update_their_outlets_too() {
    let branch = Operator::Branch(Branch::Expression("{{ [] }}".to_owned()));
    let mut planner = planner_with(dag(vec![making("e", Operator::Empty), making("b", branch)]), 8);
    let first = planner.plan(at(1), false);
    assert_eq!(updates(&first), ["e s3://e {}"]);
    let asked = &first.evaluate[0];
    planner.fold_evaluation(asked.attempt.key, asked.question, Ok(Answer::Follow(Vec::new())), at(2));
    assert_eq!(updates(&planner.plan(at(2), false)), ["b s3://b {}"]);
}

#[test]
fn what_fails_or_is_skipped_updates_nothing() {
    for outcome in [failed(), Outcome::Skipped { reason: "exit code 99".to_owned() }] {
        let mut planner = planner_with(dag(vec![making("a", bash())]), 8);
        let first = planner.plan(at(1), false);
        let mut ended = report(&first.dispatch[0], outcome, at(2));
        if let AttemptEvent::Finished(finished) = &mut ended.event {
            finished.outlet_events = vec![OutletEvent { uri: "s3://a".to_owned(), extra: serde_json::Map::new() }];
        }
        planner.fold_report(&ended, None);
        assert_eq!(updates(&planner.plan(at(2), false)), [""; 0]);
    }
}

#[test]
fn what_a_failed_try_said_is_not_said_by_the_next() {
    let mut planner = planner_with(dag(vec![Task { retries: 1, ..making("a", bash()) }]), 8);
    let first = planner.plan(at(1), false);
    let mut ended = report(&first.dispatch[0], failed(), at(2));
    if let AttemptEvent::Finished(finished) = &mut ended.event {
        let extra = json!({"rows": 1}).as_object().unwrap().clone();
        finished.outlet_events = vec![OutletEvent { uri: "s3://a".to_owned(), extra }];
    }
    planner.fold_report(&ended, None);
    planner.plan(at(2), false);
    let second = planner.plan(at(1000), false);
    let ended: Report = report(&second.dispatch[0], Outcome::Success, at(1001));
    planner.fold_report(&ended, None);
    assert_eq!(updates(&planner.plan(at(1001), false)), ["a s3://a {}"]);
}

fn waiting_for(condition: AssetCondition, by_interval: bool, max_active_runs: u32) -> Planner {
    let schedule = Schedule::Assets { assets: AssetSchedule { condition, by_interval }, cron: None };
    let dag = Dag { schedule, max_active_runs: Some(max_active_runs), ..dag(vec![task("t", &[], bash())]) };
    let mut planner = planner_with(dag, 8);
    planner.forget_run(super::tests::RUN);
    planner
}

fn both() -> AssetCondition {
    AssetCondition::All(["a", "b"].map(|uri| AssetCondition::Asset(uri.to_owned())).to_vec())
}

fn event(id: i64, uri: &str, day: Option<i64>) -> QueuedEvent {
    let interval = |day: i64| DataInterval { start: at(day * 86_400), end: at((day + 1) * 86_400) };
    QueuedEvent { id, uri: uri.to_owned(), data_interval: day.map(interval), at: at(id) }
}

fn with(events: &[QueuedEvent]) -> DagRow {
    DagRow { queued_events: events.to_vec(), ..dag_row(false) }
}

fn due(planner: &mut Planner) -> Vec<Vec<i64>> {
    planner.plan(at(100), false).asset_runs.into_iter().map(|run| run.events).collect()
}

#[test]
fn a_run_is_wanted_once_all_is_there_and_only_once() {
    let mut planner = waiting_for(both(), false, 16);
    planner.fold_dag(with(&[event(1, "a", None)]));
    assert!(due(&mut planner).is_empty());
    planner.fold_dag(with(&[event(1, "a", None), event(4, "b", None)]));
    let decisions = planner.plan(at(100), false);
    let [run] = &decisions.asset_runs[..] else { panic!("{:?}", decisions.asset_runs) };
    assert_eq!((run.events.as_slice(), run.dag_version), ([1, 4].as_slice(), DagVersionKey(1)));
    assert_eq!(run.run.run_id, "asset_triggered__2026-01-01T00:00:04+00:00_4");
    assert_eq!((run.run.run_type, run.run.triggered_by), (DagRunType::AssetTriggered, TriggeredBy::Asset));
    assert_eq!((run.run.logical_date, run.run.data_interval, run.run.run_after), (None, None, at(4)));
    assert!(planner.plan(at(101), false).is_empty(), "planning again decides nothing");
}

#[test]
fn a_run_that_could_not_be_created_is_wanted_again_when_the_dag_is_read_again() {
    let mut planner = waiting_for(both(), false, 16);
    let row = with(&[event(1, "a", None), event(2, "b", None)]);
    planner.fold_dag(row.clone());
    assert_eq!(due(&mut planner), [[1, 2]]);
    planner.fold_dag(row);
    assert_eq!(due(&mut planner), [[1, 2]]);
}

#[test]
fn a_paused_or_stale_dag_wants_no_run_and_keeps_its_events() {
    let mut planner = waiting_for(both(), false, 16);
    let row = with(&[event(1, "a", None), event(2, "b", None)]);
    for idle in [DagRow { is_paused: true, ..row.clone() }, DagRow { is_stale: true, ..row.clone() }] {
        planner.fold_dag(idle);
        assert!(due(&mut planner).is_empty());
    }
    planner.fold_dag(row);
    assert_eq!(due(&mut planner), [[1, 2]]);
}

#[test]
fn partitions_become_runs_as_far_as_max_active_runs_allows() {
    let mut planner = waiting_for(AssetCondition::Asset("a".to_owned()), true, 1);
    planner.fold_dag(with(&[event(1, "a", Some(2)), event(2, "a", Some(1))]));
    let decisions = planner.plan(at(100), false);
    let runs: Vec<_> = decisions.asset_runs.iter().map(|run| (run.events.clone(), run.run.data_interval)).collect();
    assert_eq!(runs, [(vec![2], event(2, "a", Some(1)).data_interval)]);
    // The run exists: the DAG and the run are read again.
    planner.fold_dag(with(&[event(1, "a", Some(2))]));
    let mut row = run_row(DagRunKey(7));
    row.facts.run_type = DagRunType::AssetTriggered;
    planner.fold_run(row, |_| Fate::Gone, at(100));
    let started = planner.plan(at(101), false);
    assert!(started.asset_runs.is_empty());
    planner.fold_report(&report(&started.dispatch[0], Outcome::Success, at(102)), None);
    assert_eq!(planner.plan(at(102), false).asset_runs[0].events, [1]);
}

#[test]
fn a_dag_that_waits_for_assets_or_time_has_both_kinds_of_runs() {
    let cron = Some(model::dag::CronPoints {
        expression: "0 0 * * *".to_owned(),
        interval: model::duration::Duration::default(),
    });
    let assets = AssetSchedule { condition: AssetCondition::Asset("a".to_owned()), by_interval: false };
    let dag = Dag { schedule: Schedule::Assets { assets, cron }, ..dag(vec![task("t", &[], bash())]) };
    let mut planner = planner_with(dag, 8);
    planner.fold_dag(DagRow { known_since: Some(at(1)), ..with(&[event(1, "a", None)]) });
    let decisions = planner.plan(at(2 * 86_400 + 1), false);
    assert_eq!((decisions.new_runs.len(), decisions.asset_runs.len()), (1, 1));
    assert_eq!(decisions.new_runs[0].run.run_type, DagRunType::Scheduled);
}

#[test]
fn a_mapped_instance_updates_for_itself() {
    let mut mapped = making("m", bash());
    mapped.expand = Some(model::mapping::Expand::Product([("x".to_owned(), json!([1, 2]))].into_iter().collect()));
    let mut planner = planner_with(dag(vec![mapped]), 8);
    let mut attempts = Vec::new();
    for second in 1..5 {
        let decisions = planner.plan(at(second), true);
        for expanding in &decisions.expand {
            let values = [("x".to_owned(), json!([1, 2]))].into_iter().collect();
            planner.fold_expansion(expanding, Ok(values), at(second));
        }
        attempts.extend(decisions.dispatch);
    }
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        planner.fold_report(&report(attempt, Outcome::Success, at(6)), None);
    }
    let third = planner.plan(at(6), false);
    let elements: Vec<i32> = third.batch.asset_updates.iter().map(|update| update.map_index).collect();
    assert_eq!(elements, [0, 1]);
}
