//! The planner, with mapped tasks and groups.

use model::ids::TaskIndex;

use crate::question::Answer;
use std::sync::Arc;

use indexmap::IndexMap;
use model::attempt::Attempt;
use model::dag::TaskGroup;
use model::journal::DagRunRow;
use model::mapping::Expand;
use model::xcom::XComValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::*;
use super::*;
use model::attempt::{AttemptEvent, Finished, Outcome, Report};
use model::dag::{Dag, Task};
use model::operator::{Branch, Operator};
use model::state::{DagRunState, TaskInstanceState as S};
use model::trigger_rule::TriggerRule;
use model::why::Waiting;

#[expect(clippy::unnecessary_wraps, reason = "the shape of the field")]
fn over(values: &Value) -> Option<Expand> {
    Some(Expand::Product(values.as_object().unwrap().clone().into_iter().collect()))
}

fn mapped(task: Task, values: &Value) -> Task {
    Task { expand: over(values), ..task }
}

fn in_group(group: &str, task: Task) -> Task {
    Task { group: Some(group.to_owned()), ..task }
}

fn group(id: &str, values: &Value) -> TaskGroup {
    TaskGroup { group_id: id.to_owned(), parent: None, tooltip: None, expand: over(values) }
}

fn key(task: u32, map_index: i32) -> TaskInstanceKey {
    TaskInstanceKey { dag_run: RUN, task: TaskIndex(task), map_index }
}

/// `task[index] state` per row that the batch writes.
fn rows(decisions: &Decisions, dag: &Dag) -> Vec<String> {
    let written = decisions.batch.inserted.iter().chain(&decisions.batch.updated);
    written.map(|row| format!("{}[{}] {}", dag.task(row.key.task).task_id, row.key.map_index, row.state)).collect()
}

fn finish(planner: &mut Planner, attempt: &Attempt, outcome: Outcome, now: i64) {
    assert!(planner.fold_report(&report(attempt, outcome, at(now)), None));
}

