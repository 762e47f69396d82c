use super::*;
use crate::dag_file::{Defaults, parse};
use TaskInstanceState as S;

/// `last` under a rule, behind `a`, `b`, … one for each state.
fn dag(rule: TriggerRule, upstream: usize) -> Dag {
    let ids: Vec<String> = ('a'..).take(upstream).map(String::from).collect();
    let tasks: Vec<String> = ids.iter().map(|id| format!("  - {{id: {id}, bash: 'true'}}\n")).collect();
    let text = format!(
        "tasks:\n{}  - {{id: last, bash: 'true', depends_on: [{}], trigger_rule: {rule}}}\n",
        tasks.concat(),
        ids.join(", ")
    );
    parse(&text, "file", &Defaults { timezone: "UTC".to_owned() }).expect("a DAG").dag
}

fn told(rule: TriggerRule, state: S, upstream: &[S]) -> Option<String> {
    let dag = dag(rule, upstream.len());
    let last = dag.index_of("last").expect("it");
    why_ruled_out(&dag, last, state, |index| upstream[index.at()]).map(|ruled_out| ruled_out.to_string())
}

#[test]
fn a_task_that_its_trigger_rule_ended_names_the_upstreams_that_did_it() {
    let cases: &[(TriggerRule, S, &[S], &str)] = &[
        (TriggerRule::AllSuccess, S::UpstreamFailed, &[S::Success, S::Failed], "`b` failed"),
        (TriggerRule::AllSuccess, S::UpstreamFailed, &[S::Failed, S::Running], "`a` failed"),
        (TriggerRule::AllSuccess, S::UpstreamFailed, &[S::UpstreamFailed, S::Skipped], "`a` is upstream_failed"),
        (TriggerRule::AllSuccess, S::Skipped, &[S::Skipped, S::None], "`a` was skipped"),
        (TriggerRule::AllFailed, S::Skipped, &[S::Failed, S::Success], "`b` succeeded"),
        (TriggerRule::AllDoneMinOneSuccess, S::UpstreamFailed, &[S::Failed, S::Removed], "`a` failed"),
        (TriggerRule::AllDoneMinOneSuccess, S::Skipped, &[S::Skipped, S::Success], "`a` was skipped"),
        (TriggerRule::AllSkipped, S::Skipped, &[S::Skipped, S::Success], "`b` succeeded"),
        (TriggerRule::OneFailed, S::Skipped, &[S::Success, S::Skipped], "`a` succeeded, `b` was skipped"),
        (TriggerRule::OneSuccess, S::UpstreamFailed, &[S::Failed, S::Skipped], "`a` failed"),
        (TriggerRule::OneSuccess, S::Skipped, &[S::Skipped, S::Skipped], "`a` was skipped, `b` was skipped"),
        (TriggerRule::OneDone, S::Skipped, &[S::Skipped, S::Skipped], "`a` was skipped, `b` was skipped"),
        (TriggerRule::NoneFailed, S::UpstreamFailed, &[S::Success, S::Failed], "`b` failed"),
        (TriggerRule::NoneFailedMinOneSuccess, S::UpstreamFailed, &[S::Success, S::Failed], "`b` failed"),
        (TriggerRule::NoneFailedMinOneSuccess, S::Skipped, &[S::Skipped], "`a` was skipped"),
        (
            TriggerRule::NoneFailedMinOneSuccess,
            S::UpstreamFailed,
            &[S::Skipped, S::Removed],
            "`a` was skipped, `b` was removed",
        ),
        (TriggerRule::NoneSkipped, S::Skipped, &[S::Success, S::Skipped], "`b` was skipped"),
    ];
    for (rule, state, upstream, expected) in cases {
        let expected = format!("upstream {expected} (trigger rule {rule})");
        assert_eq!(told(*rule, *state, upstream), Some(expected), "{rule} {state} {upstream:?}");
    }
}

#[test]
fn every_verdict_of_every_rule_against_a_task_names_an_upstream() {
    let ends = [S::None, S::Success, S::Failed, S::Skipped, S::UpstreamFailed, S::Removed];
    for rule in TriggerRule::ALL {
        for upstream in ends.iter().flat_map(|a| ends.iter().map(|b| [*a, *b])) {
            let mut counts = UpstreamCounts { total: 2, ..UpstreamCounts::default() };
            for state in upstream {
                counts.add(state);
            }
            let state = match evaluate(*rule, &counts) {
                Verdict::Skip => S::Skipped,
                Verdict::UpstreamFailed => S::UpstreamFailed,
                Verdict::Run | Verdict::Wait => continue,
            };
            let told = told(*rule, state, &upstream);
            assert!(told.as_ref().is_some_and(|told| told.contains('`')), "{rule} {upstream:?}: {told:?}");
        }
    }
}

#[test]
fn a_task_that_ended_for_another_reason_blames_no_upstream() {
    // It ran; a branch did not follow it; its run was ended.
    for (state, upstream) in
        [(S::Failed, S::Success), (S::Success, S::Success), (S::Skipped, S::Success), (S::Skipped, S::Failed)]
    {
        assert_eq!(told(TriggerRule::AllSuccess, state, &[upstream]), None, "{state} {upstream}");
    }
}

#[test]
fn an_upstream_that_nobody_looked_at_has_not_started() {
    let tasks = vec![
        UpstreamTask { task_id: "a".to_owned(), state: S::None },
        UpstreamTask { task_id: "b".to_owned(), state: S::Running },
    ];
    let waiting = Waiting::Upstream { rule: TriggerRule::AllSuccess, tasks };
    assert_eq!(waiting.to_string(), "trigger rule all_success waits for `a` (not started), `b` (running)");
}
