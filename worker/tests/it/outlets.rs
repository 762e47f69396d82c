use model::asset::{Asset, OutletEvent};
use model::attempt::Outcome;
use model::dag::Task;
use model::operator::{Bash, Operator};
use serde_json::json;

use crate::fixture::{World, code, failure, task};

fn outlet(uri: &str, extra: &serde_json::Value) -> OutletEvent {
    OutletEvent { uri: uri.to_owned(), extra: extra.as_object().unwrap().clone() }
}

fn making(task: Task) -> Task {
    Task { outlets: vec!["s3://a".to_owned(), "s3://b".to_owned()], inlets: vec!["s3://in".to_owned()], ..task }
}

fn bash(command: &str) -> Task {
    making(task(Operator::Bash(Bash::new(command))))
}

#[tokio::test]
async fn a_process_says_something_about_its_outlets_in_a_file() {
    let world = World::new().with_asset(Asset { name: "b".to_owned(), ..Asset::new("s3://b") });
    let command = r#"echo '{"asset": "s3://a", "extra": {"rows": 1}}' >> "$FLOWCTL_OUTLET_EVENTS"
        echo '{"uri": "b", "extra": {"rows": 2}}' >> "$FLOWCTL_OUTLET_EVENTS"
        echo '{"asset": "s3://a", "extra": {"rows": 3}}' >> "$FLOWCTL_OUTLET_EVENTS""#;
    let finished = world.run(bash(command)).await;
    assert_eq!(finished.outcome, Outcome::Success);
    assert_eq!(finished.outlet_events, [outlet("s3://b", &json!({"rows": 2})), outlet("s3://a", &json!({"rows": 3}))]);
}

#[tokio::test]
async fn what_a_process_wrote_counts_only_when_it_succeeds() {
    let world = World::new();
    let finished = world.run(bash(r#"echo '{"asset": "s3://a"}' >> "$FLOWCTL_OUTLET_EVENTS"; exit 3"#)).await;
    assert!(matches!(finished.outcome, Outcome::Failed { exit_code: Some(3), .. }), "{:?}", finished.outcome);
    assert_eq!(finished.outlet_events, []);
}

#[tokio::test]
async fn an_asset_that_is_no_outlet_and_a_line_that_is_no_json_fail_the_attempt() {
    let world = World::new();
    let wrong = world.run(bash(r#"echo '{"asset": "s3://z"}' >> "$FLOWCTL_OUTLET_EVENTS""#)).await;
    assert_eq!(
        failure(&wrong).0,
        "$FLOWCTL_OUTLET_EVENTS cannot be read: line 1: `s3://z` is not among the `outlets` of the task (s3://a, s3://b)"
    );
    let line = world.run(bash(r#"echo 's3://a' >> "$FLOWCTL_OUTLET_EVENTS""#)).await;
    assert!(
        failure(&line).0.contains("line 1 is not {\"asset\": URI or name, \"extra\": {…}}"),
        "{}",
        failure(&line).0
    );
}

#[tokio::test]
async fn python_sets_extra_as_in_airflow() {
    let world = World::new().with_asset(Asset { name: "b".to_owned(), ..Asset::new("s3://b") });
    let said = "outlet_events['s3://a'].extra = {'rows': 1}\noutlet_events[outlets[1]].extra['rows'] = 2\nreturn [o.name for o in outlets]";
    let finished = world.run(making(code(said))).await;
    assert_eq!(finished.outlet_events, [outlet("s3://a", &json!({"rows": 1})), outlet("s3://b", &json!({"rows": 2}))]);
    assert_eq!(finished.xcoms[0].value, json!(["s3://a", "b"]));
    let wrong = world.run(making(code("outlet_events['s3://z'].extra = {}"))).await;
    assert!(failure(&wrong).0.contains("`s3://z` is not among the `outlets` of the task"), "{}", failure(&wrong).0);
    let unfit = world.run(making(code("outlet_events['s3://a'].extra = {'x': {1}}"))).await;
    assert!(
        failure(&unfit).0.contains("`extra` of the outlet event of `s3://a` is a dict, which is not JSON"),
        "{}",
        failure(&unfit).0
    );
}

#[tokio::test]
async fn python_reads_the_events_of_inlets_and_those_that_started_the_run() {
    let world = World::new().triggered_by_assets();
    let inlets = "last = inlet_events['s3://in'][-1]\nreturn [last.extra['rows'], last.timestamp.isoformat(), last.source_dag_run.data_interval_start.day]";
    let finished = world.run(making(code(inlets))).await;
    assert_eq!(finished.xcoms[0].value, json!([2, "2026-03-02T00:00:00+00:00", 1]));
    let triggering = "return [[uri, events[0].extra.rows if hasattr(events[0].extra, 'rows') else events[0].extra['rows']] for uri, events in triggering_asset_events.items()]";
    assert_eq!(world.run(making(code(triggering))).await.xcoms[0].value, json!([["s3://in", 3]]));
    world
        .file("m.py", "def f(triggering_asset_events, inlets):\n    return triggering_asset_events[inlets[0]][0].id\n");
    let callable = crate::fixture::python(model::operator::PythonCall::Callable("m.f".to_owned()));
    assert_eq!(world.run(making(task(Operator::Python(callable)))).await.xcoms[0].value, json!(3));
    let none = World::new().run(making(code("return len(triggering_asset_events)"))).await;
    assert_eq!(none.xcoms[0].value, json!(0), "a run that something else started");
}

#[tokio::test]
async fn templates_read_the_same_events() {
    let world = World::new().triggered_by_assets();
    let finished = world.run(bash("echo {{ inlet_events['s3://in'][-1].extra.rows }} {{ (triggering_asset_events.values() | first | first).source_dag_run.data_interval_start | ds }}")).await;
    assert_eq!(finished.xcoms[0].value, json!("2 2026-03-01"));
}
