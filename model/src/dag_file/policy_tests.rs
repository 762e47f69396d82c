//! Retries, setups, the past, `when` and short circuits, by example.

use insta::assert_snapshot;

use super::tests::{dag, mistakes};
use crate::dag::Task;
use crate::operator::{Condition, Operator, is_true, is_truthy};
use crate::trigger_rule::TriggerRule;

fn first(keys: &str) -> Task {
    Task::clone(&dag(&format!("tasks: [{{id: a, bash: x, {keys}}}]")).tasks[0])
}

#[test]
fn a_delay_that_grows_is_a_flag_or_a_factor() {
    assert_eq!(first("retry_exponential_backoff: true").retry_exponential_backoff, Some(2.0));
    assert_eq!(first("retry_exponential_backoff: false").retry_exponential_backoff, None);
    assert_eq!(first("retry_exponential_backoff: 0").retry_exponential_backoff, None);
    assert_eq!(first("retry_exponential_backoff: 1.5").retry_exponential_backoff, Some(1.5));
    assert_eq!(first("max_retry_delay: 1h").max_retry_delay.unwrap().absolute().as_secs(), 3600);
    assert_snapshot!(mistakes("tasks: [{id: a, bash: x, retry_exponential_backoff: 0.5}]"), @"1:53 `retry_exponential_backoff` must be true, false or a factor from 1 to 1000, not 0.5");
    assert_snapshot!(mistakes("tasks: [{id: a, bash: x, retry_exponential_backoff: fast}]"), @"1:53 `retry_exponential_backoff` must be true, false or a factor, not a text");
}

