use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::duration::Duration;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

pub(super) fn interval(start: &str, end: &str) -> DataInterval {
    DataInterval { start: at(start), end: at(end) }
}

pub(super) fn dag(schedule: Schedule, timezone: &str) -> Dag {
    Dag { schedule, timezone: timezone.to_owned(), ..Dag::new("d", Vec::new()) }
}

pub(super) fn cron(expression: &str) -> Schedule {
    Schedule::Cron { expression: expression.to_owned(), text: expression.to_owned() }
}

const DAY: Duration = Duration { days: 1, millis: 0 };
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn every(interval: Duration) -> Schedule {
    Schedule::Every { interval, text: "as written".to_owned() }
}

pub(super) fn compiled(schedule: Schedule, timezone: &str) -> Timetable {
    Timetable::new(&dag(schedule, timezone)).expect("a timetable")
}

pub(super) fn started(schedule: Schedule, timezone: &str, start_date: &str, catchup: bool) -> Timetable {
    let dag = Dag { start_date: Some(at(start_date)), catchup, ..dag(schedule, timezone) };
    Timetable::new(&dag).expect("a timetable")
}

fn ticks_of(timetable: &Timetable) -> &Ticks {
    let (Rhythm::Spans(ticks) | Rhythm::Points { ticks, .. }) = &timetable.rhythm else { panic!("no ticks") };
    ticks
}

/// The wall-clock times, with offsets, of the first `n` ticks after `from`.
fn ticks(schedule: Schedule, timezone: &str, from: &str, n: usize) -> Vec<String> {
    let timetable = compiled(schedule, timezone);
    let zone = zone::zone(timezone).expect("a zone");
    let show = |tick: Timestamp| tick.to_zoned(zone.clone()).strftime("%m-%dT%H:%M%:z").to_string();
    let ticks = ticks_of(&timetable);
    let first = ticks.after(at(from));
    std::iter::successors(first, |tick| ticks.after(*tick)).take(n).map(show).collect()
}

#[test]
fn the_tutorial_runs_yesterday_once_and_none_of_the_older_days() {
    let timetable = started(every(DAY), "UTC", "2024-01-01T00:00:00Z", false);
    let now = at("2026-11-23T10:00:00Z");
    let run = timetable.next(None, now).expect("a run");
    assert_eq!(run.data_interval, interval("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"));
    assert_eq!(run.run_after, at("2026-11-23T00:00:00Z"));
    let following = timetable.next(Some(run.data_interval), now).expect("a run");
    assert_eq!(following.data_interval, interval("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"));
    assert!(following.run_after > now);
}

#[test]
fn a_manual_run_of_the_tutorial_at_its_start_date_covers_the_day_before() {
    let timetable = started(every(DAY), "UTC", "2024-01-01T00:00:00Z", false);
    let covered = timetable.manual_interval(at("2024-01-01T00:00:00Z"));
    assert_eq!(covered, interval("2023-12-31T00:00:00Z", "2024-01-01T00:00:00Z"));
}

#[test]
fn a_manual_run_covers_the_last_complete_interval() {
    let daily = compiled(cron("0 6 * * *"), "UTC");
    let covered = |now| daily.manual_interval(at(now));
    let before = interval("2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z");
    assert_eq!(covered("2026-01-02T06:00:00Z"), before);
    assert_eq!(covered("2026-01-03T05:59:59.999999Z"), before);
    assert_eq!(covered("2026-01-02T06:00:00.000001Z"), before);
}

#[test]
fn a_manual_run_without_a_schedule_covers_its_instant() {
    let timetable = compiled(Schedule::None, "UTC");
    let now = at("2026-01-02T03:04:05.678901Z");
    assert_eq!(timetable.manual_interval(now), DataInterval { start: now, end: now });
    assert_eq!(timetable.next(None, now), None);
    assert_eq!(timetable.describe(), "Only by trigger");
}

