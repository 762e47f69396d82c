//! Notify blocks and deadlines by example.

use std::fmt::Write as _;
use std::sync::Arc;

use insta::assert_snapshot;

use super::tests::mistakes;
use super::{Defaults, parse};
use crate::callback::{Channel, Notify, Since, Target};
use crate::dag::{Dag, Task};
use crate::operator::Operator;

fn dag(text: &str) -> Dag {
    let parsed = parse(text, "file", &Defaults { timezone: "UTC".to_owned() });
    parsed.unwrap_or_else(|problems| panic!("{text}\n{problems:?}")).dag
}

fn task(keys: &str) -> Arc<Task> {
    dag(&format!("tasks:\n- id: a\n  bash: 'true'\n  {keys}\n")).tasks[0].clone()
}

fn channels(blocks: &[Notify]) -> Vec<&'static str> {
    blocks.iter().map(|notify| notify.channel().as_str()).collect()
}

#[test]
fn a_block_or_a_list_of_them_stands_under_each_event() {
    let task = task("on_success: {slack: done}\n  on_failure: [{webhook: 'https://h/x'}, {email: a@example.com}]");
    assert_eq!(channels(&task.callbacks.on_success), ["slack"]);
    assert_eq!(channels(&task.callbacks.on_failure), ["webhook", "email"]);
    assert!(task.callbacks.on_retry.is_empty() && task.callbacks.on_skipped.is_empty());
}

#[test]
fn a_slack_block_without_an_address_goes_to_the_connection_of_airflows_name() {
    let short = task("on_success: {slack: done}");
    let Notify::Slack(slack) = &short.callbacks.on_success[0] else { panic!("no slack") };
    assert_eq!(slack.to, Target::Connection("slackwebhook_default".to_owned()));
    assert_eq!(slack.text.as_deref(), Some("done"));
    let long = task("on_success: {slack: {url: 'https://hooks.slack.com/x'}}");
    let Notify::Slack(slack) = &long.callbacks.on_success[0] else { panic!("no slack") };
    assert_eq!((&slack.to, &slack.text), (&Target::Url("https://hooks.slack.com/x".to_owned()), &None));
}

