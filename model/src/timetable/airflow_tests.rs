//! Airflow's own timetables, asked once by `fixtures/make.py` around changes of the clock: flowctl says the same, but
//! where its documentation promises something else; there the row tells why, and flowctl keeps its promise.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct Fixture {
    made_with: BTreeMap<String, String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    expression: Value,
    interval_s: u64,
    zone: String,
    at: Timestamp,
    start_date: Timestamp,
    airflow: Said,
    differs: Option<String>,
    documented: Option<Said>,
}

/// Instants of a run: start and end of its interval, and when it is due.
type Run = [Timestamp; 3];

#[derive(Debug, PartialEq, Deserialize)]
struct Said {
    /// The first two from `at` on, with catchup.
    runs: Vec<Run>,
    /// What is overdue at `at`, without catchup, if the schedule began at `start_date`.
    newest: Option<Run>,
    /// What a manual run at `at` covers.
    manual: [Timestamp; 2],
}

fn schedule(row: &Row) -> Schedule {
    let text = || row.expression.as_str().expect("a text").to_owned();
    let texts = || row.expression.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text"));
    match row.kind.as_str() {
        "cron" => Schedule::Cron { expression: text(), text: text() },
        "trigger" => Schedule::CronTrigger { expression: text(), interval: Duration::from_secs(row.interval_s) },
        "crons" => Schedule::Crons { expressions: texts().map(str::to_owned).collect() },
        "at" => Schedule::At { instants: texts().map(|text| text.parse().expect("an instant")).collect() },
        "every" => {
            let number = |at: usize| row.expression[at].as_u64().expect("a number");
            let interval = Duration { days: u32::try_from(number(0)).expect("days"), millis: number(1) * 1000 };
            Schedule::Every { interval, text: row.expression.to_string() }
        }
        kind => panic!("no kind of schedule `{kind}`"),
    }
}

fn said(row: &Row) -> Said {
    let dag = |start_date, catchup| Dag {
        start_date: Some(start_date),
        catchup,
        timezone: row.zone.clone(),
        ..Dag { schedule: schedule(row), ..Dag::new("d", Vec::new()) }
    };
    let run = |due: &DueRun| [due.data_interval.start, due.data_interval.end, due.run_after];
    let ahead = Timetable::new(&dag(row.at, true)).expect("a timetable");
    let behind = Timetable::new(&dag(row.start_date, false)).expect("a timetable");
    let manual = behind.manual_interval(row.at);
    Said {
        runs: ahead.upcoming(None, row.at, 2).iter().map(run).collect(),
        newest: behind.next(None, row.at).filter(|due| due.run_after <= row.at).as_ref().map(run),
        manual: [manual.start, manual.end],
    }
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/airflow.json")).expect("the fixture")
}

#[test]
fn timetables_say_what_airflow_says_or_what_the_documentation_promises_instead() {
    let fixture = fixture();
    assert!(fixture.made_with.contains_key("apache-airflow-core"));
    assert!(fixture.rows.len() >= 200, "{}", fixture.rows.len());
    let wrong: Vec<String> = fixture
        .rows
        .iter()
        .filter_map(|row| {
            let (said, expected) = (said(row), row.documented.as_ref().unwrap_or(&row.airflow));
            (said != *expected).then(|| {
                format!(
                    "{} {} in {} at {} ({:?}):\n  {said:?} instead of\n  {expected:?}",
                    row.kind, row.expression, row.zone, row.at, row.differs
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), fixture.rows.len(), wrong.join("\n"));
}

#[test]
fn a_row_that_differs_from_airflow_says_why() {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in fixture().rows {
        assert_eq!(row.differs.is_some(), row.documented.as_ref().is_some_and(|promised| *promised != row.airflow));
        *reasons.entry(row.differs.unwrap_or_else(|| "as Airflow".to_owned())).or_default() += 1;
    }
    insta::assert_json_snapshot!(reasons, @r#"
    {
      "a time that comes twice fires once, the first time": 14,
      "a time that the clock leaves out fires at the first instant after the gap": 17,
      "as Airflow": 346,
      "days of a duration are days on the clock of the zone": 8,
      "intervals of a duration are counted from start_date also without catchup": 24,
      "without catchup the newest event that has passed is run": 2
    }
    "#);
}
