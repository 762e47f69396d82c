//! `schedule` and the keys that bend it: what they become, and what each mistake looks like.

use insta::assert_snapshot;

use super::tests::mistakes;
use super::{Defaults, parse, parse_beside};
use crate::calendar::Weekday;
use crate::dag::{Dag, Overlap, Schedule};
use crate::duration::Duration;

const TASKS: &str = "tasks: [{id: a, empty: {}}]";

fn dag(text: &str) -> Dag {
    let defaults = Defaults { timezone: "Asia/Seoul".to_owned() };
    parse(&format!("{text}\n{TASKS}"), "file", &defaults).unwrap_or_else(|problems| panic!("{problems:?}")).dag
}

fn wrong(text: &str) -> String {
    mistakes(&format!("{text}\n{TASKS}")).trim_end().to_owned()
}

#[test]
fn every_kind_of_schedule_is_read() {
    let schedule = |text: &str| dag(&format!("schedule: {text}")).schedule;
    let cron = |text: &str| Schedule::Cron { expression: text.to_owned(), text: text.to_owned() };
    assert_eq!(schedule("'@once'"), Schedule::Once);
    assert_eq!(schedule("'@continuous'"), Schedule::Continuous);
    assert_eq!(schedule("'*/30 0 6 * * *'"), cron("*/30 0 6 * * *"));
    assert_eq!(schedule("'0 0 15W * *'"), cron("0 0 15W * *"));
    let expressions = vec!["0 6 * * *".to_owned(), "0 0 * * *".to_owned()];
    assert_eq!(schedule("['0 6 * * *', '@daily']"), Schedule::Crons { expressions });
    let trigger = |interval| Schedule::CronTrigger { expression: "0 6 * * *".to_owned(), interval };
    assert_eq!(schedule("{cron: '0 6 * * *'}"), trigger(Duration::default()));
    assert_eq!(schedule("{cron: '0 6 * * *', interval: 1h}"), trigger(Duration::from_secs(3600)));
    let instants = ["2026-03-01T00:00:00Z", "2026-03-04T15:00:00Z"].map(|text| text.parse().unwrap()).to_vec();
    assert_eq!(schedule("{at: [2026-03-05, 2026-03-01T09:00, 2026-03-01T00:00:00Z]}"), Schedule::At { instants });
}

#[test]
fn the_keys_that_bend_a_schedule_are_read() {
    let dag = dag(
        "schedule: '@daily'\ncatchup: {window: 7d}\njitter: 30s\ncalendar: {skip: [2026-12-26, 2026-12-25], only: [sat, weekdays]}",
    );
    assert_eq!((dag.catchup, dag.catchup_window), (true, Some(Duration { days: 7, millis: 0 })));
    assert_eq!((dag.jitter, dag.overlap), (Some(Duration::from_secs(30)), Overlap::Queue));
    let calendar = dag.calendar.unwrap();
    assert_eq!(calendar.skip, [jiff::civil::date(2026, 12, 25), jiff::civil::date(2026, 12, 26)]);
    assert_eq!(calendar.only, Weekday::ALL[..6]);
    assert_eq!(
        super::schedule_tests::dag("schedule: '@daily'\noverlap: cancel_running").overlap,
        Overlap::CancelRunning
    );
    assert_eq!(super::schedule_tests::dag("schedule: '@continuous'").max_active_runs, Some(1));
}

