//! Events of assets in templates.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::asset::{Asset, AssetEvent, AssetName, EventSource, SourceDagRun};
use crate::dag::{Dag, Task};
use crate::dag_run::{DagRunFacts, DataInterval};
use crate::ids::DagRunKey;
use crate::operator::{Bash, Operator};
use crate::state::{DagRunType, TriggeredBy};
use crate::template::{Fetched, Need, RenderError, Scope, check, render};

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn event(id: i64, uri: &str, extra: &Value) -> AssetEvent {
    let data_interval = Some(DataInterval { start: at("2026-03-01T00:00:00Z"), end: at("2026-03-02T00:00:00Z") });
    let dag_run = SourceDagRun {
        logical_date: Some(at("2026-03-01T00:00:00Z")),
        data_interval,
        run_after: at("2026-03-02T00:00:00Z"),
        start_date: None,
        end_date: None,
        state: "running".to_owned(),
    };
    AssetEvent {
        id,
        asset: AssetName { id: 1, uri: uri.to_owned(), name: uri.to_owned(), group: "asset".to_owned() },
        timestamp: at("2026-03-02T00:00:05Z"),
        extra: extra.as_object().unwrap().clone(),
        source: Some(EventSource {
            dag_id: "maker".to_owned(),
            run_id: "scheduled__1".to_owned(),
            task_id: "make".to_owned(),
            map_index: -1,
            dag_run: Some(dag_run),
        }),
        data_interval,
    }
}

fn rendered(source: &str, fetched: Fetched) -> Result<Value, RenderError> {
    let task = Task {
        inlets: vec!["s3://a".to_owned()],
        outlets: vec!["s3://c".to_owned()],
        ..Task::new("t", Operator::Bash(Bash::new("true")))
    };
    let asset = Asset { name: "a".to_owned(), ..Asset::new("s3://a") };
    let dag = Arc::new(Dag { assets: vec![asset], ..Dag::new("d", vec![Arc::new(task)]) });
    let dag_run = Arc::new(DagRunFacts {
        key: DagRunKey(1),
        dag_id: "d".to_owned(),
        run_id: "asset_triggered__1".to_owned(),
        run_type: DagRunType::AssetTriggered,
        logical_date: None,
        data_interval: None,
        run_after: at("2026-03-02T00:00:05Z"),
        conf: serde_json::Map::new(),
        params: serde_json::Map::new(),
        started_at: None,
        triggered_by: TriggeredBy::Asset,
    });
    let scope = Scope {
        task: &dag.tasks[0],
        dag: &dag,
        dag_run: &dag_run,
        try_number: 1,
        max_tries: 1,
        map_index: -1,
        mapped: None,
        fetched: &Arc::new(fetched),
    };
    render(source, &scope)
}

fn value(source: &str) -> Value {
    let events = vec![
        event(7, "s3://a", &json!({"rows": 3})),
        event(8, "s3://b", &json!({})),
        event(9, "s3://a", &json!({"rows": 4})),
    ];
    let mut fetched = Fetched { triggering_asset_events: Some(events.clone()), ..Fetched::default() };
    fetched
        .asset_events
        .insert("s3://a".to_owned(), events.into_iter().filter(|event| event.asset.uri == "s3://a").collect());
    rendered(source, fetched).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn triggering_events_are_by_uri_and_read_as_in_airflow() {
    for (source, expected) in [
        (
            "{{ (triggering_asset_events.values() | first | first).source_dag_run.data_interval_start | ds }}",
            json!("2026-03-01"),
        ),
        (
            "{{ triggering_asset_events['s3://a'] | map(attribute='extra') | map(attribute='rows') | list }}",
            json!([3, 4]),
        ),
        (
            "{% for uri, events in triggering_asset_events.items() %}{{ uri }}:{{ events | length }} {% endfor %}",
            json!("s3://a:2 s3://b:1 "),
        ),
        ("{{ triggering_asset_events['s3://b'][0].source_task_id }}", json!("make")),
        ("{{ triggering_asset_events['s3://a'][-1].id }}", json!(9)),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn inlets_have_their_events_by_uri_and_by_name() {
    assert_eq!(value("{{ inlet_events['s3://a'][-1].extra.rows }}"), json!(4));
    assert_eq!(value("{{ (inlet_events['a'] | last).timestamp.isoformat() }}"), json!("2026-03-02T00:00:05+00:00"));
    assert_eq!(
        value("{{ inlets[0].name }} {{ outlets[0].uri }} {{ outlet_events['s3://c'].extra }}"),
        json!("a s3://c {}")
    );
}

#[test]
fn events_are_asked_for_only_where_they_are_used() {
    let needs = |source: &str| match rendered(source, Fetched::default()) {
        Err(RenderError::Needs(needs)) => needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(needs("{{ triggering_asset_events }}"), [Need::TriggeringAssetEvents]);
    assert_eq!(needs("{{ inlet_events['a'][0].id }}"), [Need::AssetEvents { uri: "s3://a".to_owned() }]);
}

#[test]
fn an_asset_that_is_no_inlet_is_an_error_that_says_so() {
    let error = rendered("{{ inlet_events['s3://aa'] }}", Fetched::default()).unwrap_err().to_string();
    assert!(error.contains("`s3://aa` is not among the `inlets` of the task; did you mean `s3://a`?"), "{error}");
}

#[test]
fn the_names_pass_the_check_of_a_file() {
    for name in ["inlets", "outlets", "inlet_events", "outlet_events", "triggering_asset_events"] {
        assert_eq!(check(&format!("{{{{ {name} }}}}")).problems, []);
    }
}