#[test]
fn with_catchup_every_interval_since_start_date_is_run() {
    let timetable = started(cron("0 0 * * *"), "UTC", "2026-01-01T00:00:00Z", true);
    let runs = timetable.upcoming(None, at("2026-01-04T12:00:00Z"), 5);
    let starts: Vec<String> = runs.iter().map(|run| run.data_interval.start.to_string()).collect();
    insta::assert_compact_json_snapshot!(starts, @r#"["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-05T00:00:00Z"]"#);
}

#[test]
fn without_catchup_what_was_missed_is_left_out_but_for_the_newest() {
    let timetable = started(cron("@hourly"), "UTC", "2026-01-01T00:00:00Z", false);
    let last = interval("2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z");
    let next = |now| timetable.next(Some(last), at(now)).expect("a run").data_interval;
    assert_eq!(next("2026-01-02T01:30:00Z"), interval("2026-01-02T01:00:00Z", "2026-01-02T02:00:00Z"));
    assert_eq!(next("2026-01-02T09:30:00Z"), interval("2026-01-02T08:00:00Z", "2026-01-02T09:00:00Z"));
    assert_eq!(next("2026-01-02T09:00:00Z"), interval("2026-01-02T08:00:00Z", "2026-01-02T09:00:00Z"));
}

#[test]
fn with_catchup_nothing_is_left_out_after_an_outage() {
    let timetable = started(cron("0 * * * *"), "UTC", "2026-01-01T00:00:00Z", true);
    let last = interval("2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z");
    let next = timetable.next(Some(last), at("2026-01-09T00:00:00Z")).expect("a run");
    assert_eq!(next.data_interval.start, last.end);
}

#[test]
fn the_first_cron_interval_starts_at_the_first_firing_at_or_after_start_date() {
    let first = |start_date| {
        let timetable = started(cron("0 6 * * *"), "UTC", start_date, true);
        timetable.next(None, at("2026-03-01T00:00:00Z")).expect("a run").data_interval.start
    };
    assert_eq!(first("2026-01-01T00:00:00Z"), at("2026-01-01T06:00:00Z"));
    assert_eq!(first("2026-01-01T06:00:00Z"), at("2026-01-01T06:00:00Z"));
    assert_eq!(first("2026-01-01T06:00:00.000001Z"), at("2026-01-02T06:00:00Z"));
}

#[test]
fn a_start_date_in_the_future_is_waited_for() {
    for catchup in [false, true] {
        let timetable = started(cron("0 0 * * *"), "UTC", "2026-06-01T00:00:00Z", catchup);
        let next = timetable.next(None, at("2026-01-01T00:00:00Z")).expect("a run");
        assert_eq!(next.data_interval, interval("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"));
    }
}

#[test]
fn end_date_is_the_last_logical_date() {
    let mut dag = dag(cron("0 0 * * *"), "UTC");
    dag.start_date = Some(at("2026-01-01T00:00:00Z"));
    dag.end_date = Some(at("2026-01-03T00:00:00Z"));
    dag.catchup = true;
    let timetable = Timetable::new(&dag).expect("a timetable");
    let runs = timetable.upcoming(None, at("2026-02-01T00:00:00Z"), 10);
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[2].data_interval.start, at("2026-01-03T00:00:00Z"));
    assert_eq!(timetable.next(Some(runs[2].data_interval), at("2030-01-01T00:00:00Z")), None);
    dag.catchup = false;
    let timetable = Timetable::new(&dag).expect("a timetable");
    assert_eq!(timetable.next(None, at("2026-02-01T00:00:00Z")), None);
}

#[test]
fn a_dag_without_start_date_starts_with_the_current_interval() {
    let timetable = compiled(cron("0 0 * * *"), "UTC");
    let dropped_in = at("2026-01-10T15:00:00Z");
    let first = timetable.next(None, dropped_in).expect("a run");
    assert_eq!(first.data_interval, interval("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z"));
    assert!(first.run_after > dropped_in);
    let following = timetable.next(Some(first.data_interval), first.run_after).expect("a run");
    assert_eq!(following.data_interval.start, first.data_interval.end);
}

