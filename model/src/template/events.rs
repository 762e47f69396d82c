//! Asset events as templates see them: Airflow's attributes, times as times.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;

use super::moment::Moment;
use crate::asset::{Asset, AssetEvent, EventSource, SourceDagRun};
use crate::dag::Dag;
use crate::dag_run::DataInterval;
use jiff::Timestamp;

/// One event.
pub(super) fn event(event: &AssetEvent) -> Value {
    let source = event.source.as_ref();
    let text = |field: fn(&EventSource) -> &String| source.map_or(Value::from(()), |source| field(source).into());
    map([
        ("id", event.id.into()),
        ("asset", named(&event.asset.uri, &event.asset.name, &event.asset.group)),
        ("uri", event.asset.uri.as_str().into()),
        ("name", event.asset.name.as_str().into()),
        ("timestamp", moment(Some(event.timestamp))),
        ("extra", Value::from(Serde(&event.extra))),
        ("source_dag_id", text(|source| &source.dag_id)),
        ("source_run_id", text(|source| &source.run_id)),
        ("source_task_id", text(|source| &source.task_id)),
        ("source_map_index", source.map_or(-1, |source| source.map_index).into()),
        ("source_dag_run", source.map_or(Value::from(()), dag_run)),
        ("data_interval_start", moment(event.data_interval.map(|interval| interval.start))),
        ("data_interval_end", moment(event.data_interval.map(|interval| interval.end))),
    ])
}

/// Events by the URI of their asset, each in the order of the events.
pub(super) fn by_uri(events: &[AssetEvent]) -> Value {
    let mut grouped: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for one in events {
        grouped.entry(&one.asset.uri).or_default().push(event(one));
    }
    map(grouped.into_iter().map(|(uri, events)| (uri, Value::from(events))))
}

/// The assets that a task names, as far as its file describes them.
pub(super) fn assets(dag: &Dag, uris: &[String]) -> Value {
    uris.iter().map(|uri| asset(dag, uri)).collect::<Vec<Value>>().into()
}

/// Airflow's `outlet_events`: what is known of the events to come. A template can only look at them.
pub(super) fn outlet_events(dag: &Dag, uris: &[String]) -> Value {
    let event = |uri: &str| map([("asset", asset(dag, uri)), ("extra", map([]))]);
    map(uris.iter().map(|uri| (uri.as_str(), event(uri))))
}

fn asset(dag: &Dag, uri: &str) -> Value {
    let described = dag.assets.iter().find(|asset| asset.uri == uri).cloned();
    let Asset { uri, name, group, .. } = described.unwrap_or_else(|| Asset::new(uri));
    named(&uri, &name, &group)
}

fn named(uri: &str, name: &str, group: &str) -> Value {
    map([("uri", uri.into()), ("name", name.into()), ("group", group.into())])
}

fn dag_run(source: &EventSource) -> Value {
    let Some(run) = &source.dag_run else { return Value::from(()) };
    let SourceDagRun { logical_date, data_interval, run_after, start_date, end_date, state } = run;
    let bound = |bound: fn(DataInterval) -> Timestamp| moment(data_interval.map(bound));
    map([
        ("dag_id", source.dag_id.as_str().into()),
        ("run_id", source.run_id.as_str().into()),
        ("logical_date", moment(*logical_date)),
        ("data_interval_start", bound(|interval| interval.start)),
        ("data_interval_end", bound(|interval| interval.end)),
        ("run_after", moment(Some(*run_after))),
        ("start_date", moment(*start_date)),
        ("end_date", moment(*end_date)),
        ("state", state.as_str().into()),
    ])
}

fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<String, Value>>().into()
}

fn moment(at: Option<Timestamp>) -> Value {
    at.map_or(Value::from(()), |at| Value::from_object(Moment::utc(at)))
}

#[cfg(test)]
mod tests;
