//! Days off from an iCalendar file (RFC 5545): its all-day events, once or yearly. What else a file may say is refused
//! where it stands, so that no day off is left out in silence.

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use jiff::{ToSpan, Unit};

use super::Yearly;

/// Longer events are surely a mistake.
const MOST_DAYS: i64 = 366;

/// The days of all events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaysOff {
    /// Of events that are once.
    pub dates: Vec<Date>,
    /// Of events that come back every year.
    pub yearly: Vec<Yearly>,
}

/// What is wrong with a file, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct IcsError {
    line: usize,
    message: String,
}

/// Reads a file.
pub fn days_off(text: &str) -> Result<DaysOff, IcsError> {
    let mut days = DaysOff::default();
    let mut open: Vec<String> = Vec::new();
    let mut event = Event::default();
    for line in lines(text) {
        let (name, value) = (line.name.as_str(), line.value.as_str());
        match name {
            _ if open.is_empty() && (name, value) != ("BEGIN", "VCALENDAR") => {
                return Err(line.error("this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR"));
            }
            "BEGIN" => {
                open.push(value.to_ascii_uppercase());
                if in_event(&open) {
                    event = Event { line: line.number, ..Event::default() };
                }
            }
            "END" => {
                if in_event(&open) {
                    std::mem::take(&mut event).add_to(&mut days)?;
                }
                if open.pop().is_none_or(|opened| opened != value.to_ascii_uppercase()) {
                    return Err(line.error(&format!("END:{value} ends nothing")));
                }
            }
            _ if in_event(&open) => event.take(&line)?,
            _ => {}
        }
    }
    match open.last() {
        None => Ok(days),
        Some(name) => Err(IcsError { line: text.lines().count(), message: format!("the end of {name} is missing") }),
    }
}

/// Whether an event itself is being read, and not an alarm of one.
fn in_event(open: &[String]) -> bool {
    matches!(open, [calendar, event] if calendar == "VCALENDAR" && event == "VEVENT")
}

/// A content line, unfolded.
struct Line {
    number: usize,
    name: String,
    value: String,
}

impl Line {
    fn error(&self, message: &str) -> IcsError {
        IcsError { line: self.number, message: message.to_owned() }
    }

    /// A date without a time.
    fn date(&self, text: &str) -> Result<Date, IcsError> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let date = digits.then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]).parse().ok()).flatten();
        date.ok_or_else(|| {
            self.error(&format!("{} is `{text}`, which is not the date of an all-day event (20261225)", self.name))
        })
    }
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, raw) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        if let Some(rest) = raw.strip_prefix([' ', '\t']) {
            if let Some(last) = lines.last_mut() {
                last.value.push_str(rest);
            }
        } else if !raw.trim().is_empty() {
            lines.push(Line { number, name: String::new(), value: raw.to_owned() });
        }
    }
    for line in &mut lines {
        let (name, value) = split(&line.value);
        (line.name, line.value) = (name, value);
    }
    lines
}

/// The name in capitals, without its parameters, and the value. A colon in a quoted parameter is none.
fn split(line: &str) -> (String, String) {
    let mut is_quoted = false;
    let colon = line.find(|character| {
        is_quoted ^= character == '"';
        character == ':' && !is_quoted
    });
    let (head, value) = colon.map_or((line, ""), |at| (&line[..at], &line[at + 1..]));
    let name = head.split(';').next().unwrap_or_default();
    (name.trim().to_ascii_uppercase(), value.trim().to_owned())
}

/// An event, as far as it was read.
#[derive(Debug, Default)]
struct Event {
    line: usize,
    start: Option<Date>,
    /// The first day after it.
    end: Option<Date>,
    days: Option<i64>,
    is_yearly: bool,
    until: Option<Date>,
    count: Option<i16>,
    /// Parts of the rule that repeat what the start says, checked once that is known.
    month_and_day: (Option<i8>, Option<i8>),
    is_cancelled: bool,
}

impl Event {
    fn take(&mut self, line: &Line) -> Result<(), IcsError> {
        match line.name.as_str() {
            "DTSTART" => self.start = Some(line.date(&line.value)?),
            "DTEND" => self.end = Some(line.date(&line.value)?),
            "DURATION" => self.days = Some(whole_days(line)?),
            "STATUS" => self.is_cancelled = line.value.eq_ignore_ascii_case("CANCELLED"),
            "RRULE" => self.take_rule(line)?,
            "RDATE" | "EXDATE" | "EXRULE" | "RECURRENCE-ID" => {
                return Err(line.error(&format!("{} is not supported; give each day an event of its own", line.name)));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_rule(&mut self, line: &Line) -> Result<(), IcsError> {
        for part in line.value.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (name.to_ascii_uppercase().as_str(), value) {
                ("FREQ", "YEARLY") => self.is_yearly = true,
                ("INTERVAL", "1") | ("WKST", _) => {}
                // A time of day says nothing about a day.
                ("UNTIL", until) => self.until = Some(line.date(until.split('T').next().unwrap_or_default())?),
                ("COUNT", count) => {
                    let count = count.parse().ok().filter(|count| *count > 0);
                    self.count = Some(count.ok_or_else(|| line.error(&format!("`{part}` is no count")))?);
                }
                ("BYMONTH", month) if month.parse::<i8>().is_ok() => self.month_and_day.0 = month.parse().ok(),
                ("BYMONTHDAY", day) if day.parse::<i8>().is_ok() => self.month_and_day.1 = day.parse().ok(),
                _ => return Err(line.error(&format!("`{part}`: only events that come back every year are supported"))),
            }
        }
        Ok(())
    }

    fn add_to(self, days: &mut DaysOff) -> Result<(), IcsError> {
        let error = |message: &str| IcsError { line: self.line, message: message.to_owned() };
        if self.is_cancelled {
            return Ok(());
        }
        let start = self.start.ok_or_else(|| error("the event has no DTSTART"))?;
        let (month, day) = self.month_and_day;
        if month.is_some_and(|month| month != start.month()) || day.is_some_and(|day| day != start.day()) {
            return Err(error("the event's rule names another day than its DTSTART"));
        }
        let until_end = |end: Date| i64::from(start.until((Unit::Day, end)).map_or(0, |span| span.get_days()));
        let length = self.days.or(self.end.map(until_end)).unwrap_or(1);
        if !(1..=MOST_DAYS).contains(&length) {
            return Err(error("the event is shorter than a day or longer than a year"));
        }
        let last_year = self.count.and_then(|count| start.year().checked_add(count - 1));
        for offset in 0..length {
            let first = start.checked_add(offset.days()).map_err(|_| error("the event leaves the calendar"))?;
            if !self.is_yearly {
                days.dates.push(first);
                continue;
            }
            // The days of the event belong to the occurrence that begins on its first.
            let counted = last_year
                .and_then(|year| Date::new(year + (first.year() - start.year()), first.month(), first.day()).ok());
            let until = self.until.and_then(|until| until.checked_add(offset.days()).ok());
            let until = [counted, until].into_iter().flatten().min();
            days.yearly.push(Yearly { month: first.month(), day: first.day(), from: Some(first), until });
        }
        Ok(())
    }
}

/// `P1D`, `P1W`.
fn whole_days(line: &Line) -> Result<i64, IcsError> {
    let error = || line.error(&format!("the duration `{}` is not so many days", line.value));
    let number = line.value.strip_prefix('P').ok_or_else(error)?;
    let (number, days) = match (number.strip_suffix('D'), number.strip_suffix('W')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 7),
        (None, None) => return Err(error()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(days)).ok_or_else(error)
}