#[test]
fn whoever_waits_for_the_first_run_finds_it_when_it_is_due() {
    for schedule in [cron("0 0 * * *"), every(DAY), cron("* * * * *"), every(Duration::from_secs(10))] {
        let timetable = compiled(schedule, "UTC").known_since(at("2026-01-10T15:00:07Z"));
        let first = timetable.next(None, at("2026-01-10T15:00:07Z")).expect("a run");
        assert_eq!(timetable.next(None, first.run_after), Some(first));
        let a_little_later = first.run_after + SignedDuration::from_millis(900);
        assert_eq!(timetable.next(None, a_little_later), Some(first));
    }
}

#[test]
fn a_dag_that_is_known_since_an_instant_starts_there_even_if_nobody_looked() {
    let timetable = compiled(cron("0 0 * * *"), "UTC").known_since(at("2026-01-10T15:00:00Z"));
    let next = |now| timetable.next(None, at(now)).expect("a run").data_interval;
    let first = interval("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z");
    assert_eq!(next("2026-01-10T15:00:00Z"), first);
    assert_eq!(next("2026-01-11T08:00:00Z"), first);
    assert_eq!(next("2026-01-14T08:00:00Z"), interval("2026-01-13T00:00:00Z", "2026-01-14T00:00:00Z"));
}

#[test]
fn a_schedule_that_was_changed_goes_on_where_no_logical_date_has_been() {
    let daily = started(cron("0 0 * * *"), "UTC", "2026-01-01T00:00:00Z", true);
    let hourly_last = interval("2026-01-05T07:00:00Z", "2026-01-05T08:00:00Z");
    let next = daily.next(Some(hourly_last), at("2026-01-05T08:30:00Z")).expect("a run");
    assert_eq!(next.data_interval, interval("2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"));
    let hourly = started(cron("0 * * * *"), "UTC", "2026-01-01T00:00:00Z", true);
    let next = hourly.next(Some(interval("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z")), at("2026-01-06T00:30:00Z"));
    assert_eq!(next.expect("a run").data_interval, interval("2026-01-06T00:00:00Z", "2026-01-06T01:00:00Z"));
}

