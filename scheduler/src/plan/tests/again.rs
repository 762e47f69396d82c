//! Doing it again: backfills, disabled tasks, runs that were pinned to another version.

use model::backfill::{ActiveBackfill, BackfillStep, PendingRun};
use model::dag_run::DataInterval;
use model::journal::{DisabledTask, TaskInstanceRow};

use super::*;

fn backfill(max_active_runs: u32, pending: std::ops::Range<i32>) -> DagRow {
    let pending = pending
        .map(|ordinal| {
            let start = at(i64::from(ordinal) * 86_400);
            PendingRun { ordinal, data_interval: DataInterval { start, end: at(i64::from(ordinal + 1) * 86_400) } }
        })
        .collect();
    let backfill = ActiveBackfill { id: 7, is_paused: false, max_active_runs, pending };
    DagRow { backfill: Some(backfill), ..dag_row(false) }
}

fn backfill_run(key: i64) -> DagRunRow {
    let mut row = run_row(DagRunKey(key));
    row.facts.run_type = DagRunType::Backfill;
    row
}

fn create(ordinals: impl IntoIterator<Item = i32>) -> Vec<(String, BackfillStep)> {
    vec![("d".to_owned(), BackfillStep::Create { backfill: 7, ordinals: ordinals.into_iter().collect() })]
}

#[test]
fn a_backfill_has_as_many_unfinished_runs_as_it_may_and_then_ends() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 1);
    planner.fold_dag(backfill(2, 1..4));
    assert_eq!(planner.plan(at(1), false).backfills, create([1, 2]));
    assert!(planner.plan(at(1), false).backfills.is_empty(), "what was wanted is awaited");
    planner.fold_dag(backfill(2, 3..4));
    planner.fold_run(backfill_run(2), |_| Fate::Gone, at(1));
    planner.fold_run(backfill_run(3), |_| Fate::Gone, at(1));
    let decisions = planner.plan(at(2), false);
    assert!(decisions.backfills.is_empty(), "both runs are unfinished");
    assert_eq!(decisions.batch.runs.iter().filter(|run| run.change.is_some()).count(), 2, "both have started");

    // One ends outside: a person marked it.
    let mut ended = backfill_run(2);
    ended.state = DagRunState::Success;
    planner.fold_run(ended, |_| Fate::Gone, at(3));
    assert_eq!(planner.plan(at(3), false).backfills, create([3]));
    planner.fold_dag(backfill(2, 4..4));
    assert!(planner.plan(at(3), false).backfills.is_empty());
    planner.forget_run(DagRunKey(3));
    planner.fold_dag(backfill(2, 4..4));
    let complete = BackfillStep::Complete { backfill: 7 };
    assert_eq!(planner.plan(at(4), false).backfills, [("d".to_owned(), complete)]);
}

#[test]
fn runs_of_a_backfill_do_not_count_against_the_dag_and_wait_for_nothing_but_its_pause() {
    let mut limited = dag(vec![task("a", &[], bash())]);
    limited.max_active_runs = Some(1);
    let mut planner = planner_with(limited, 8);
    planner.fold_dag(backfill(3, 1..1));
    for key in [2, 3] {
        planner.fold_run(backfill_run(key), |_| Fate::Gone, at(0));
    }
    let started: Vec<_> = planner.plan(at(1), false).batch.runs.iter().map(|run| run.key.0).collect();
    assert_eq!(started, [1, 2, 3]);
    planner.fold_run(run_row(DagRunKey(4)), |_| Fate::Gone, at(2));
    planner.fold_run(backfill_run(5), |_| Fate::Gone, at(2));
    planner.plan(at(2), false);
    assert!(planner.why_run(DagRunKey(4), at(2)).is_some(), "the DAG may have one other run");
    assert_eq!(planner.why_run(DagRunKey(5), at(2)), None);

    let paused =
        |row: DagRow| DagRow { backfill: row.backfill.map(|b| ActiveBackfill { is_paused: true, ..b }), ..row };
    planner.fold_dag(paused(backfill(9, 6..8)));
    assert!(planner.plan(at(3), false).backfills.is_empty());
    planner.fold_dag(DagRow { is_paused: true, ..backfill(9, 6..8) });
    assert!(planner.plan(at(3), false).backfills.is_empty());
    planner.fold_dag(backfill(9, 6..8));
    assert_eq!(planner.plan(at(3), false).backfills, create([6, 7]));
}