#[test]
fn a_calendar_names_a_file_beside_the_dag_file() {
    let beside = |name: &str| match name {
        "off.ics" => Ok("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\nEND:VCALENDAR".to_owned()),
        "bad.ics" => Ok("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR".to_owned()),
        name => Err(format!("{name} is gone")),
    };
    let read = |skip: &str| {
        let text = format!("schedule: '@daily'\ncalendar: {{skip: {skip}}}\n{TASKS}");
        let defaults = Defaults { timezone: "UTC".to_owned() };
        parse_beside(&text, "file", &defaults, &beside)
            .map_err(|problems| (problems[0].line, problems[0].column, problems[0].message.clone()))
    };
    let calendar = read("[2027-01-01, off.ics]").unwrap().dag.calendar.unwrap();
    assert_eq!(calendar.skip, [jiff::civil::date(2026, 12, 24), jiff::civil::date(2027, 1, 1)]);
    let refused = (2, 18, "`bad.ics` beside the DAG file: line 2: the event has no DTSTART".to_owned());
    assert_eq!(read("bad.ics").unwrap_err(), refused);
    assert_eq!(read("no.ics").unwrap_err(), (2, 18, "`no.ics` beside the DAG file: no.ics is gone".to_owned()));
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let files = [
        "schedule: '@onec'",
        "schedule: ['0 6 * * *', '0 25 * * *']",
        "schedule: {cron: '0 6 * * *', intervall: 1h}",
        "schedule: {interval: 1h}",
        "schedule: {cron: '0 6 * * *', at: [2026-01-01]}",
        "schedule: {at: [2026-01-01, soon]}",
        "schedule: '0 0 30 2 *'",
        "schedule: '@continuous'\nmax_active_runs: 4",
        "schedule: '@daily'\ncatchup: {windw: 7d}",
        "schedule: '@daily'\ncatchup: {window: 0}",
        "schedule: '@daily'\noverlap: skipp",
        "schedule: '@daily'\nstart_date: 2026-01-01\ncatchup: true\noverlap: skip",
        "schedule: '@daily'\njitter: 1d",
        "schedule: '@once'\njitter: 5m",
        "calendar: {only: mon}",
        "schedule: '@daily'\ncalendar: {skip: [25.12.2026]}",
        "schedule: '@daily'\ncalendar: {only: [monday]}",
        "schedule: '@daily'\ncalendar: {open: [mon]}",
        "schedule: '@daily'\ncalendar: {}",
        "schedule: '0 6 * * 1'\ncalendar: {only: weekends}",
        "schedule: '@daily'\ncalendar: {skip: off.ics}",
    ];
    let shown: Vec<String> = files.into_iter().map(wrong).collect();
    assert_snapshot!(shown.join("\n"), @r"
    1:11 `@onec` is not a preset of `schedule` (did you mean `@once`?)
    1:25 `0 25 * * *` is not a cron expression: Component error: Number out of bounds
    1:31 unknown key `intervall` in `schedule` (did you mean `interval`?)
    1:12 `interval` in `schedule` belongs to a `cron`
    1:31 a schedule has `cron` or `at`, not both
    1:29 `schedule.at` must be a date such as `2026-01-01`, or a time such as `2026-01-01T06:00` or `2026-01-01T06:00:00+09:00`, not `soon`
    1:11 `0 0 30 2 *` never fires: there is no such date
    2:18 a DAG with `schedule: '@continuous'` has one run at a time
    2:11 unknown key `windw` in `catchup` (did you mean `window`?)
    2:19 the `window` of `catchup` must be longer than nothing
    2:10 `overlap` must be `queue`, `skip` or `cancel_running`, not `skipp` (did you mean `skip`?)
    4:10 `overlap` would leave out or cancel the runs that `catchup` makes up for (`overlap: queue` runs them one after the other)
    2:9 `jitter` must be shorter than the time between two runs, which may be 24h
    2:9 `jitter` means nothing for a DAG with `schedule: '@once'`
    1:11 `calendar` means nothing for a DAG with no `schedule`
    2:19 `calendar.skip` takes dates such as `2026-12-25` and names of iCalendar files such as `holidays.ics`, not `25.12.2026`
    2:19 `calendar.only` takes mon, tue, wed, thu, fri, sat, sun, weekdays, weekends, not `monday` (did you mean `mon`?)
    2:12 unknown key `open` in `calendar`
    2:11 `calendar` needs `skip` or `only`
    1:11 the schedule never fires on a day that `calendar` leaves open
    2:18 `off.ics` beside the DAG file: no other file can be read here
    ");
}