#[test]
fn a_daily_time_stays_on_the_wall_clock_over_a_change() {
    let berlin = ticks(cron("0 6 * * *"), "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
    insta::assert_compact_json_snapshot!(berlin, @r#"["03-28T06:00+01:00", "03-29T06:00+02:00", "03-30T06:00+02:00"]"#);
    let days = ticks(every(DAY), "America/New_York", "2026-03-06T12:00:00Z", 3);
    insta::assert_compact_json_snapshot!(days, @r#"["03-07T00:00-05:00", "03-08T00:00-05:00", "03-09T00:00-04:00"]"#);
}

#[test]
fn a_time_in_a_gap_fires_at_the_first_instant_after_it() {
    let berlin = ticks(cron("30 2 * * *"), "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
    insta::assert_compact_json_snapshot!(berlin, @r#"["03-28T02:30+01:00", "03-29T03:00+02:00", "03-30T02:30+02:00"]"#);
    let new_york = ticks(cron("30 2 * * *"), "America/New_York", "2026-03-07T00:00:00Z", 3);
    insta::assert_compact_json_snapshot!(new_york, @r#"["03-07T02:30-05:00", "03-08T03:00-04:00", "03-09T02:30-04:00"]"#);
    let two_hours = ticks(cron("0 2,14 * * *"), "Europe/Berlin", "2026-03-28T20:00:00Z", 2);
    insta::assert_compact_json_snapshot!(two_hours, @r#"["03-29T03:00+02:00", "03-29T14:00+02:00"]"#);
    // 02:30 and 03:00 fall together: one firing.
    let both = ticks(cron("0,30 2,3 * * *"), "Europe/Berlin", "2026-03-28T20:00:00Z", 3);
    insta::assert_compact_json_snapshot!(both, @r#"["03-29T03:00+02:00", "03-29T03:30+02:00", "03-30T02:00+02:00"]"#);
}

#[test]
fn a_time_that_comes_twice_fires_once_the_first_time() {
    let berlin = ticks(cron("30 2 * * *"), "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    insta::assert_compact_json_snapshot!(berlin, @r#"["10-25T02:30+02:00", "10-26T02:30+01:00"]"#);
    let new_york = ticks(cron("30 1,13 * * *"), "America/New_York", "2026-10-31T20:00:00Z", 3);
    insta::assert_compact_json_snapshot!(new_york, @r#"["11-01T01:30-04:00", "11-01T13:30-05:00", "11-02T01:30-05:00"]"#);
    // In the second pass of the hour, what fired in the first is what fired last.
    let timetable = compiled(cron("45 2 * * *"), "Europe/Berlin");
    assert_eq!(ticks_of(&timetable).at_or_before(at("2026-10-25T01:15:00Z")), Some(at("2026-10-25T00:45:00Z")));
}

#[test]
fn an_expression_without_a_chosen_hour_means_every_hour_that_passes() {
    let fold = ticks(cron("*/30 * * * *"), "America/New_York", "2026-11-01T04:30:00Z", 5);
    insta::assert_compact_json_snapshot!(fold, @r#"["11-01T01:00-04:00", "11-01T01:30-04:00", "11-01T01:00-05:00", "11-01T01:30-05:00", "11-01T02:00-05:00"]"#);
    let gap = ticks(cron("30 * * * *"), "Europe/Berlin", "2026-03-28T23:45:00Z", 3);
    insta::assert_compact_json_snapshot!(gap, @r#"["03-29T01:30+01:00", "03-29T03:30+02:00", "03-29T04:30+02:00"]"#);
}

#[test]
fn seoul_has_no_changes_and_its_days_start_at_15_utc() {
    let timetable = started(cron("0 0 * * *"), "Asia/Seoul", "2026-01-01T00:00:00+09:00", false);
    let run = timetable.next(None, at("2026-11-23T10:00:00Z")).expect("a run");
    assert_eq!(run.data_interval, interval("2026-11-21T15:00:00Z", "2026-11-22T15:00:00Z"));
    let days = ticks(every(DAY), "Asia/Seoul", "2026-03-28T00:00:00Z", 2);
    insta::assert_compact_json_snapshot!(days, @r#"["03-29T00:00+09:00", "03-30T00:00+09:00"]"#);
}

#[test]
fn hours_of_an_interval_are_absolute_and_days_are_not() {
    let hours = started(every(Duration::from_secs(24 * 3600)), "Europe/Berlin", "2026-03-27T12:00:00+01:00", true);
    let days = started(every(DAY), "Europe/Berlin", "2026-03-27T12:00:00+01:00", true);
    let ends = |timetable: &Timetable| timetable.upcoming(None, at("2026-04-01T00:00:00Z"), 3)[2].run_after;
    assert_eq!(ends(&hours), at("2026-03-30T13:00:00+02:00"));
    assert_eq!(ends(&days), at("2026-03-30T12:00:00+02:00"));
}

#[test]
fn an_interval_is_counted_from_start_date() {
    let timetable = started(every(Duration::from_secs(6 * 3600)), "UTC", "2026-01-01T01:30:00Z", false);
    let run = timetable.next(None, at("2026-01-05T20:00:00Z")).expect("a run");
    assert_eq!(run.data_interval, interval("2026-01-05T13:30:00Z", "2026-01-05T19:30:00Z"));
    let week = started(every(Duration { days: 7, millis: 0 }), "UTC", "2026-01-07T00:00:00Z", true);
    assert_eq!(week.upcoming(None, at("2026-01-07T00:00:00Z"), 2)[1].run_after, at("2026-01-21T00:00:00Z"));
}

#[test]
fn a_day_that_a_zone_left_out_has_no_run() {
    let days = ticks(every(DAY), "Pacific/Apia", "2011-12-28T12:00:00Z", 3);
    insta::assert_compact_json_snapshot!(days, @r#"["12-29T00:00-10:00", "12-31T00:00+14:00", "01-01T00:00+14:00"]"#);
    let cron = ticks(cron("0 8 * * *"), "Pacific/Apia", "2011-12-28T12:00:00Z", 4);
    insta::assert_compact_json_snapshot!(cron, @r#"["12-28T08:00-10:00", "12-29T08:00-10:00", "12-31T00:00+14:00", "12-31T08:00+14:00"]"#);
    let minutes = ticks(super::tests::cron("30 * * * *"), "Pacific/Apia", "2011-12-30T09:00:00Z", 2);
    insta::assert_compact_json_snapshot!(minutes, @r#"["12-29T23:30-10:00", "12-31T00:30+14:00"]"#);
}

#[test]
fn the_usual_extensions_of_cron_are_understood() {
    let first = |expression| ticks(cron(expression), "UTC", "2026-01-01T00:00:00Z", 2);
    insta::assert_compact_json_snapshot!(first("0 0 L * *"), @r#"["01-31T00:00+00:00", "02-28T00:00+00:00"]"#);
    insta::assert_compact_json_snapshot!(first("0 0 * * 5#2"), @r#"["01-09T00:00+00:00", "02-13T00:00+00:00"]"#);
    insta::assert_compact_json_snapshot!(first("0 9 * * MON-FRI"), @r#"["01-01T09:00+00:00", "01-02T09:00+00:00"]"#);
    insta::assert_compact_json_snapshot!(first("0 0 13 * 5"), @r#"["01-02T00:00+00:00", "01-09T00:00+00:00"]"#);
    insta::assert_compact_json_snapshot!(first("0 0 29 2 *"), @r#"["02-29T00:00+00:00", "02-29T00:00+00:00"]"#);
}

#[test]
fn a_schedule_that_cannot_be_used_says_why() {
    let message = |schedule, zone| Timetable::new(&dag(schedule, zone)).expect_err("an error").to_string();
    insta::assert_snapshot!(message(cron("61 * * * *"), "UTC"), @"`61 * * * *` is not a cron expression: Component error: Number out of bounds");
    insta::assert_snapshot!(message(cron("0 0 30 2 *"), "UTC"), @"`0 0 30 2 *` never fires: there is no such date");
    insta::assert_snapshot!(message(cron("0 6 * * *"), "Europe/Atlantis"), @"no time zone `Europe/Atlantis`; names are like `Asia/Seoul`");
    insta::assert_snapshot!(message(every(Duration::from_millis(0)), "UTC"), @"the interval `as written` is empty or longer than a schedule may be");
    insta::assert_snapshot!(message(every(Duration { days: u32::MAX, millis: u64::MAX }), "UTC"), @"the interval `as written` is empty or longer than a schedule may be");
}

#[test]
fn schedules_are_told_in_words() {
    let words: Vec<String> = [
        "0 6 * * *",
        "* * * * *",
        "*/5 * * * *",
        "0 * * * *",
        "0 */6 * * *",
        "0 2,14 * * *",
        "0 9 * * 1-5",
        "0 0 1 */3 *",
        "0 0 1 1 *",
        "0 0 L * *",
    ]
    .into_iter()
    .map(|expression| format!("{expression:12} {}", compiled(cron(expression), "UTC").describe()))
    .chain([DAY, HOUR, Duration { days: 2, millis: 5_400_000 }].map(|length| compiled(every(length), "UTC").describe()))
    .collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
    0 6 * * *    At 06:00 every day
    * * * * *    Every minute
    */5 * * * *  Every 5 minutes
    0 * * * *    At minute 0 past every hour
    0 */6 * * *  At minute 0 of every 6 hours
    0 2,14 * * * At minute 0 of hour 2 and 14
    0 9 * * 1-5  At 09:00, on Monday, Tuesday, Wednesday, Thursday, and Friday
    0 0 1 */3 *  At 00:00, on day 1, every 3 months
    0 0 1 1 *    At 00:00, on day 1, in January
    0 0 L * *    At 00:00, on the last day of the month
    Every day
    Every hour
    Every 2 days 1 hour 30 minutes
    "#);
}

#[test]
fn years_that_the_calendar_does_not_have_end_a_schedule_quietly() {
    let far = Timestamp::MAX;
    for schedule in [cron("0 6 * * *"), cron("0 * * * *"), every(DAY), every(HOUR)] {
        let timetable = compiled(schedule, "Asia/Seoul");
        assert_eq!(timetable.next(None, far), None);
        assert_eq!(timetable.manual_interval(Timestamp::MIN).end, Timestamp::MIN);
    }
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let crons = proptest::sample::select(vec![
        "* * * * *",
        "*/30 * * * *",
        "30 * * * *",
        "0 * * * *",
        "30 2 * * *",
        "0 2,14 * * *",
        "0,30 1-3 * * *",
        "0 */6 * * *",
        "0 0 * * 0",
        "0 0 1 * *",
        "15 1 29 2 *",
        "0 0 13 * 5",
        "0 0 L * *",
    ]);
    prop_oneof![
        crons.prop_map(cron),
        (0_u32..40, 0_u64..90_000_000)
            .prop_filter("not empty", |(days, millis)| days + u32::from(*millis > 999) > 0)
            .prop_map(|(days, millis)| every(Duration { days, millis })),
    ]
}

fn zones() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Seoul",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Santiago",
        "Pacific/Apia",
        "Pacific/Kiritimati",
    ])
}

/// Half of the instants lie near a change of the clock, where the mistakes are.
fn instants() -> impl Strategy<Value = Timestamp> {
    let changes = [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-04-04T15:00:00Z",
        "2011-12-30T10:00:00Z",
    ];
    prop_oneof![
        (1_262_304_000_000_000_i64..2_208_988_800_000_000)
            .prop_map(|micros| Timestamp::from_microsecond(micros).expect("in range")),
        (proptest::sample::select(changes.to_vec()), -10_800_000_000_i64..10_800_000_000)
            .prop_map(|(change, micros)| at(change) + SignedDuration::from_micros(micros)),
    ]
}

proptest! {
    #[test]
    fn ticks_grow_and_both_directions_agree(schedule in schedules(), zone in zones(), from in instants()) {
        let timetable = compiled(schedule, zone);
        let ticks = ticks_of(&timetable);
        let mut last = ticks.at_or_before(from).expect("a tick");
        prop_assert!(last <= from);
        prop_assert_eq!(ticks.after(last).filter(|next| *next <= from), None);
        for _ in 0..20 {
            let next = ticks.after(last).expect("a tick");
            prop_assert!(next > last);
            prop_assert_eq!(ticks.before(next), Some(last));
            prop_assert_eq!(ticks.at_or_before(next), Some(next));
            prop_assert_eq!(ticks.at_or_after(last + SignedDuration::from_micros(1)), Some(next));
            last = next;
        }
    }

    #[test]
    fn intervals_join_without_hole_or_overlap(
        schedule in schedules(), zone in zones(), start in instants(), wait in 0_i64..90_000, catchup: bool,
    ) {
        let timetable = Timetable::new(&Dag { start_date: Some(start), catchup, ..dag(schedule, zone) }).expect("a timetable");
        let now = start + SignedDuration::from_mins(wait);
        let runs = timetable.upcoming(None, now, 10);
        prop_assert_eq!(runs.len(), 10);
        prop_assert!(runs[0].data_interval.start >= start);
        for run in &runs {
            prop_assert!(run.data_interval.start < run.data_interval.end);
            prop_assert_eq!(run.run_after, run.data_interval.end);
        }
        for pair in runs.windows(2) {
            prop_assert_eq!(pair[0].data_interval.end, pair[1].data_interval.start);
        }
        let overdue = runs.iter().filter(|run| run.run_after <= now).count();
        prop_assert!(catchup || overdue <= 1);
    }

    #[test]
    fn a_manual_interval_is_the_last_complete_one(schedule in schedules(), zone in zones(), now in instants()) {
        let timetable = compiled(schedule, zone);
        let covered = timetable.manual_interval(now);
        prop_assert!(covered.start < covered.end && covered.end <= now);
        prop_assert!(ticks_of(&timetable).after(covered.end).expect("a tick") > now);
    }
}