#[test]
fn a_backfill_gets_slots_after_other_runs_of_the_same_weight() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash())]), 0);
    planner.forget_run(RUN);
    for row in [backfill_run(1), run_row(DagRunKey(2)), backfill_run(3), run_row(DagRunKey(4))] {
        planner.fold_run(row, |_| Fate::Gone, at(0));
    }
    planner.limits.parallelism = 3;
    let order: Vec<_> = planner.plan(at(1), false).dispatch.iter().map(|attempt| attempt.key.dag_run.0).collect();
    assert_eq!(order, [2, 4, 1]);
}

#[test]
fn a_disabled_task_is_skipped_with_its_reason_in_its_run_or_in_all_and_its_attempt_says_so() {
    let dag = dag(vec![task("a", &[], bash()), task("b", &[], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    planner.fold_run(run_row(DagRunKey(2)), |_| Fate::Gone, at(0));
    let disabled =
        |task_id: &str, dag_run| DisabledTask { task_id: task_id.to_owned(), dag_run, disabled_by: "ada".to_owned() };
    let disabled_tasks = vec![disabled("a", None), disabled("b", Some(DagRunKey(2)))];
    planner.fold_dag(DagRow { disabled_tasks, ..dag_row(false) });
    let decisions = planner.plan(at(1), false);
    assert_eq!(written(&decisions, &dag)[..4], ["a skipped", "b queued", "a skipped", "b skipped"]);
    let told: Vec<_> = decisions.batch.attempts.iter().map(|one| (one.state, one.reason.as_str())).collect();
    let forever = ("skipped", "disabled until further notice by ada");
    assert_eq!(told, [forever, forever, ("skipped", "disabled in this run by ada")]);
    assert_eq!(decisions.dispatch.len(), 1);
}

#[test]
fn a_task_that_waits_for_a_slot_is_skipped_once_it_is_disabled() {
    let dag = dag(vec![task("a", &[], bash())]);
    let mut planner = planner_with(dag.clone(), 0);
    planner.plan(at(1), true);
    let waiting = planner.runs[&RUN].task_instances().cloned().collect();
    let disabled = DisabledTask { task_id: "a".to_owned(), dag_run: None, disabled_by: "ada".to_owned() };
    planner.fold_dag(DagRow { disabled_tasks: vec![disabled], ..dag_row(false) });
    let mut row = run_row(RUN);
    (row.state, row.version, row.task_instances) = (DagRunState::Running, 1, waiting);
    planner.fold_run(row, |_| Fate::Gone, at(2));
    assert_eq!(written(&planner.plan(at(2), false), &dag), ["a skipped", "run success"]);
}

#[test]
fn an_attempt_of_the_version_before_is_recognised_where_its_task_is_now() {
    let mut planner = planner_with(dag(vec![task("a", &[], bash()), task("gone", &[], bash())]), 8);
    let attempts = planner.plan(at(1), false).dispatch;
    let rows: Vec<TaskInstanceRow> = planner.runs[&RUN].task_instances().cloned().collect();
    let newest = dag(vec![task("new", &[], bash()), task("a", &[], bash())]);
    planner.fold_version(DagVersion {
        key: DagVersionKey(2),
        dag: Arc::new(newest.clone()),
        fileloc: Arc::new(PathBuf::from("/dags/d.yaml")),
    });
    let moved = |index: u32, state, row: &TaskInstanceRow| TaskInstanceRow {
        key: TaskInstanceKey::unmapped(RUN, TaskIndex(index)),
        state,
        ..row.clone()
    };
    let unstarted = TaskInstanceRow { attempt_token: None, ..moved(0, S::None, &rows[0]) };
    let mut row = run_row(RUN);
    (row.state, row.version, row.dag_version) = (DagRunState::Running, 1, DagVersionKey(2));
    row.task_instances = vec![unstarted, moved(1, S::Queued, &rows[0]), moved(2, S::Removed, &rows[1])];
    planner.fold_run(row, |_| Fate::Alive, at(2));
    assert!(planner.wants(attempts[0].key, attempts[0].token));
    assert!(!planner.wants(attempts[1].key, attempts[1].token), "its task is gone");
    assert!(!planner.is_of_pinned_version(&attempts[0]));
    assert!(planner.fold_report(&report(&attempts[0], Outcome::Success, at(3)), None));
    assert!(!planner.fold_report(&report(&attempts[1], Outcome::Success, at(3)), None));
    assert_eq!(written(&planner.plan(at(3), false), &newest), ["new queued", "a success"]);
}
