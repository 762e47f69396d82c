//! Pools, weights and limits of tasks: what is understood, and what each mistake looks like.

use insta::assert_snapshot;

use super::tests::mistakes;
use super::{Defaults, Parsed, parse, pools, render};
use crate::dag::Task;
use crate::pool::WeightRule;

fn read(text: &str) -> Parsed {
    let read = parse(text, "file", &Defaults { timezone: "UTC".to_owned() });
    read.unwrap_or_else(|problems| panic!("{}", render(&problems, "file.yaml", text, false)))
}

#[test]
fn limits_of_a_task_are_read_from_it_or_from_default_args() {
    let parsed = read(
        "
default_args: {pool: warehouse, weight_rule: absolute}
tasks:
  - {id: a, bash: x, pool_slots: 3, max_active_tis_per_dag: 2, max_active_tis_per_dagrun: 1, priority_weight: 7}
  - {id: b, bash: x, pool: default_pool, weight_rule: upstream}
",
    );
    let [a, b] = [0, 1].map(|at| -> &Task { &parsed.dag.tasks[at] });
    assert_eq!((a.pool.as_str(), a.pool_slots, a.weight_rule), ("warehouse", 3, WeightRule::Absolute));
    assert_eq!((a.max_active_tis_per_dag, a.max_active_tis_per_dagrun), (Some(2), Some(1)));
    assert_eq!((b.pool.as_str(), b.pool_slots, b.weight_rule), ("default_pool", 1, WeightRule::Upstream));
    assert_eq!((b.max_active_tis_per_dag, b.max_active_tis_per_dagrun), (None, None));
    assert_eq!(parsed.pool_names(), ["warehouse"]);
}

#[test]
fn a_file_that_says_nothing_of_them_keeps_its_version() {
    let plain = read("tasks: [{id: a, bash: x}]");
    let spelled = read("tasks: [{id: a, bash: x, pool: default_pool, pool_slots: 1, weight_rule: downstream}]");
    assert_eq!(plain.content_hash, spelled.content_hash);
    assert_ne!(plain.content_hash, read("tasks: [{id: a, bash: x, pool_slots: 2}]").content_hash);
    let spec = serde_json::to_string(&plain.dag).unwrap();
    assert!(!spec.contains("pool") && !spec.contains("weight_rule"), "{spec}");
    assert_eq!(serde_json::from_str::<crate::dag::Dag>(&spec).unwrap(), plain.dag);
}

#[test]
fn limits_that_are_none_are_refused_where_they_stand() {
    assert_snapshot!(mistakes("
tasks:
  - {id: a, bash: x, pool: ' ', pool_slots: 0, weight_rule: upsteam}
  - {id: b, bash: x, pool: [a], max_active_tis_per_dag: 0, max_active_tis_per_dagrun: many}
"), @r"
    3:28 a pool's name has 1 to 256 characters, none of them a blank at an end or a control character
    3:45 `pool_slots` must be a whole number from 1 within reason, not 0
    3:61 `upsteam` is not a weight rule (downstream, upstream, absolute) (did you mean `upstream`?)
    4:28 `pool` must be a text, not a list
    4:57 `max_active_tis_per_dag` must be a whole number from 1 within reason, not 0
    4:87 `max_active_tis_per_dagrun` must be a whole number, not a text
    ");
}

#[test]
fn a_pool_that_does_not_exist_is_a_problem_where_it_is_named() {
    let text = "\
default_args: {pool: warehose}
tasks:
  - {id: a, bash: x}
  - {id: b, bash: x, pool: gpu pool}
  - {id: c, bash: x, pool: warehouse}
";
    let problems = pools::unknown(&read(text), text, &["warehouse".to_owned()]);
    assert_snapshot!(render(&problems, "file.yaml", text, false), @r"
    error: there is no pool `warehose`
     --> file.yaml:1:22
      |
    1 | default_args: {pool: warehose}
      |                      ^^^^^^^^
      |
      = help: did you mean `warehouse`?

    error: there is no pool `gpu pool`
     --> file.yaml:4:28
      |
    4 |   - {id: b, bash: x, pool: gpu pool}
      |                            ^^^^^^^^
      |
      = help: `flowctl pools set 'gpu pool' SLOTS` makes one
    ");
    let known = ["warehose", "gpu pool", "warehouse"].map(str::to_owned);
    assert!(pools::unknown(&read(text), text, &known).is_empty());
}

#[test]
fn a_weight_rule_says_whose_weights_count() {
    let parsed = read(
        "
tasks:
  - {id: first, bash: x, priority_weight: 1}
  - {id: middle, bash: x, priority_weight: 10, depends_on: first, weight_rule: upstream}
  - {id: last, bash: x, priority_weight: 100, depends_on: middle, weight_rule: absolute}
",
    );
    assert_eq!(parsed.dag.priority_weights(), [111, 11, 100]);
}
