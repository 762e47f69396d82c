//! Backfills: runs of a DAG for a range of dates, made by the leader one after the other.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dag::Dag;
use crate::dag_run::DataInterval;
use crate::state::{DagRunState, ReprocessBehavior};
use crate::timetable::{Timetable, TimetableError};

/// What becomes of a date that has a run already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The run runs again, as one of the backfill.
    Reprocess,
    /// The date is left out; why, in words for a person.
    LeaveOut(&'static str),
}

impl ReprocessBehavior {
    /// What becomes of a date whose run is in this state.
    pub const fn of(self, state: DagRunState) -> Existing {
        match (self, state) {
            (_, DagRunState::Queued | DagRunState::Running) => Existing::LeaveOut("its run is in flight"),
            (Self::Failed | Self::Completed, DagRunState::Failed) | (Self::Completed, DagRunState::Success) => {
                Existing::Reprocess
            }
            (Self::None, DagRunState::Failed) | (Self::None | Self::Failed, DagRunState::Success) => {
                Existing::LeaveOut("it has a run already")
            }
        }
    }
}

/// A backfill that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackfill {
    /// Its DAG.
    pub dag_id: String,
    /// First logical date.
    pub from_date: Timestamp,
    /// Last logical date.
    pub to_date: Timestamp,
    /// The latest date first.
    pub run_backwards: bool,
    /// What its runs are triggered with.
    pub conf: Map<String, Value>,
    /// What it does with runs that exist.
    pub reprocess_behavior: ReprocessBehavior,
    /// Its unfinished runs at once.
    pub max_active_runs: u32,
    /// Runs that run again do so with the DAG's newest version.
    pub on_latest_version: bool,
    /// Who asks.
    pub triggering_user: Option<String>,
}

/// The active backfill of a DAG, as far as the leader needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveBackfill {
    /// Its row.
    pub id: i64,
    /// It makes no more runs for now.
    pub is_paused: bool,
    /// Its unfinished runs at once.
    pub max_active_runs: u32,
    /// The next dates without a run, at least as many as may run at once if there are, in order.
    pub pending: Vec<PendingRun>,
}

/// A date of a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRun {
    /// Its place in the order.
    pub ordinal: i32,
    /// What its run covers.
    pub data_interval: DataInterval,
}

/// What the leader decides for a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackfillStep {
    /// Runs for these dates.
    Create {
        /// Its row.
        backfill: i64,
        /// The dates, in order.
        ordinals: Vec<i32>,
    },
    /// All its runs have ended.
    Complete {
        /// Its row.
        backfill: i64,
    },
}

/// The most dates of one backfill; who wants more asks for parts.
pub const MAX_RUNS: usize = 100_000;

/// The intervals whose start lies within `from..=to` and that were over at `now`, whatever the DAG says of catching up,
/// in the order in which they run; none when there are more than [`MAX_RUNS`].
pub fn intervals(
    dag: &Dag,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
    backwards: bool,
) -> Result<Option<Vec<DataInterval>>, TimetableError> {
    let timetable = Timetable::new(&Dag { catchup: true, catchup_window: None, jitter: None, ..dag.clone() })?;
    let before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(from);
    let mut last = DataInterval { start: before, end: before };
    let mut intervals = Vec::new();
    while let Some(due) = timetable.next(Some(last), now) {
        last = due.data_interval;
        if last.start > to || last.end > now {
            break;
        }
        if last.start >= from {
            intervals.push(last);
        }
        if intervals.len() > MAX_RUNS {
            return Ok(None);
        }
    }
    if backwards {
        intervals.reverse();
    }
    Ok(Some(intervals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag::Schedule;
    use crate::duration::Duration;

    fn daily(catchup: bool, start_date: Option<&str>) -> Dag {
        let schedule = Schedule::Cron { expression: "0 6 * * *".to_owned(), text: "0 6 * * *".to_owned() };
        let start_date = start_date.map(at);
        Dag { schedule, start_date, catchup, ..Dag::new("d", Vec::new()) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn starts(dag: &Dag, from: &str, to: &str, backwards: bool) -> Vec<String> {
        let now = at("2026-01-05T12:00:00Z");
        let found = intervals(dag, (at(from), at(to)), now, backwards).unwrap().unwrap();
        found.iter().map(|interval| interval.start.to_string()).collect()
    }

    #[test]
    fn the_dates_of_a_range_are_the_starts_of_intervals_that_are_over_whatever_catchup_says() {
        for catchup in [false, true] {
            let found = starts(&daily(catchup, None), "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", false);
            assert_eq!(found, ["2026-01-02T06:00:00Z", "2026-01-03T06:00:00Z", "2026-01-04T06:00:00Z"]);
        }
        let found = starts(&daily(false, None), "2026-01-02T06:00:00Z", "2026-01-03T06:00:00Z", true);
        assert_eq!(found, ["2026-01-03T06:00:00Z", "2026-01-02T06:00:00Z"]);
    }

    #[test]
    fn schedules_of_instants_have_their_dates_too() {
        let six = Schedule::CronTrigger { expression: "0 6 * * *".to_owned(), interval: Duration::from_secs(3600) };
        let listed = Schedule::At { instants: ["2026-01-02T09:00:00Z", "2026-01-04T09:00:00Z"].map(at).to_vec() };
        let of = |schedule| {
            starts(
                &Dag { schedule, ..Dag::new("d", Vec::new()) },
                "2026-01-02T00:00:00Z",
                "2026-01-09T00:00:00Z",
                false,
            )
        };
        assert_eq!(
            of(six),
            ["2026-01-02T05:00:00Z", "2026-01-03T05:00:00Z", "2026-01-04T05:00:00Z", "2026-01-05T05:00:00Z"]
        );
        assert_eq!(of(listed), ["2026-01-02T09:00:00Z", "2026-01-04T09:00:00Z"]);
    }

    #[test]
    fn nothing_lies_before_the_start_date_or_without_a_schedule() {
        let found =
            starts(&daily(false, Some("2026-01-04T00:00:00Z")), "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z", false);
        assert_eq!(found, ["2026-01-04T06:00:00Z"]);
        assert!(starts(&Dag::new("d", Vec::new()), "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z", false).is_empty());
    }

    #[test]
    fn only_what_has_ended_as_asked_for_runs_again() {
        let told: Vec<_> = ReprocessBehavior::ALL
            .iter()
            .flat_map(|behavior| DagRunState::ALL.iter().map(move |state| (behavior, state)))
            .filter(|(behavior, state)| behavior.of(**state) == Existing::Reprocess)
            .map(|(behavior, state)| format!("{behavior} {state}"))
            .collect();
        assert_eq!(told, ["failed failed", "completed success", "completed failed"]);
    }
}