#[test]
fn default_args_are_for_tasks_and_a_task_that_says_nothing_says_nothing() {
    let dag = dag("
default_args: {on_failure: {slack: 'failed: {{ reason }}'}, deadline: {after: start, by: 1h}}
tasks:
- {id: a, bash: x}
- {id: b, bash: x, on_failure: []}
");
    assert_eq!(dag.tasks[0].callbacks.on_failure.len(), 1);
    assert!(dag.tasks[1].callbacks.is_empty() && dag.callbacks.is_empty());
    assert!(dag.tasks.iter().all(|task| task.deadline.is_some()));
}

#[test]
fn what_a_dag_says_of_its_end_is_about_runs_and_what_it_says_of_retries_and_skips_about_tasks() {
    let dag = dag("
on_success: {slack: '{{ run_id }} is done'}
on_failure: {slack: x}
on_retry: {slack: '{{ task.task_id }}'}
on_skipped: {slack: x}
default_args: {on_skipped: {email: a@example.com}}
tasks:
- {id: a, bash: x}
- {id: b, bash: x, on_retry: []}
");
    assert_eq!((dag.callbacks.on_success.len(), dag.callbacks.on_failure.len()), (1, 1));
    assert!(dag.callbacks.on_retry.is_empty() && dag.callbacks.on_skipped.is_empty());
    let of = |at: usize| &dag.tasks[at].callbacks;
    assert_eq!((of(0).on_retry.len(), of(1).on_retry.len()), (1, 0));
    assert_eq!(channels(&of(0).on_skipped), ["email"]);
    assert!(of(0).on_success.is_empty() && of(0).on_failure.is_empty());
}

#[test]
fn a_deadline_is_counted_from_something_and_may_say_nothing() {
    let dag = dag("
deadline: {after: logical_date, by: 25h, then: {slack: late}}
tasks: [{id: a, bash: x, deadline: {after: queued_at, by: 10m}}]
");
    let of_run = dag.deadline.expect("a deadline");
    assert_eq!((of_run.after, of_run.by.absolute().as_secs(), of_run.then.len()), (Since::LogicalDate, 90_000, 1));
    let of_task = dag.tasks[0].deadline.clone().expect("a deadline");
    assert_eq!((of_task.after, of_task.then.len()), (Since::QueuedAt, 0));
}

#[test]
fn a_message_is_a_task() {
    let dag = dag("tasks: [{id: a, notify: {webhook: {url: 'https://h/{{ ds }}', json: {day: '{{ ds }}'}}}}]");
    let Operator::Notify(notify) = &dag.tasks[0].operator else { panic!("no message") };
    assert_eq!(notify.channel(), Channel::Webhook);
    assert!(!dag.tasks[0].operator.needs_process() && dag.tasks[0].operator.waits());
}

#[test]
fn the_order_of_keys_in_a_block_makes_no_new_version() {
    let hash = |json: &str| {
        let text = format!("tasks: [{{id: a, bash: x, on_success: {{webhook: {{url: 'https://h', json: {json}}}}}}}]");
        parse(&text, "file", &Defaults { timezone: "UTC".to_owned() }).expect("a DAG").content_hash
    };
    assert_eq!(hash("{a: 1, b: 2}"), hash("{b: 2, a: 1}"));
    assert_ne!(hash("{a: 1, b: 2}"), hash("{a: 1, b: 3}"));
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let mut shown = String::new();
    for text in [
        "on_failure: slack",
        "on_failure: {}",
        "on_failure: {slak: x}",
        "on_failure: {slack: x, email: a@example.com}",
        "on_failure: {slack: {txt: x}}",
        "on_failure: {slack: ''}",
        "on_failure: {slack: '{{ reson }}'}",
        "on_failure: {slack: '{{ reason'}",
        "on_failure: {slack: '{{ xcom(\"b\") }}'}",
        "on_failure: {slack: '{{ map.city }}'}",
        "on_failure: {slack: {url: hooks.slack.com, text: x}}",
        "on_failure: {slack: {url: 'https://h', conn_id: c, text: x}}",
        "on_failure: {webhook: {method: POST}}",
        "on_failure: {webhook: {url: 'https://h', method: SEND}}",
        "on_failure: {webhook: {url: 'https://h', json: {a: 1}, body: x}}",
        "on_failure: {email: {subject: x}}",
        "on_failure: {email: nobody}",
        "on_failure: {email: {to: a@example.com, html: perhaps}}",
        "on_failed: {slack: x}",
        "deadline: 30m",
        "deadline: {by: 30m}",
        "deadline: {after: start}",
        "deadline: {after: begin, by: 30m}",
        "deadline: {after: start, by: soon}",
        "deadline: {after: start, by: 0}",
        "deadline: {after: start, by: 30m, than: {slack: x}}",
    ] {
        let told = mistakes(&format!("tasks:\n- id: a\n  bash: x\n  {text}"));
        let _ = writeln!(shown, "{text}\n  {}", told.trim_end().replace('\n', "\n  "));
    }
    for text in [
        "on_success: {slack: '{{ ti.task_id }} of {{ dag.dag_id }}'}\ntasks: [{id: a, bash: x}]",
        "deadline: {after: start, by: 1h, then: {slack: '{{ try_number }}'}}\ntasks: [{id: a, bash: x}]",
        "tasks: [{id: a, notify: {slack: {conn_id: x}}}]",
        "tasks: [{id: a, notify: {slack: '{{ reason }}'}}]",
        "tasks: [{id: a, notify: {email: a@example.com}}]",
        "tasks: [{id: a, notify: [{slack: x}]}]",
        "default_args: {notify: {slack: x}}\ntasks: [{id: a, bash: x}]",
    ] {
        let _ = writeln!(shown, "{text}\n  {}", mistakes(text).trim_end().replace('\n', "\n  "));
    }
    assert_snapshot!(shown);
}
