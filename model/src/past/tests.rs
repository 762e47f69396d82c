use std::sync::Arc;

use super::*;
use crate::operator::Operator;

/// `a >> [b, c]` as the run before had them.
fn blocked(change: impl FnOnce(&mut Task), before: &[(&str, TaskInstanceState)], earlier: &[&str]) -> Option<String> {
    let mut first = Task { depends_on_past: true, ..Task::new("a", Operator::Empty) };
    change(&mut first);
    let follow = |id: &str| Task { upstream: vec![TaskIndex(0)], ..Task::new(id, Operator::Empty) };
    let dag = Dag::new("d", vec![Arc::new(first), Arc::new(follow("b")), Arc::new(follow("c"))]);
    let previous = PreviousRun {
        key: DagRunKey(1),
        run_id: "before".to_owned(),
        tasks: before.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect(),
        earlier: earlier.iter().map(|id| (*id).to_owned()).collect(),
    };
    let state_of = |id: &str| previous.tasks.get(id).copied();
    block(&dag, &dag.tasks[0], &dag.downstream()[0], &previous, state_of)
        .map(|block| format!("{} {}", block.task_id, block.state.map_or("missing", TaskInstanceState::as_str)))
}

#[test]
fn a_task_waits_for_itself_in_the_run_before() {
    use TaskInstanceState as S;
    for state in S::ALL {
        let expected = (!matches!(state, S::Success | S::Skipped)).then(|| format!("a {state}"));
        assert_eq!(blocked(|_| {}, &[("a", *state)], &[]), expected);
        assert_eq!(blocked(|task| task.depends_on_past = false, &[("a", *state)], &[]), None);
    }
}

#[test]
fn a_task_that_no_run_had_is_not_held_up_by_its_past_unless_it_says_so() {
    assert_eq!(blocked(|_| {}, &[], &[]), None);
    assert_eq!(blocked(|_| {}, &[], &["a"]).as_deref(), Some("a missing"));
    assert_eq!(blocked(|task| task.ignore_first_depends_on_past = false, &[], &[]).as_deref(), Some("a missing"));
}

#[test]
fn waiting_for_downstream_is_waiting_for_what_directly_follows_in_the_run_before() {
    use TaskInstanceState as S;
    let wait = |task: &mut Task| task.wait_for_downstream = true;
    let before = |b, c| [("a", S::Success), ("b", b), ("c", c)];
    assert_eq!(blocked(wait, &before(S::Success, S::Skipped), &[]), None);
    assert_eq!(blocked(wait, &before(S::Success, S::Running), &[]).as_deref(), Some("c running"));
    assert_eq!(blocked(|_| {}, &before(S::Success, S::Running), &[]), None);
    // What the run before did not have is not waited for.
    assert_eq!(blocked(wait, &before(S::Success, S::Success)[..2], &[]), None);
}

#[test]
fn of_many_instances_the_one_that_is_not_done_well_tells() {
    use TaskInstanceState as S;
    assert_eq!(telling([S::Success, S::Skipped]), S::Success);
    assert_eq!(telling([S::Success, S::Failed, S::Running]), S::Failed);
}
