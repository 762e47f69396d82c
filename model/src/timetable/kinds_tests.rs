//! The kinds of schedule beside plain cron and durations, and the keys that bend a schedule.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::tests::{at, compiled, cron, dag, every, interval, started};
use super::*;
use crate::calendar::{Calendar, Weekday, Yearly};
use crate::dag::Schedule;

fn trigger(expression: &str, interval: Duration) -> Schedule {
    Schedule::CronTrigger { expression: expression.to_owned(), interval }
}

fn crons(expressions: &[&str]) -> Schedule {
    Schedule::Crons { expressions: expressions.iter().map(|&text| text.to_owned()).collect() }
}

fn events(instants: &[&str]) -> Schedule {
    Schedule::At { instants: instants.iter().map(|text| at(text)).collect() }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration { days: 1, millis: 0 };

fn logical_dates(runs: &[DueRun]) -> Vec<String> {
    runs.iter().map(|run| run.data_interval.start.to_string()).collect()
}

#[test]
fn a_trigger_is_due_at_its_firing_and_covers_what_lies_before_it() {
    let timetable = started(trigger("0 6 * * *", HOUR), "UTC", "2026-01-01T00:00:00Z", true);
    let first = timetable.next(None, at("2026-01-05T00:00:00Z")).expect("a run");
    assert_eq!(first.data_interval, interval("2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z"));
    assert_eq!(first.run_after, at("2026-01-01T06:00:00Z"));
    let second = timetable.next(Some(first.data_interval), at("2026-01-05T00:00:00Z")).expect("a run");
    assert_eq!(second.run_after, at("2026-01-02T06:00:00Z"));
    let manual = timetable.manual_interval(at("2026-01-05T10:30:00Z"));
    assert_eq!(manual, interval("2026-01-05T09:30:00Z", "2026-01-05T10:30:00Z"));
}

#[test]
fn the_days_of_a_triggers_interval_are_days_on_the_clock() {
    let timetable = started(trigger("0 6 * * *", DAY), "Europe/Berlin", "2026-03-29T00:00:00Z", true);
    let run = timetable.next(None, at("2026-03-29T05:00:00Z")).expect("a run");
    assert_eq!(run.data_interval, interval("2026-03-28T06:00:00+01:00", "2026-03-29T06:00:00+02:00"));
}

#[test]
fn a_trigger_without_catchup_makes_up_for_the_newest_firing_only() {
    let timetable = started(trigger("0 6 * * *", Duration::default()), "UTC", "2026-01-01T00:00:00Z", false);
    let first = timetable.next(None, at("2026-01-05T10:00:00Z")).expect("a run");
    assert_eq!(first.data_interval, interval("2026-01-05T06:00:00Z", "2026-01-05T06:00:00Z"));
    let second = timetable.next(Some(first.data_interval), at("2026-01-05T10:00:00Z")).expect("a run");
    assert_eq!(second.run_after, at("2026-01-06T06:00:00Z"));
}

#[test]
fn a_trigger_without_start_date_waits_for_the_first_firing_after_it_became_known() {
    let timetable = compiled(trigger("0 6 * * *", Duration::default()), "UTC").known_since(at("2026-01-05T06:00:00Z"));
    let first = timetable.next(None, at("2026-01-05T06:00:01Z")).expect("a run");
    assert_eq!(first.run_after, at("2026-01-06T06:00:00Z"));
    assert_eq!(timetable.next(None, at("2026-01-06T07:00:00Z")), Some(first));
}

#[test]
fn several_crons_fire_together_once() {
    let schedule = crons(&["0 6 * * *", "0 6,18 * * *", "30 12 * * 1-5"]);
    let timetable = started(schedule, "UTC", "2026-01-02T00:00:00Z", true);
    let runs = timetable.upcoming(None, at("2026-01-02T00:00:00Z"), 5);
    insta::assert_compact_json_snapshot!(logical_dates(&runs), @r#"["2026-01-02T06:00:00Z", "2026-01-02T12:30:00Z", "2026-01-02T18:00:00Z", "2026-01-03T06:00:00Z", "2026-01-03T18:00:00Z"]"#);
    assert!(runs.iter().all(|run| run.data_interval.start == run.run_after && run.data_interval.end == run.run_after));
}

#[test]
fn events_come_once_each_and_then_never() {
    let schedule = events(&["2026-03-01T09:00:00Z", "2026-03-05T09:00:00Z"]);
    let timetable = started(schedule.clone(), "UTC", "2026-01-01T00:00:00Z", true);
    let runs = timetable.upcoming(None, at("2026-04-01T00:00:00Z"), 9);
    insta::assert_compact_json_snapshot!(logical_dates(&runs), @r#"["2026-03-01T09:00:00Z", "2026-03-05T09:00:00Z"]"#);
    let without_catchup = started(schedule.clone(), "UTC", "2026-01-01T00:00:00Z", false);
    assert_eq!(without_catchup.upcoming(None, at("2026-04-01T00:00:00Z"), 9), runs[1..]);
    let appeared_between = compiled(schedule, "UTC").known_since(at("2026-03-02T00:00:00Z"));
    assert_eq!(appeared_between.upcoming(None, at("2026-04-01T00:00:00Z"), 9), runs[1..]);
    let now = at("2026-04-02T03:04:05Z");
    assert_eq!(timetable.manual_interval(now), DataInterval { start: now, end: now });
}

#[test]
fn once_is_at_start_date_whatever_catchup_says_and_never_again() {
    for catchup in [false, true] {
        let timetable = started(Schedule::Once, "UTC", "2026-01-01T00:00:00Z", catchup);
        let only = timetable.next(None, at("2026-05-01T00:00:00Z")).expect("a run");
        assert_eq!(only.data_interval, interval("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
        assert_eq!(timetable.next(Some(only.data_interval), at("2026-05-01T00:00:00Z")), None);
    }
    let undated = compiled(Schedule::Once, "UTC").known_since(at("2026-02-02T02:02:02Z"));
    assert_eq!(undated.next(None, at("2026-05-01T00:00:00Z")).expect("a run").run_after, at("2026-02-02T02:02:02Z"));
}

#[test]
fn continuous_runs_join_and_the_next_may_start_at_once() {
    let timetable = started(Schedule::Continuous, "UTC", "2026-01-01T00:00:00Z", false);
    let first = timetable.next(None, at("2026-01-03T00:00:00Z")).expect("a run");
    assert_eq!(first.data_interval, interval("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"));
    let second = timetable.next(Some(first.data_interval), at("2026-01-03T00:07:00Z")).expect("a run");
    assert_eq!(second.data_interval, interval("2026-01-03T00:00:00Z", "2026-01-03T00:07:00Z"));
    assert_eq!(second.run_after, at("2026-01-03T00:07:00Z"));
    let too_soon = timetable.next(Some(first.data_interval), first.run_after).expect("a run");
    assert_eq!(too_soon.run_after, at("2026-01-03T00:00:01Z"));
    assert_eq!(timetable.upcoming(None, at("2026-01-03T00:00:00Z"), 5).len(), 1);
}

#[test]
fn a_schedule_of_seconds_fires_within_the_minute() {
    let timetable = started(cron("*/20 30 6 * * *"), "UTC", "2026-01-01T00:00:00Z", true);
    let runs = timetable.upcoming(None, at("2026-01-01T00:00:00Z"), 4);
    insta::assert_compact_json_snapshot!(logical_dates(&runs), @r#"["2026-01-01T06:30:00Z", "2026-01-01T06:30:20Z", "2026-01-01T06:30:40Z", "2026-01-02T06:30:00Z"]"#);
}

#[test]
fn the_nearest_weekday_and_the_last_of_a_kind_are_understood() {
    let first = |expression| {
        let runs = started(cron(expression), "UTC", "2026-01-01T00:00:00Z", true).upcoming(
            None,
            at("2026-01-01T00:00:00Z"),
            3,
        );
        logical_dates(&runs)
    };
    // 15 February and 15 March 2026 are Sundays.
    insta::assert_compact_json_snapshot!(first("0 0 15W * *"), @r#"["2026-01-15T00:00:00Z", "2026-02-16T00:00:00Z", "2026-03-16T00:00:00Z"]"#);
    insta::assert_compact_json_snapshot!(first("0 0 * * 5L"), @r#"["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z"]"#);
    insta::assert_compact_json_snapshot!(first("0 0 * JAN-MAR MON#1"), @r#"["2026-01-05T00:00:00Z", "2026-02-02T00:00:00Z", "2026-03-02T00:00:00Z"]"#);
}

fn caught_up_within(schedule: Schedule, window: Duration) -> Timetable {
    let start_date = Some(at("2026-01-01T00:00:00Z"));
    let dag = Dag { start_date, catchup: true, catchup_window: Some(window), ..dag(schedule, "UTC") };
    Timetable::new(&dag).expect("a timetable")
}

#[test]
fn catchup_goes_no_further_back_than_its_window() {
    let now = at("2026-06-10T12:00:00Z");
    let week = Duration { days: 7, millis: 0 };
    let daily = caught_up_within(cron("0 0 * * *"), week).upcoming(None, now, 2);
    insta::assert_compact_json_snapshot!(logical_dates(&daily), @r#"["2026-06-04T00:00:00Z", "2026-06-05T00:00:00Z"]"#);
    let trigger = caught_up_within(trigger("0 0 * * *", Duration::default()), week).upcoming(None, now, 1);
    insta::assert_compact_json_snapshot!(logical_dates(&trigger), @r#"["2026-06-04T00:00:00Z"]"#);
    // The newest is made even if the window does not reach back to it.
    let monthly = caught_up_within(cron("0 0 1 * *"), week).upcoming(None, now, 1);
    insta::assert_compact_json_snapshot!(logical_dates(&monthly), @r#"["2026-05-01T00:00:00Z"]"#);
    let resumed = caught_up_within(cron("0 0 * * *"), week);
    let last = interval("2026-06-08T00:00:00Z", "2026-06-09T00:00:00Z");
    assert_eq!(resumed.next(Some(last), now).expect("a run").data_interval.start, last.end);
}

fn on_days(schedule: Schedule, timezone: &str, calendar: Calendar) -> Result<Timetable, TimetableError> {
    let start_date = Some(at("2026-12-21T00:00:00Z"));
    let dag = Dag { start_date, catchup: true, calendar: Some(calendar), ..dag(schedule, timezone) };
    Timetable::check(&dag)?;
    Timetable::new(&dag)
}

#[test]
fn on_days_that_the_calendar_closes_nothing_fires_and_the_next_interval_is_longer() {
    let calendar = Calendar {
        skip: vec![jiff::civil::date(2026, 12, 24)],
        yearly: vec![Yearly { month: 12, day: 25, from: None, until: None }],
        only: Weekday::ALL[..5].to_vec(),
    };
    let now = at("2026-12-21T00:00:00Z");
    let spans = on_days(cron("0 6 * * *"), "UTC", calendar.clone()).expect("a timetable").upcoming(None, now, 4);
    assert_eq!(spans[2].data_interval, interval("2026-12-23T06:00:00Z", "2026-12-28T06:00:00Z"));
    assert_eq!(spans[3].data_interval.start, spans[2].data_interval.end);
    let points = trigger("0 6 * * *", Duration::default());
    let points = on_days(points, "UTC", calendar.clone()).expect("a timetable").upcoming(None, now, 4);
    assert_eq!(logical_dates(&points)[2..], ["2026-12-23T06:00:00Z", "2026-12-28T06:00:00Z"]);
    // A day of the calendar is a day in the DAG's zone.
    let seoul = on_days(cron("0 6 * * *"), "Asia/Seoul", calendar.clone()).expect("a timetable").upcoming(None, now, 3);
    assert_eq!(seoul[1].data_interval, interval("2026-12-23T06:00:00+09:00", "2026-12-28T06:00:00+09:00"));
    let minutes = on_days(cron("* * * * *"), "UTC", calendar).expect("a timetable");
    let last = interval("2026-12-23T23:58:00Z", "2026-12-23T23:59:00Z");
    let next = minutes.next(Some(last), at("2026-12-24T00:00:00Z")).expect("a run");
    assert_eq!(next.data_interval, interval("2026-12-23T23:59:00Z", "2026-12-28T00:00:00Z"));
}

#[test]
fn a_calendar_that_leaves_nothing_open_is_refused() {
    let sundays = Calendar { only: vec![Weekday::Sunday], ..Calendar::default() };
    let error = on_days(cron("0 6 * * 1"), "UTC", sundays).expect_err("an error");
    assert_eq!(error.to_string(), "the schedule never fires on a day that `calendar` leaves open");
}

fn jittered(schedule: Schedule, jitter: Duration) -> Result<Timetable, TimetableError> {
    let start_date = Some(at("2026-01-01T00:00:00Z"));
    let dag = Dag { start_date, catchup: true, jitter: Some(jitter), ..dag(schedule, "UTC") };
    Timetable::check(&dag)?;
    Timetable::new(&dag)
}

#[test]
fn jitter_delays_the_creation_and_nothing_else_and_is_the_same_every_time() {
    let now = at("2026-01-01T00:00:00Z");
    let plain = started(cron("0 * * * *"), "UTC", "2026-01-01T00:00:00Z", true).upcoming(None, now, 50);
    let timetable = jittered(cron("0 * * * *"), Duration::from_secs(600)).expect("a timetable");
    let runs = timetable.upcoming(None, now, 50);
    assert_eq!(runs, timetable.upcoming(None, now, 50));
    let delays: Vec<SignedDuration> =
        plain.iter().zip(&runs).map(|(plain, run)| plain.run_after.duration_until(run.run_after)).collect();
    assert!(delays.iter().all(|delay| (0..600).contains(&delay.as_secs())));
    assert!(delays.iter().any(|delay| delay.as_secs() < 200) && delays.iter().any(|delay| delay.as_secs() > 400));
    assert!(plain.iter().zip(&runs).all(|(plain, run)| plain.data_interval == run.data_interval));
}

#[test]
fn a_jitter_as_long_as_the_wait_for_the_next_run_is_refused() {
    let message = |schedule, jitter| jittered(schedule, jitter).expect_err("an error").to_string();
    insta::assert_snapshot!(message(cron("*/5 * * * *"), Duration::from_secs(300)), @"`jitter` must be shorter than the time between two runs, which may be 5m");
    insta::assert_snapshot!(message(crons(&["0 0 * * *", "1 0 1 * *"]), Duration::from_secs(90)), @"`jitter` must be shorter than the time between two runs, which may be 1m");
    assert!(jittered(every(HOUR), Duration::from_secs(3599)).is_ok());
}

#[test]
fn unpausing_after_a_week_runs_the_newest_interval_or_all_of_them() {
    let last = interval("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    let unpaused = at("2026-01-10T12:00:00Z");
    let starts = |catchup| {
        let timetable = started(cron("0 0 * * *"), "UTC", "2026-01-01T00:00:00Z", catchup);
        let overdue: Vec<DueRun> =
            timetable.upcoming(Some(last), unpaused, 30).into_iter().filter(|run| run.run_after <= unpaused).collect();
        logical_dates(&overdue)
    };
    insta::assert_compact_json_snapshot!(starts(false), @r#"["2026-01-09T00:00:00Z"]"#);
    assert_eq!(starts(true).len(), 7);
}

#[test]
fn what_was_due_before_an_instant_is_the_cursor_of_a_scheduler_that_kept_up() {
    let before = at("2026-01-10T00:00:00Z");
    let spans = started(cron("0 0 * * *"), "UTC", "2026-01-01T00:00:00Z", false);
    let last = spans.last_before(before).expect("an interval");
    assert_eq!(last, interval("2026-01-08T00:00:00Z", "2026-01-09T00:00:00Z"));
    assert_eq!(spans.next(Some(last), before).expect("a run").run_after, before);
    let points = started(trigger("0 0 * * *", HOUR), "UTC", "2026-01-01T00:00:00Z", true);
    let last = points.last_before(before).expect("an interval");
    assert_eq!(points.next(Some(last), before).expect("a run").run_after, before);
    assert_eq!(started(cron("0 0 * * *"), "UTC", "2026-01-10T00:00:00Z", true).last_before(before), None);
    assert_eq!(compiled(cron("0 0 * * *"), "UTC").last_before(before), None);
}

#[test]
fn every_kind_of_schedule_is_told_in_words() {
    let words: Vec<String> = [
        Schedule::Once,
        Schedule::Continuous,
        cron("0 30 6 * * *"),
        crons(&["0 6 * * *", "0 18 * * 5"]),
        trigger("0 6 * * *", Duration::default()),
        trigger("0 6 * * *", HOUR),
        events(&["2026-03-01T09:00:00Z"]),
        events(&["2026-03-01T09:00:00Z", "2026-03-05T09:00:00Z"]),
    ]
    .iter()
    .map(|schedule| format!("{}: {}", schedule.text().unwrap_or_default(), describe(schedule)))
    .collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    @once: Once
    @continuous: One run after the other
    0 30 6 * * *: At 06:30 every day
    0 6 * * *, 0 18 * * 5: At 06:00 every day; At 18:00, on Friday
    0 6 * * *: At 06:00 every day
    0 6 * * *: At 06:00 every day, over the hour before
    at 1 time: At 2026-03-01T09:00:00Z
    at 2 times: At 2 times from 2026-03-01T09:00:00Z to 2026-03-05T09:00:00Z
    ");
}

fn any_points() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(trigger("30 2 * * *", HOUR)),
        Just(trigger("*/7 * * * *", Duration::default())),
        Just(crons(&["30 2 * * *", "0 3 * * *", "15 1 * * 0"])),
        Just(trigger("10 0 0 * * *", DAY)),
    ]
}

proptest! {
    #[test]
    fn points_grow_and_none_is_missed_with_catchup(
        schedule in any_points(),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
        start in 1_600_000_000_i64..1_900_000_000,
        wait in 0_i64..400_000,
    ) {
        let start = Timestamp::from_second(start).expect("in range");
        let now = Timestamp::from_second(start.as_second() + wait).expect("in range");
        let dag = Dag { start_date: Some(start), catchup: true, ..dag(schedule, zone) };
        let runs = Timetable::new(&dag).expect("a timetable").upcoming(None, now, 12);
        let newest = Timetable::new(&Dag { catchup: false, ..dag }).expect("a timetable").upcoming(None, now, 12);
        for pair in runs.windows(2) {
            prop_assert!(pair[0].run_after < pair[1].run_after);
        }
        prop_assert!(runs[0].run_after >= start);
        prop_assert!(newest.iter().filter(|run| run.run_after <= now).count() <= 1);
        if let Some(first) = runs.iter().position(|run| run.run_after == newest[0].run_after) {
            prop_assert_eq!(&runs[first..], &newest[..12 - first]);
        }
    }
}
