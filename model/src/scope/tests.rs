use std::sync::Arc;

use super::*;
use crate::dag::{Task, Teardown};
use crate::operator::Operator;

const TABLE: &str = include_str!("../../fixtures/trigger_rules/airflow.tsv");

fn task(id: &str, upstream: &[u32]) -> Task {
    Task { upstream: upstream.iter().map(|index| TaskIndex(*index)).collect(), ..Task::new(id, Operator::Empty) }
}

fn setup(id: &str, upstream: &[u32]) -> Task {
    Task { setup: true, ..task(id, upstream) }
}

fn teardown(id: &str, upstream: &[u32]) -> Task {
    Task { teardown: Some(Teardown::default()), trigger_rule: TriggerRule::AllDoneSetupSuccess, ..task(id, upstream) }
}

fn scopes(tasks: Vec<Task>) -> Scopes {
    let dag = Dag::new("d", tasks.into_iter().map(Arc::new).collect());
    Scopes::new(&dag, &dag.downstream())
}

/// `make` > `first` > `second` > `drop`, `make` > `drop`, and `after` behind `first`, outside.
fn usual() -> Scopes {
    scopes(vec![
        setup("make", &[]),
        task("first", &[0]),
        task("second", &[1]),
        teardown("drop", &[0, 2]),
        task("after", &[1]),
    ])
}

fn indices(found: impl IntoIterator<Item = TaskIndex>) -> Vec<u32> {
    found.into_iter().map(|index| index.0).collect()
}

#[test]
fn a_task_between_setup_and_teardown_is_in_the_scope_and_one_beside_them_is_not() {
    let scopes = usual();
    assert_eq!(indices(scopes.indirect_setups(TaskIndex(2)).iter().copied()), [0]);
    assert!(scopes.indirect_setups(TaskIndex(1)).is_empty());
    assert!(scopes.indirect_setups(TaskIndex(4)).is_empty());
    assert_eq!(indices(scopes.between(TaskIndex(3)).iter().copied()), [1]);
    assert_eq!(indices(scopes.watchers(TaskIndex(0)).iter().copied()), [2]);
    assert_eq!(indices(scopes.watchers(TaskIndex(1)).iter().copied()), [3]);
}

#[test]
fn everything_behind_a_setup_without_a_teardown_is_in_its_scope() {
    let scopes = scopes(vec![setup("make", &[]), task("a", &[0]), task("b", &[1]), task("c", &[2])]);
    assert_eq!(indices(scopes.indirect_setups(TaskIndex(3)).iter().copied()), [0]);
    assert_eq!(indices(scopes.cleared_with(TaskIndex(3))), [0]);
}

#[test]
fn clearing_a_task_clears_its_setup_and_teardown_and_clearing_a_setup_its_teardown() {
    let scopes = usual();
    assert_eq!(indices(scopes.cleared_with(TaskIndex(2))), [0, 3]);
    assert_eq!(indices(scopes.cleared_with(TaskIndex(0))), [3]);
    assert!(scopes.cleared_with(TaskIndex(3)).is_empty());
    assert!(scopes.cleared_with(TaskIndex(4)).is_empty());
}

#[test]
fn a_dag_without_setups_has_no_scopes_to_keep() {
    let scopes = scopes(vec![task("a", &[]), task("b", &[0])]);
    assert_eq!(scopes, Scopes::default());
    assert!(scopes.cleared_with(TaskIndex(1)).is_empty());
}

/// A state of the table; what is unfinished there is running here.
fn state(text: &str) -> TaskInstanceState {
    text.parse().unwrap_or(TaskInstanceState::Running)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Run => "run",
        Verdict::Wait => "wait",
        Verdict::Skip => "skipped",
        Verdict::UpstreamFailed => "upstream_failed",
    }
}

#[test]
fn setups_that_a_task_does_not_depend_on_directly_hold_it_as_in_airflow() {
    let mut compared = 0;
    for line in TABLE.lines().filter(|line| line.starts_with("scope\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (own, setups) = fields[2].split_once(',').unwrap();
        // Deliberate: an instance of a setup that was removed is not there any more. Airflow waits for it for ever.
        if setups.contains("removed") {
            continue;
        }
        let setups: Vec<_> = setups.split(',').map(|text| state(text.strip_prefix("setup:").unwrap())).collect();
        // The setups, a task behind them, and behind that the task in question.
        let count = u32::try_from(setups.len()).unwrap();
        let mut tasks: Vec<Task> = (0..count).map(|n| setup(&format!("s{n}"), &[])).collect();
        tasks.push(task("between", &(0..count).collect::<Vec<_>>()));
        tasks.push(task("t", &[count]));
        let scopes = scopes(tasks);
        let rule: TriggerRule = fields[1].parse().unwrap();
        let mut counts = UpstreamCounts { total: 1, ..UpstreamCounts::default() };
        counts.add(state(own));
        if fields[3] == "wait" && own == "removed" && rule == TriggerRule::AllSkipped {
            // Deliberate: see the tests of the trigger rules.
            continue;
        }
        let ours = scopes.verdict(TaskIndex(count + 1), rule, counts, |index| setups.get(index.at()).copied());
        assert_eq!(word(ours), fields[3], "{line}");
        compared += 1;
    }
    assert!(compared > 1400, "{compared}");
}

#[test]
fn an_instance_of_a_setup_that_was_removed_holds_nobody() {
    let scopes = scopes(vec![setup("make", &[]), task("a", &[0]), task("b", &[1])]);
    let counts = UpstreamCounts { total: 1, success: 1, ..UpstreamCounts::default() };
    let said = scopes.verdict(TaskIndex(2), TriggerRule::AllSuccess, counts, |_| {
        [TaskInstanceState::Success, TaskInstanceState::Removed]
    });
    assert_eq!(said, Verdict::Run);
}

#[test]
fn a_teardown_runs_when_its_setup_succeeded_once_everything_between_has_ended_as_in_airflow() {
    let mut compared = 0;
    for line in TABLE.lines().filter(|line| line.starts_with("teardown\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let ended: Vec<&str> = fields[2].split(',').collect();
        let (made, last, inner) = (state(ended[0].strip_prefix("setup:").unwrap()), state(ended[1]), state(ended[2]));
        let tasks = vec![setup("make", &[]), task("inner", &[0]), task("last", &[1]), teardown("drop", &[0, 2])];
        let mut counts = UpstreamCounts { total: 2, ..UpstreamCounts::default() };
        counts.add(made);
        counts.add(last);
        let ours = scopes(tasks).verdict(TaskIndex(3), TriggerRule::AllDoneSetupSuccess, counts, |index| {
            [Some(made), Some(inner), Some(last), None][index.at()]
        });
        assert_eq!(word(ours), fields[3], "{line}");
        compared += 1;
    }
    assert_eq!(compared, 216);
}
