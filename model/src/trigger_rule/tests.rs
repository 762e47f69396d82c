//! Every trigger rule against what Airflow's own dependency class says (`fixtures/trigger_rules`).

use super::*;

const TABLE: &str = include_str!("../../fixtures/trigger_rules/airflow.tsv");

/// Where flowctl decides and Airflow lets a task wait for upstreams that are all done, until the whole run is declared a
/// deadlock. A run that cannot go on should say so at the task: it is skipped, as by any other upstream that was not.
fn deliberate(rule: TriggerRule, counts: &UpstreamCounts, airflow: &str) -> Option<Verdict> {
    let is_stuck = airflow == "wait" && counts.done() == counts.total;
    (is_stuck && rule == TriggerRule::AllSkipped && counts.removed > 0).then_some(Verdict::Skip)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Run => "run",
        Verdict::Wait => "wait",
        Verdict::Skip => "skipped",
        Verdict::UpstreamFailed => "upstream_failed",
    }
}

fn counted(ended: &str) -> UpstreamCounts {
    let mut counts = UpstreamCounts::default();
    for text in ended.split(',').filter(|text| *text != ".") {
        let state = text.strip_prefix("setup:").unwrap_or(text);
        counts.total += 1;
        if let Ok(state) = state.parse() {
            counts.add(state);
        }
        if text.starts_with("setup:") {
            counts.setups += 1;
            counts.setup_success += u32::from(state == "success");
            counts.setup_skipped += u32::from(state == "skipped");
        }
    }
    counts
}

#[test]
fn every_rule_says_of_up_to_three_upstreams_what_airflow_says() {
    let (mut compared, mut differences) = (0, Vec::new());
    for line in TABLE.lines().filter(|line| line.starts_with("direct\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let rule: TriggerRule = fields[1].parse().unwrap();
        let counts = counted(fields[2]);
        let ours = evaluate(rule, &counts);
        let expected = deliberate(rule, &counts, fields[3]).map_or(fields[3], word);
        if word(ours) != expected {
            differences.push(format!("{line}\tours: {}", word(ours)));
        }
        compared += 1;
    }
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(compared, 12 * 84 + 455);
}

#[test]
fn no_rule_waits_for_ever() {
    for line in TABLE.lines().filter(|line| line.starts_with("direct\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let counts = counted(fields[2]);
        let verdict = evaluate(fields[1].parse().unwrap(), &counts);
        assert!(verdict != Verdict::Wait || counts.done() < counts.total, "{line}");
    }
}