/// Finishes everything that starts, with the outcome that `outcome` says, and evaluates mappings with `values`.
fn run_out(
    planner: &mut Planner,
    outcome: impl Fn(&Attempt) -> Outcome,
    values: impl Fn(&str) -> Result<IndexMap<String, Value>, String>,
) -> Vec<Decisions> {
    let mut passes = Vec::new();
    for second in 1..10_000 {
        let decisions = planner.plan(at(second), true);
        if decisions.is_empty() && planner.next_timer().is_none() {
            return passes;
        }
        for expanding in &decisions.expand {
            planner.fold_expansion(expanding, values(&expanding.id), at(second));
        }
        for attempt in &decisions.evaluate {
            planner.fold_evaluation(attempt.attempt.key, attempt.question, Ok(Answer::Follow(Vec::new())), at(second));
        }
        for attempt in &decisions.dispatch {
            finish(planner, attempt, outcome(attempt), second);
        }
        passes.push(decisions);
    }
    panic!("it does not end");
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the argument")]
fn list(values: &Value) -> Result<IndexMap<String, Value>, String> {
    Ok(values.as_object().unwrap().clone().into_iter().collect())
}

/// A run read again with these rows, as after a take-over.
fn read_again(planner: &mut Planner, rows: Vec<model::journal::TaskInstanceRow>) {
    let row = DagRunRow { state: DagRunState::Running, task_instances: rows, ..run_row(RUN) };
    planner.fold_run(row, |_| Fate::Gone, at(500));
}

#[test]
fn a_mapping_over_literals_is_expanded_in_the_batch_that_inserts_the_run() {
    let dag =
        dag(vec![mapped(task("city", &[], bash()), &json!({"city": ["seoul", "busan"]})), task("all", &[0], bash())]);
    let mut planner = planner_with(dag.clone(), 8);
    let decisions = planner.plan(at(1), false);
    assert_eq!(rows(&decisions, &dag), ["city[0] queued", "city[1] queued", "all[-1] none"]);
    assert!(decisions.batch.removed.is_empty());
    let values: Vec<String> = decisions
        .dispatch
        .iter()
        .map(|attempt| Value::from(attempt.mapped.as_ref().unwrap().values.clone()).to_string())
        .collect();
    assert_eq!(values, [r#"{"city":"seoul"}"#, r#"{"city":"busan"}"#]);
    finish(&mut planner, &decisions.dispatch[0], Outcome::Success, 2);
    assert_eq!(rows(&planner.plan(at(2), false), &dag), ["city[0] success"], "the task behind waits for all elements");
    finish(&mut planner, &decisions.dispatch[1], Outcome::Success, 3);
    assert_eq!(rows(&planner.plan(at(3), false), &dag), ["city[1] success", "all[-1] queued"]);
}

#[test]
fn a_mapping_over_an_xcom_is_asked_for_once_its_input_is_done_and_the_one_row_becomes_many() {
    let dag = dag(vec![
        task("list", &[], bash()),
        mapped(task("city", &[0], bash()), &json!({"city": "{{ xcom('list') }}"})),
    ]);
    let mut planner = planner_with(dag.clone(), 8);
    let first = planner.plan(at(1), false);
    assert!(first.expand.is_empty());
    finish(&mut planner, &first.dispatch[0], Outcome::Success, 2);
    let second = planner.plan(at(2), false);
    assert_eq!(rows(&second, &dag), ["list[-1] success"]);
    assert_eq!(planner.why(key(1, -1), at(2)), Some(Waiting::Mapping { of: vec!["city".to_owned()] }));
    planner.fold_expansion(&second.expand[0], list(&json!({"city": ["a", "b", "c"]})), at(3));
    let third = planner.plan(at(3), false);
    assert_eq!(rows(&third, &dag), ["city[0] queued", "city[1] queued", "city[2] queued"]);
    assert_eq!((third.batch.inserted.len(), third.batch.updated.len()), (3, 0));
    assert_eq!(third.batch.removed, [key(1, -1)]);
}

#[test]
fn nothing_to_map_over_skips_and_too_much_or_no_list_fails_with_the_reason() {
    let dag = dag(vec![
        mapped(task("city", &[], Operator::Empty), &json!({"city": "{{ params.cities }}"})),
        task("after", &[0], Operator::Empty),
    ]);
    let with = |values: Value| {
        let mut planner = planner_with(dag.clone(), 8);
        let passes = run_out(&mut planner, |_| Outcome::Success, |_| list(&values));
        let states: Vec<String> = passes.iter().flat_map(|pass| rows(pass, &dag)).collect();
        let reasons: Vec<String> =
            passes.iter().flat_map(|pass| &pass.batch.attempts).map(|ended| ended.reason.clone()).collect();
        (states.join(", "), reasons.join(", "))
    };
    assert_eq!(with(json!({"city": []})).0.rsplit_once("none, ").unwrap().1, "city[-1] skipped, after[-1] skipped");
    let (states, reason) = with(json!({"city": "seoul"}));
    assert!(states.ends_with("city[-1] failed, after[-1] upstream_failed"), "{states}");
    assert_eq!(reason, "`expand.city` must be a list, not a text");
    let (_, reason) = with(json!({"city": vec![0; 1025]}));
    assert_eq!(reason, "`expand` has 1025 elements, more than 1024 (core.max_map_length)");
}

#[test]
fn an_input_that_failed_or_was_skipped_decides_the_mapped_task_whatever_its_rule() {
    let mut city = mapped(task("city", &[0], bash()), &json!({"city": "{{ xcom('list') }}"}));
    city.trigger_rule = TriggerRule::AllDone;
    let dag = dag(vec![task("list", &[], bash()), city]);
    for (outcome, expected) in
        [(failed(), "city[-1] upstream_failed"), (Outcome::Skipped { reason: String::new() }, "city[-1] skipped")]
    {
        let mut planner = planner_with(dag.clone(), 8);
        let attempt = planner.plan(at(1), false).dispatch.remove(0);
        finish(&mut planner, &attempt, outcome, 2);
        let states = rows(&planner.plan(at(2), false), &dag);
        assert_eq!(states.last().unwrap(), expected);
    }
}

#[test]
fn a_mapped_group_runs_depth_first_and_what_is_outside_sees_all_of_it() {
    let mut spec = dag(vec![
        in_group("g", task("g.a", &[], bash())),
        in_group("g", task("g.b", &[0], bash())),
        task("after", &[1], bash()),
    ]);
    spec.groups = vec![group("g", &json!({"city": ["seoul", "busan"]}))];
    let mut planner = planner_with(spec.clone(), 8);
    let first = planner.plan(at(1), false);
    assert_eq!(rows(&first, &spec), ["g.a[0] queued", "g.a[1] queued", "g.b[0] none", "g.b[1] none", "after[-1] none"]);
    finish(&mut planner, &first.dispatch[1], Outcome::Success, 2);
    let second = planner.plan(at(2), false);
    assert_eq!(rows(&second, &spec), ["g.a[1] success", "g.b[1] queued"]);
    finish(&mut planner, &first.dispatch[0], failed(), 3);
    assert_eq!(
        rows(&planner.plan(at(3), false), &spec),
        ["g.a[0] failed", "g.b[0] upstream_failed", "after[-1] upstream_failed"]
    );
    finish(&mut planner, &second.dispatch[0], Outcome::Success, 4);
    let last = planner.plan(at(4), false);
    assert_eq!(last.batch.runs[0].change.as_ref().unwrap().state, DagRunState::Failed);
}

#[test]
fn a_mapped_task_in_a_mapped_group_runs_for_each_pair_and_each_pair_sees_its_own_city() {
    let mut spec = dag(vec![
        in_group("g", task("g.a", &[], bash())),
        in_group("g", mapped(task("g.b", &[0], bash()), &json!({"model": ["als", "bpr"]}))),
        in_group("g", task("g.c", &[1], bash())),
    ]);
    spec.groups = vec![group("g", &json!({"city": ["seoul", "busan"]}))];
    let mut planner = planner_with(spec.clone(), 16);
    let first = planner.plan(at(1), false);
    assert_eq!(first.dispatch.len(), 2);
    finish(&mut planner, &first.dispatch[1], Outcome::Success, 2);
    let second = planner.plan(at(2), false);
    assert_eq!(rows(&second, &spec), ["g.a[1] success", "g.b[2] queued", "g.b[3] queued"]);
    let values = Value::from(second.dispatch[1].mapped.as_ref().unwrap().values.clone()).to_string();
    assert_eq!(values, r#"{"city":"busan","model":"bpr"}"#);
    for attempt in &second.dispatch {
        finish(&mut planner, attempt, Outcome::Success, 3);
    }
    assert_eq!(rows(&planner.plan(at(3), false), &spec), ["g.b[2] success", "g.b[3] success", "g.c[1] queued"]);
}

#[test]
fn a_branch_in_a_mapped_group_skips_for_its_own_element() {
    let mut spec = dag(vec![
        in_group("g", task("g.pick", &[], Operator::Branch(Branch::Expression("{{ map.go }}".to_owned())))),
        in_group("g", task("g.left", &[0], bash())),
        in_group("g", task("g.right", &[0], bash())),
    ]);
    spec.groups = vec![group("g", &json!({"go": ["g.left", "g.right"]}))];
    let mut planner = planner_with(spec.clone(), 16);
    let first = planner.plan(at(1), false);
    for attempt in &first.evaluate {
        let chosen = attempt.attempt.mapped.as_ref().unwrap().values["go"].as_str().unwrap().to_owned();
        planner.fold_evaluation(attempt.attempt.key, attempt.question, Ok(Answer::Follow(vec![chosen])), at(2));
    }
    let states = rows(&planner.plan(at(2), false), &spec);
    for expected in ["g.left[0] queued", "g.left[1] skipped", "g.right[0] skipped", "g.right[1] queued"] {
        assert!(states.iter().any(|state| state == expected), "{expected} in {states:?}");
    }
}

#[test]
fn a_take_over_asks_for_the_mapping_again_and_adds_and_removes_what_changed() {
    let dag = dag(vec![
        task("list", &[], bash()),
        mapped(task("city", &[0], bash()), &json!({"city": "{{ xcom('list') }}"})),
        task("after", &[1], bash()),
    ]);
    let mut planner = planner_with(dag.clone(), 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(0);
    finish(&mut planner, &attempt, Outcome::Success, 2);
    let asked = planner.plan(at(2), false).expand;
    planner.fold_expansion(&asked[0], list(&json!({"city": ["a", "b", "c"]})), at(3));
    planner.plan(at(3), false);
    let known: Vec<_> = planner.runs[&RUN].task_instances().cloned().collect();
    assert_eq!(known.len(), 5);
    // As if the list and what follows it had been cleared, and the list had run again.
    let cleared = |rows: &[model::journal::TaskInstanceRow]| {
        rows.iter()
            .cloned()
            .map(|mut row| {
                row.state = if row.key.task.0 == 0 { S::Success } else { S::None };
                row
            })
            .collect::<Vec<_>>()
    };
    for (values, expected) in [
        (json!({"city": ["a"]}), vec!["city[0] queued", "city[1] removed", "city[2] removed"]),
        (
            json!({"city": ["a", "b", "c", "d"]}),
            vec!["city[3] queued", "city[0] queued", "city[1] queued", "city[2] queued"],
        ),
        (json!({"city": []}), vec!["city[0] removed", "city[1] removed", "city[2] removed"]),
    ] {
        read_again(&mut planner, cleared(&known));
        let asked = planner.plan(at(500), false);
        assert!(asked.dispatch.is_empty(), "nothing starts without its element");
        planner.fold_expansion(&asked.expand[0], list(&values), at(501));
        let decisions = planner.plan(at(501), false);
        let mut states = rows(&decisions, &dag);
        states.retain(|state| state.starts_with("city"));
        assert_eq!(states, expected);
        for (element, _) in
            (0..).zip(&known).filter(|(element, _)| expected.contains(&format!("city[{element}] removed").as_str()))
        {
            assert!(decisions.batch.cleared_xcoms.contains(&(RUN, "city".to_owned(), element)), "{element}");
        }
    }
}

#[test]
fn an_instance_that_was_ready_at_a_take_over_starts_with_its_element() {
    let dag = dag(vec![
        task("list", &[], bash()),
        mapped(task("city", &[0], bash()), &json!({"city": "{{ xcom('list') }}"})),
    ]);
    let mut planner = planner_with(dag, 8);
    let row = |task: u32, map_index: i32, state: S| model::journal::TaskInstanceRow {
        state,
        ..super::run::unstarted(key(task, map_index), &Task::new("x", bash()))
    };
    read_again(&mut planner, vec![row(0, -1, S::Success), row(1, 0, S::Scheduled), row(1, 1, S::Success)]);
    let decisions = planner.plan(at(500), false);
    assert!(decisions.dispatch.is_empty());
    planner.fold_expansion(&decisions.expand[0], list(&json!({"city": ["a", "b"]})), at(501));
    let decisions = planner.plan(at(501), false);
    assert_eq!(decisions.dispatch.len(), 1);
    assert_eq!(decisions.dispatch[0].mapped.as_ref().unwrap().values["city"], "a");
}

#[test]
fn what_an_element_pushed_is_kept_under_its_map_index() {
    let dag = dag(vec![mapped(task("city", &[], bash()), &json!({"city": ["a", "b"]}))]);
    let mut planner = planner_with(dag, 8);
    let attempt = planner.plan(at(1), false).dispatch.remove(1);
    let xcoms = vec![XComValue { key: "return_value".to_owned(), value: json!(1) }];
    let finished =
        Finished { started_at: at(2), ended_at: at(2), outcome: Outcome::Success, xcoms, outlet_events: Vec::new() };
    planner
        .fold_report(&Report { token: attempt.token, key: attempt.key, event: AttemptEvent::Finished(finished) }, None);
    assert_eq!(planner.plan(at(2), false).batch.xcoms[0].map_index, 1);
}

const RULES: [TriggerRule; 6] = [
    TriggerRule::AllSuccess,
    TriggerRule::AllDone,
    TriggerRule::OneFailed,
    TriggerRule::OneSuccess,
    TriggerRule::NoneFailedMinOneSuccess,
    TriggerRule::Always,
];

proptest! {
    /// However tasks and groups are mapped, over however much, and however their instances end: the run ends, planning
    /// again decides nothing, and a take-over in the middle changes nothing of that.
    #[test]
    fn every_run_with_mappings_ends(
        shapes in proptest::collection::vec((0_usize..4, 0_usize..4, 0_usize..6, 0_u8..4), 7),
        group_length in 0_usize..4,
        seed in any::<u64>(),
        take_over_at in 0_usize..8,
    ) {
        let tasks = shapes.iter().enumerate().map(|(position, (first, second, rule, kind))| {
            let mut upstream: Vec<u32> = [*first, *second].iter().filter(|back| **back > 0 && **back <= position)
                .map(|back| u32::try_from(position - back).unwrap()).collect();
            upstream.sort_unstable();
            upstream.dedup();
            let mut new = task(&format!("t{position}"), &upstream, if kind % 2 == 0 { bash() } else { Operator::Empty });
            new.trigger_rule = RULES[*rule];
            if *kind == 2 {
                let over = upstream.first().map_or_else(|| json!(["a", "b"]), |at| json!(format!("{{{{ xcom('t{at}') }}}}")));
                new.expand = super::mapped_tests::over(&json!({"x": over}));
            }
            if (2..5).contains(&position) { new.group = Some("g".to_owned()); }
            new
        }).collect();
        let mut spec = dag(tasks);
        if group_length > 0 {
            spec.groups = vec![group("g", &json!({"y": vec![0; group_length - 1]}))];
        }
        // A mapping inside a mapped group may not use what is in the group.
        for position in 2..5 {
            if group_length > 0 {
                let task = Arc::make_mut(&mut spec.tasks[position]);
                if task.expand.is_some() { task.expand = over(&json!({"x": ["a", "b"]})); }
            }
        }
        let random = |key: &TaskInstanceKey| {
            let mixed = (seed ^ (u64::from(key.task.0) << 8) ^ u64::from(key.map_index.cast_unsigned())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (mixed >> 60) % 5
        };
        let mut planner = planner_with(spec, 3);
        for second in 1..2_000_usize {
            prop_assert!(second < 1_999, "it does not end");
            let now = at(i64::try_from(second).unwrap());
            let decisions = planner.plan(now, true);
            prop_assert!(planner.plan(now, true).is_empty());
            if planner.run_count() == 0 { break; }
            if second == take_over_at {
                let row = DagRunRow {
                    state: DagRunState::Running,
                    task_instances: planner.runs[&RUN].task_instances().cloned().collect(),
                    ..run_row(RUN)
                };
                planner.fold_run(row, |_| Fate::Gone, now);
                continue;
            }
            for expanding in &decisions.expand {
                let length = random(&expanding.attempt.key);
                planner.fold_expansion(expanding, list(&json!({"x": vec![0; usize::try_from(length).unwrap()]})), now);
            }
            for attempt in &decisions.dispatch {
                prop_assert!(attempt.key.map_index < 0 || !attempt.mapped.as_ref().unwrap().values.is_empty());
                let outcome = match random(&attempt.key) {
                    0 => failed(),
                    1 => Outcome::Skipped { reason: String::new() },
                    _ => Outcome::Success,
                };
                planner.fold_report(&report(attempt, outcome, now), None);
            }
        }
    }
}