#[test]
fn retry_on_and_fail_on_name_failures() {
    let task = first("retry_on: {exit_codes: [75, 3, 75], timeout: true, match: '5\\d\\d'}, fail_on: {exit_codes: 2}");
    let retry_on = task.retry_on.unwrap();
    assert_eq!((retry_on.exit_codes, retry_on.timeout), (vec![3, 75], true));
    assert_eq!(retry_on.pattern.as_deref(), Some("5\\d\\d"));
    assert_eq!(task.fail_on.unwrap().exit_codes, [2]);
    let text = "
tasks:
  - id: a
    bash: x
    retry_on: {exit_codes: [0, 256, no]}
    fail_on: {match: 'a(b'}
  - {id: b, bash: x, retry_on: {}, fail_on: {timeout: true, exit_code: 3}}
";
    assert_snapshot!(mistakes(text), @r#"
    5:29 `exit_codes` must be a whole number from 1 within reason, not 0
    5:32 an exit code is between 1 and 255, not 256
    5:37 `exit_codes` must be a whole number, not a text
    6:22 `match` is not a regular expression: unclosed group
    7:32 `retry_on` names no failure; give it `exit_codes`, `timeout: true` or `match`
    7:46 unknown key `timeout` in `fail_on`
    7:61 unknown key `exit_code` in `fail_on` (did you mean `exit_codes`?)
    "#);
}

#[test]
fn a_teardown_names_its_setups_or_depends_on_them() {
    let text = "
tasks:
  - {id: make, bash: x, setup: true}
  - {id: use, bash: x, depends_on: make}
  - {id: drop, bash: x, teardown: {of: make, on_failure_fail_dagrun: true}, depends_on: use}
  - {id: note, bash: x, teardown: true, depends_on: [make, use]}
";
    let dag = dag(text);
    assert_eq!(dag.tasks[2].upstream, dag.tasks[3].upstream);
    assert_eq!(dag.tasks[2].trigger_rule, TriggerRule::AllDoneSetupSuccess);
    let of = dag.tasks[2].teardown.unwrap();
    assert!(dag.tasks[0].setup && of.on_failure_fail_dagrun);
    let leaves = dag.leaves(&dag.downstream());
    assert_eq!(leaves, [crate::ids::TaskIndex(2)]);
}

#[test]
fn what_follows_a_group_does_not_wait_for_its_teardowns() {
    let text = "
tasks:
  - group: g
    tasks:
      - {id: make, bash: x, setup: true}
      - {id: use, bash: x, depends_on: make}
      - {id: drop, bash: x, teardown: {of: make}, depends_on: use}
  - {id: after, bash: x, depends_on: g}
";
    let dag = dag(text);
    assert_eq!(dag.tasks[3].upstream, [crate::ids::TaskIndex(1)]);
}

#[test]
fn what_cannot_be_meant_of_setups_is_refused_where_it_stands() {
    let text = "
tasks:
  - {id: make, bash: x, setup: true}
  - {id: both, bash: x, setup: true, teardown: true}
  - {id: use, bash: x, depends_on: make, trigger_rule: all_done}
  - {id: drop, bash: x, teardown: {of: [make, use], on_failure: true}, trigger_rule: all_done}
";
    assert_snapshot!(mistakes(text), @r#"
    4:25 a task is a setup or a teardown, not both
    5:36 `use` follows the setup `make`, so its `trigger_rule` must be `all_success`, not `all_done`
    6:47 `use` is not a setup (a setup is a task with `setup: true`)
    6:53 unknown key `on_failure` in `teardown`
    6:72 a teardown takes no `trigger_rule`: it runs when its setup succeeded, once all between them has ended
    "#);
}

#[test]
fn waiting_for_downstream_is_depending_on_the_past_too() {
    let task = first("wait_for_downstream: true");
    assert!(task.depends_on_past && task.wait_for_downstream && task.ignore_first_depends_on_past);
    assert!(first("wait_for_downstream: true, depends_on_past: false").depends_on_past);
    assert!(!first("depends_on_past: true, ignore_first_depends_on_past: false").ignore_first_depends_on_past);
}

#[test]
fn a_short_circuit_is_a_template_or_python() {
    let short = |text: &str| match &dag(&format!("tasks: [{{id: a, short_circuit: {text}}}]")).tasks[0].operator {
        Operator::ShortCircuit(short) => short.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(short("'{{ true }}'").condition, Condition::Expression("{{ true }}".to_owned()));
    assert!(short("{python: m.f}").ignore_downstream_trigger_rules);
    assert!(!short("{python: m.f, ignore_downstream_trigger_rules: false}").ignore_downstream_trigger_rules);
    assert_snapshot!(mistakes("tasks: [{id: a, short_circuit: {python: {script: a.py}}}]"), @"1:41 a script returns nothing to decide by; use `callable` or `code`");
    assert_snapshot!(mistakes("tasks: [{id: a, short_circuit: {}}]"), @"1:32 `short_circuit` lacks its template or its `python`");
    assert_snapshot!(mistakes("tasks: [{id: a, short_circuit: '{{ nope }}'}]"), @"1:36 `nope` is undefined");
    assert_snapshot!(mistakes("tasks: [{id: a, empty: {}, when: '{{ xcom(\"b\") }}'}]"), @"1:43 there is no task `b` (did you mean `a`?)");
}

#[test]
fn keys_that_say_nothing_new_leave_the_version_as_it_was() {
    let plain =
        super::parse("tasks: [{id: a, bash: x}]", "f", &super::Defaults { timezone: "UTC".to_owned() }).unwrap();
    let spec = serde_json::to_string(&plain.dag).unwrap();
    for key in ["retry_", "fail_on", "past", "setup", "teardown", "when", "max_consecutive"] {
        assert!(!spec.replace("retry_delay", "").contains(key), "{key}: {spec}");
    }
}

#[test]
fn values_that_mean_no() {
    let no = |value: serde_json::Value| !is_true(&value);
    for value in [serde_json::json!(false), serde_json::json!(0), serde_json::json!([]), serde_json::json!(null)] {
        assert!(no(value.clone()) && !is_truthy(&value), "{value}");
    }
    assert!(no(serde_json::json!(" False ")) && is_truthy(&serde_json::json!("False")));
    assert!(!no(serde_json::json!("yes")) && !no(serde_json::json!(0.5)) && !no(serde_json::json!({"a": 1})));
}
