//! When a run is due, by example and against a slow evaluation.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{AssetSchedule, QueuedEvent};
use crate::asset::AssetCondition::{self, All, Any, Asset};
use crate::dag_run::DataInterval;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn day(number: i64) -> DataInterval {
    DataInterval { start: at(number * 86_400), end: at((number + 1) * 86_400) }
}

fn event(id: i64, uri: &str, partition: Option<i64>) -> QueuedEvent {
    QueuedEvent { id, uri: uri.to_owned(), data_interval: partition.map(day), at: at(id) }
}

fn all(uris: &[&str]) -> AssetCondition {
    All(uris.iter().map(|uri| Asset((*uri).to_owned())).collect())
}

fn schedule(condition: AssetCondition, by_interval: bool) -> AssetSchedule {
    AssetSchedule { condition, by_interval }
}

#[test]
fn nothing_is_due_while_an_asset_is_missing() {
    let both = schedule(all(&["a", "b"]), false);
    assert_eq!(both.due(&[]), None);
    assert_eq!(both.due(&[event(1, "a", None), event(2, "a", None)]), None);
}

#[test]
fn a_run_takes_all_that_waits() {
    let both = schedule(all(&["a", "b"]), false);
    let due = both.due(&[event(3, "b", Some(1)), event(1, "a", None), event(2, "a", Some(0))]).unwrap();
    assert_eq!((due.events.as_slice(), due.data_interval, due.run_after), ([1, 2, 3].as_slice(), None, at(3)));
}

#[test]
fn events_of_assets_that_the_condition_does_not_name_stay() {
    let one = schedule(all(&["a"]), false);
    assert_eq!(one.due(&[event(1, "b", None)]), None);
    assert_eq!(one.due(&[event(1, "b", None), event(2, "a", None)]).unwrap().events, [2]);
}

#[test]
fn by_interval_only_the_same_partition_counts() {
    let both = schedule(all(&["a", "b"]), true);
    assert_eq!(both.due(&[event(1, "a", Some(1)), event(2, "b", Some(2)), event(3, "b", None)]), None);
    let due = both.due(&[event(1, "a", Some(2)), event(2, "b", Some(2)), event(3, "a", Some(1))]).unwrap();
    assert_eq!((due.events.as_slice(), due.data_interval), ([1, 2].as_slice(), Some(day(2))));
}

#[test]
fn the_earliest_whole_partition_comes_first() {
    let one = schedule(all(&["a"]), true);
    let due = one.due(&[event(1, "a", Some(5)), event(2, "a", Some(4)), event(3, "a", Some(5))]).unwrap();
    assert_eq!((due.events.as_slice(), due.data_interval), ([2].as_slice(), Some(day(4))));
}

#[test]
fn progress_is_that_of_the_nearest_partition() {
    let both = schedule(all(&["a", "b", "c"]), true);
    let progress = both.progress(&[event(1, "a", Some(1)), event(2, "a", Some(2)), event(3, "c", Some(2))]);
    assert_eq!(progress.data_interval, Some(day(2)));
    assert_eq!(progress.updated, [("a".to_owned(), at(2)), ("c".to_owned(), at(3))]);
    assert_eq!(progress.missing, ["b"]);
    assert_eq!(both.progress(&[]).missing, ["a", "b", "c"]);
}

#[test]
fn what_a_dag_waits_for_is_said_in_words() {
    let waits = |condition: AssetCondition, by_interval: bool, queued: &[QueuedEvent]| {
        schedule(condition, by_interval).waits_for(queued)
    };
    assert_eq!(waits(all(&["a", "b"]), false, &[]), "waits for `a`, `b` (0 of 2 assets updated)");
    assert_eq!(
        waits(all(&["a", "b"]), false, &[event(5, "a", None)]),
        "waits for `b` (1 of 2 assets updated since 1970-01-01T00:00:05Z)"
    );
    assert_eq!(
        waits(all(&["a", "b"]), true, &[event(5, "a", Some(1))]),
        "waits for `b` (1 of 2 assets updated since 1970-01-01T00:00:05Z for 1970-01-02T00:00:00Z to 1970-01-03T00:00:00Z)"
    );
    assert_eq!(waits(Any(vec![all(&["a"]), all(&["b"])]), false, &[]), "waits for `a or b` (0 of 2 assets updated)");
    assert_eq!(waits(all(&["a"]), false, &[event(5, "a", None)]), "due: 1 of 1 assets updated");
}

fn conditions() -> impl Strategy<Value = AssetCondition> {
    let leaf = "[a-d]".prop_map(Asset);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Any),
            prop::collection::vec(inner, 1..4).prop_map(All)
        ]
    })
}

fn queues() -> impl Strategy<Value = Vec<QueuedEvent>> {
    let one = ("[a-e]", prop::option::of(0..3_i64));
    prop::collection::vec(one, 0..8)
        .prop_map(|events| (1..).zip(events).map(|(id, (uri, partition))| event(id, &uri, partition)).collect())
}

/// Whether a condition holds, by trying every way in which it may.
fn is_met(condition: &AssetCondition, updated: &BTreeSet<String>) -> bool {
    match condition {
        Asset(uri) => updated.contains(uri),
        Any(parts) => parts.iter().filter(|part| is_met(part, updated)).count() > 0,
        All(parts) => parts.iter().filter(|part| !is_met(part, updated)).count() == 0,
    }
}

/// The events of the first partition that is whole, found by looking at each day in turn.
fn slow(schedule: &AssetSchedule, queued: &[QueuedEvent]) -> Option<Vec<i64>> {
    let named: BTreeSet<String> = schedule.condition.uris().into_iter().map(str::to_owned).collect();
    let partitions: Vec<Option<DataInterval>> =
        if schedule.by_interval { (0..3).map(|number| Some(day(number))).collect() } else { vec![None] };
    for partition in partitions {
        let mut events = Vec::new();
        let mut updated = BTreeSet::new();
        for event in queued {
            if named.contains(&event.uri) && (!schedule.by_interval || event.data_interval == partition) {
                events.push(event.id);
                updated.insert(event.uri.clone());
            }
        }
        if !events.is_empty() && is_met(&schedule.condition, &updated) {
            return Some(events);
        }
    }
    None
}

proptest! {
    #[test]
    fn what_is_due_is_what_a_slow_look_finds(condition in conditions(), by_interval: bool, queued in queues()) {
        let schedule = schedule(condition, by_interval);
        let due = schedule.due(&queued);
        prop_assert_eq!(due.as_ref().map(|due| due.events.clone()), slow(&schedule, &queued));
        // What is left makes the same run due only when it is whole by itself, and in the end nothing is left to take.
        let mut left = queued;
        let mut runs = 0;
        while let Some(due) = schedule.due(&left) {
            let before = left.len();
            left.retain(|event| !due.events.contains(&event.id));
            prop_assert!(left.len() < before);
            runs += 1;
        }
        let most = if schedule.by_interval { 3 } else { 1 };
        prop_assert!(runs <= most);
    }

    #[test]
    fn nothing_is_missing_of_a_condition_of_all_when_it_is_due(queued in queues(), by_interval: bool) {
        let schedule = schedule(all(&["a", "b"]), by_interval);
        let progress = schedule.progress(&queued);
        prop_assert_eq!(schedule.due(&queued).is_some(), progress.missing.is_empty());
    }
}
