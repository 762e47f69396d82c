//! Whether the events that wait for a DAG make a run of it due.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AssetCondition;
use crate::dag_run::DataInterval;

/// When a DAG runs because of assets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetSchedule {
    /// What has to be updated.
    pub condition: AssetCondition,
    /// Whether the updates have to be of the same interval.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_interval: bool,
}

/// Events of an asset that wait for a DAG: the newest of an interval, which stands for those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedEvent {
    /// The newest one's row.
    pub id: i64,
    /// The asset.
    pub uri: String,
    /// The partition that was updated.
    pub data_interval: Option<DataInterval>,
    /// When the newest came.
    pub at: Timestamp,
}

/// A run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAssets {
    /// The events it takes, ascending; each stands for those before it of the same asset and interval.
    pub events: Vec<i64>,
    /// The partition, when the schedule is by interval.
    pub data_interval: Option<DataInterval>,
    /// When the last of the events came.
    pub run_after: Timestamp,
}

impl DueAssets {
    /// What makes the run's id its own: an event is taken once by each DAG.
    pub fn last_event(&self) -> i64 {
        self.events.last().copied().unwrap_or_default()
    }
}

/// How far a DAG is from its next run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The partition it is nearest to, when the schedule is by interval.
    pub data_interval: Option<DataInterval>,
    /// Assets that were updated, with the time of the newest update.
    pub updated: Vec<(String, Timestamp)>,
    /// Assets that were not.
    pub missing: Vec<String>,
}

impl AssetSchedule {
    /// The run that the queued events make due. Without intervals it takes all of them, as in Airflow; by interval the
    /// earliest partition that is whole comes first, and takes the events of that interval. Events without one then
    /// count for none.
    pub fn due(&self, queued: &[QueuedEvent]) -> Option<DueAssets> {
        let due = |(data_interval, events): (Option<DataInterval>, Vec<&QueuedEvent>)| {
            let updated: BTreeSet<&str> = events.iter().map(|event| event.uri.as_str()).collect();
            if !self.condition.holds(&|uri: &str| updated.contains(uri)) {
                return None;
            }
            let run_after = events.iter().map(|event| event.at).max()?;
            let mut events: Vec<i64> = events.iter().map(|event| event.id).collect();
            events.sort_unstable();
            Some(DueAssets { events, data_interval, run_after })
        };
        self.partitions(queued).into_iter().find_map(due)
    }

    /// What the next run waits for. By interval it is that of the partition with most updates; the earliest of these.
    pub fn progress(&self, queued: &[QueuedEvent]) -> Progress {
        let of = |(data_interval, events): (Option<DataInterval>, Vec<&QueuedEvent>)| {
            let mut progress = Progress { data_interval, ..Progress::default() };
            for uri in self.condition.uris() {
                match events.iter().filter(|event| event.uri == uri).map(|event| event.at).max() {
                    Some(at) => progress.updated.push((uri.to_owned(), at)),
                    None => progress.missing.push(uri.to_owned()),
                }
            }
            progress
        };
        let none = || of((None, Vec::new()));
        let all = self.partitions(queued).into_iter().map(of);
        all.min_by_key(|progress| progress.missing.len()).unwrap_or_else(none)
    }

    /// What the next run waits for, in words: "waits for `b` (1 of 2 assets updated)".
    pub fn waits_for(&self, queued: &[QueuedEvent]) -> String {
        let progress = self.progress(queued);
        let (updated, all) = (progress.updated.len(), progress.updated.len() + progress.missing.len());
        let missing: Vec<String> = progress.missing.iter().map(|uri| format!("`{uri}`")).collect();
        let partition =
            progress.data_interval.map(|interval| format!(" for {:.0} to {:.0}", interval.start, interval.end));
        let partition = partition.unwrap_or_default();
        if self.condition.holds(&|uri: &str| progress.updated.iter().any(|(known, _)| known == uri)) {
            return format!("due: {updated} of {all} assets updated{partition}");
        }
        // Which of the missing ones are needed is plain only where all are.
        let what = if self.condition.needs_all() { missing.join(", ") } else { format!("`{}`", self.condition) };
        let since = progress.updated.iter().map(|(_, at)| *at).min();
        let since = since.map(|at| format!(" since {at:.0}")).unwrap_or_default();
        format!("waits for {what} ({updated} of {all} assets updated{since}{partition})")
    }

    /// The events that count together, by interval or all in one; only those of assets that the condition names.
    fn partitions<'q>(&self, queued: &'q [QueuedEvent]) -> Vec<(Option<DataInterval>, Vec<&'q QueuedEvent>)> {
        let named: BTreeSet<&str> = self.condition.uris().into_iter().collect();
        let counting = queued.iter().filter(|event| named.contains(event.uri.as_str()));
        if !self.by_interval {
            let all: Vec<&QueuedEvent> = counting.collect();
            return if all.is_empty() { Vec::new() } else { vec![(None, all)] };
        }
        let mut partitions: BTreeMap<(Timestamp, Timestamp), Vec<&QueuedEvent>> = BTreeMap::new();
        for event in counting {
            if let Some(interval) = event.data_interval {
                partitions.entry((interval.start, interval.end)).or_default().push(event);
            }
        }
        let whole = |((start, end), events)| (Some(DataInterval { start, end }), events);
        partitions.into_iter().map(whole).collect()
    }
}

#[cfg(test)]
mod tests;
