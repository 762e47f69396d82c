//! Sensors, approvals and triggers of other DAGs by example.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::tests::mistakes;
use super::{Defaults, parse};
use crate::operator::Operator;
use crate::wait::{AboutDate, By, Event, Sensor};

fn operator(text: &str) -> Operator {
    let file = format!("tasks:\n  - id: a\n    {text}\n");
    let parsed = parse(&file, "file", &Defaults { timezone: "UTC".to_owned() });
    parsed.unwrap_or_else(|problems| panic!("{file}\n{problems:?}")).dag.tasks[0].operator.clone()
}

fn sensor(text: &str) -> Sensor {
    match operator(&format!("sensor: {text}")) {
        Operator::Sensor(sensor) => sensor,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sensor_says_what_it_waits_for_and_how() {
    let file = sensor(
        "{file: 'data/{{ ds }}.csv', poke_interval: 5s, timeout: 2h, soft_fail: true, exponential_backoff: true}",
    );
    assert_eq!(file.event, Event::File("data/{{ ds }}.csv".to_owned()));
    assert_eq!((file.poke_interval.millis, file.timeout.millis), (5_000, 7_200_000));
    assert!(file.soft_fail && file.exponential_backoff);
    let plain = sensor("{delta: 30m}");
    assert_eq!((plain.poke_interval.millis, plain.timeout.days), (30_000, 7));
    assert_eq!(sensor("{time: 09:30}").event, Event::Time("09:30".to_owned()));
    assert_eq!(sensor("{time: '{{ data_interval_end }}'}").event, Event::Time("{{ data_interval_end }}".to_owned()));
}

#[test]
fn a_sensor_of_another_dag_is_met_by_its_success_unless_it_says_otherwise() {
    let Event::Task(short) = sensor("{task: other}").event else { panic!("no task") };
    assert_eq!(
        (short.dag_id.as_str(), short.task_id, short.states, short.by),
        ("other", None, vec!["success".to_owned()], By::LogicalDate)
    );
    let Event::Task(long) =
        sensor("{task: {dag_id: other, task_id: load, states: [success, skipped], by: latest}}").event
    else {
        panic!("no task")
    };
    assert_eq!((long.task_id.as_deref(), long.states.len(), long.by), (Some("load"), 2, By::Latest));
    let Event::Task(earlier) = sensor("{task: {dag_id: other, by: {delta: 1h}}}").event else { panic!("no task") };
    assert!(matches!(earlier.by, By::Delta(delta) if delta.millis == 3_600_000));
}

#[test]
fn http_and_sql_sensors_are_understood() {
    let Event::Http(http) = sensor("{http: 'https://example.org/{{ ds }}'}").event else { panic!("no http") };
    assert_eq!((http.method.as_str(), http.expect), ("GET", None));
    let Event::Http(http) =
        sensor("{http: {url: 'http://x/', method: post, headers: {A: b}, expect: '{{ response.json.done }}'}}").event
    else {
        panic!("no http")
    };
    assert_eq!((http.method.as_str(), http.headers.len()), ("POST", 1));
    assert!(matches!(sensor("{sql: {conn_id: dwh, sql: select 1}}").event, Event::Sql(_)));
    assert!(operator("sensor: {python: checks.ready}").needs_process());
}

#[test]
fn a_trigger_says_what_is_triggered_and_about_which_date() {
    let Operator::TriggerDag(short) = operator("trigger_dag: other") else { panic!("no trigger") };
    assert_eq!((short.dag_id.as_str(), short.logical_date, short.wait), ("other", AboutDate::Now, false));
    let Operator::TriggerDag(long) = operator(
        "trigger_dag: {dag_id: other, conf: {day: '{{ ds }}'}, logical_date: '{{ logical_date }}', wait: true, reset: true, run_id: 'r_{{ ds }}'}",
    ) else {
        panic!("no trigger")
    };
    assert!(long.wait && long.reset && matches!(long.logical_date, AboutDate::At(_)));
    let Operator::TriggerDag(null) = operator("trigger_dag: {dag_id: other, logical_date: null}") else {
        panic!("no trigger")
    };
    assert_eq!(null.logical_date, AboutDate::Null);
}

#[test]
fn an_approval_has_options_and_perhaps_a_default() {
    let Operator::Approve(short) = operator("approve: Ship it?") else { panic!("no approval") };
    assert_eq!(short.options, ["Approve", "Reject"]);
    let Operator::Approve(long) = operator(
        "approve: {prompt: Where?, options: [staging, production], default: staging, timeout: 1d, roles: [op]}",
    ) else {
        panic!("no approval")
    };
    assert_eq!((long.default.as_deref(), long.roles.len()), (Some("staging"), 1));
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let mut shown = String::new();
    for text in [
        "sensor: data.csv",
        "sensor: {}",
        "sensor: {file: a, time: '09:00'}",
        "sensor: {fil: a}",
        "sensor: {file: ''}",
        "sensor: {file: '{{ dss }}'}",
        "sensor: {time: noon}",
        "sensor: {delta: soon}",
        "sensor: {file: a, poke_interval: 0}",
        "sensor: {file: a, soft_fail: perhaps}",
        "sensor: {http: example.org}",
        "sensor: {http: {method: GET}}",
        "sensor: {http: {url: 'http://x', method: FETCH}}",
        "sensor: {http: {url: 'http://x', expect: '{{ responce.status }}'}}",
        "sensor: {sql: {conn_id: dwh}}",
        "sensor: {task: {task_id: load}}",
        "sensor: {task: {dag_id: b, states: [sucess]}}",
        "sensor: {task: {dag_id: b, by: date}}",
        "trigger_dag: {conf: {a: 1}}",
        "trigger_dag: {dag_id: b, conf: [1]}",
        "trigger_dag: {dag_id: b, wait: forever}",
        "approve: {options: [a]}",
        "approve: {prompt: Ship?, options: [Reject]}",
        "approve: {prompt: Ship?, options: [a, a]}",
        "approve: {prompt: Ship?, default: Approve}",
        "approve: {prompt: Ship?, default: Yes, timeout: 1h}",
        "approve: {prompt: Ship?, roles: [boss]}",
    ] {
        let told = mistakes(&format!("tasks:\n- id: a\n  {text}"));
        let _ = writeln!(shown, "{text}\n  {}", told.trim_end().replace('\n', "\n  "));
    }
    assert_snapshot!(shown);
}
