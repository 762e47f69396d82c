use jiff::civil::date;

use super::*;
use crate::calendar::Calendar;

fn file(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}\r\nEND:VCALENDAR\r\n")
}

fn event(properties: &str) -> String {
    file(&format!("BEGIN:VEVENT\r\nUID:1\r\n{properties}\r\nEND:VEVENT"))
}

fn message(text: &str) -> String {
    days_off(text).unwrap_err().to_string()
}

#[test]
fn events_of_a_day_of_several_and_of_every_year_are_days_off() {
    let text = file(
        "BEGIN:VEVENT\nSUMMARY;LANGUAGE=\"de:at\":Heiliger\n  Abend\nDTSTART;VALUE=DATE:20261224\nBEGIN:VALARM\nDTSTART:nonsense\nEND:VALARM\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261230\nDTEND;VALUE=DATE:20270102\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1\nEND:VEVENT\n\
         BEGIN:VEVENT\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20260601\nEND:VEVENT",
    );
    let days = days_off(&text).unwrap();
    assert_eq!(days.dates, [date(2026, 12, 24), date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1)]);
    let calendar = Calendar { yearly: days.yearly, ..Calendar::default() };
    let closed = |day| !calendar.is_open(day);
    assert!(closed(date(2026, 5, 1)) && closed(date(2040, 5, 1)));
    assert!(!closed(date(2025, 5, 1)) && !closed(date(2027, 5, 2)));
}

#[test]
fn a_yearly_event_ends_after_its_count_or_on_its_last_day() {
    let counted = days_off(&event("DTSTART:20261231\r\nDURATION:P2D\r\nRRULE:FREQ=YEARLY;COUNT=2")).unwrap();
    let calendar = Calendar { yearly: counted.yearly, ..Calendar::default() };
    let closed = |day| !calendar.is_open(day);
    assert!(
        closed(date(2026, 12, 31))
            && closed(date(2027, 1, 1))
            && closed(date(2027, 12, 31))
            && closed(date(2028, 1, 1))
    );
    assert!(!closed(date(2026, 1, 1)) && !closed(date(2028, 12, 31)) && !closed(date(2029, 1, 1)));
    let limited = days_off(&event("DTSTART:20260501\r\nRRULE:FREQ=YEARLY;UNTIL=20280501T000000Z")).unwrap();
    assert_eq!(limited.yearly[0].until, Some(date(2028, 5, 1)));
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    insta::assert_snapshot!(message("dag_id: x"), @"line 1: this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR");
    insta::assert_snapshot!(message("BEGIN:VCALENDAR\nVERSION:2.0"), @"line 2: the end of VCALENDAR is missing");
    insta::assert_snapshot!(message(&event("DTSTART:20261224T180000Z")), @"line 5: DTSTART is `20261224T180000Z`, which is not the date of an all-day event (20261225)");
    insta::assert_snapshot!(message(&event("DTSTART:20260501\r\nRRULE:FREQ=MONTHLY")), @"line 6: `FREQ=MONTHLY`: only events that come back every year are supported");
    insta::assert_snapshot!(message(&event("DTSTART:20261126\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH")), @"line 6: `BYDAY=4TH`: only events that come back every year are supported");
    insta::assert_snapshot!(message(&event("DTSTART:20260501\r\nRRULE:FREQ=YEARLY;BYMONTH=6")), @"line 3: the event's rule names another day than its DTSTART");
    insta::assert_snapshot!(message(&event("DTSTART:20260501\r\nEXDATE:20270501")), @"line 6: EXDATE is not supported; give each day an event of its own");
    insta::assert_snapshot!(message(&event("SUMMARY:x")), @"line 3: the event has no DTSTART");
    insta::assert_snapshot!(message(&event("DTSTART:20260501\r\nDTEND:20260501")), @"line 3: the event is shorter than a day or longer than a year");
}
