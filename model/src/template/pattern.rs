//! Times as text: Python's `strftime` and `strptime`, pendulum's `format`.

use std::fmt::Write as _;

use jiff::Zoned;
use jiff::civil::DateTime;
use minijinja::Error;

use super::language::wrong;

/// A pattern is written by a person; a longer one is a mistake, and could grow without bound.
const MAX_PATTERN: usize = 1000;

/// Python's `strftime`. `zone` is false for a naive time, whose `%z` and `%Z` are empty.
pub(super) fn strftime(at: &Zoned, zone: bool, pattern: &str) -> Result<String, Error> {
    let mut jiffs = String::with_capacity(pattern.len());
    let mut characters = checked(pattern)?.chars();
    while let Some(character) = characters.next() {
        jiffs.push(character);
        if character != '%' {
            continue;
        }
        match characters.next() {
            Some('f') => {
                jiffs.pop();
                let _ = write!(jiffs, "{:06}", at.subsec_nanosecond() / 1000);
            }
            Some('z' | 'Z') if !zone => {
                jiffs.pop();
            }
            Some(other) => jiffs.push(other),
            None => jiffs.push('%'),
        }
    }
    jiff::fmt::strtime::format(&jiffs, at).map_err(|error| bad(pattern, &error))
}

/// Python's `datetime.strptime`; aware when the text says its offset.
pub(super) fn strptime(text: &str, pattern: &str) -> Result<(DateTime, Option<Zoned>), Error> {
    let unread = |error: jiff::Error| wrong(format!("`{text}` is not of the form `{pattern}`: {error}"));
    let parsed = jiff::fmt::strtime::parse(checked(pattern)?, text).map_err(unread)?;
    if parsed.offset().is_some() {
        let at = parsed.to_zoned().map_err(unread)?;
        return Ok((at.datetime(), Some(at)));
    }
    // Python starts from 1900-01-01 00:00.
    let date = if parsed.year().is_none() && parsed.month().is_none() && parsed.day().is_none() {
        jiff::civil::date(1900, 1, 1)
    } else {
        parsed
            .to_date()
            .or_else(|error| match (parsed.year(), parsed.month(), parsed.day()) {
                (Some(year), month, None) => jiff::civil::Date::new(year, month.unwrap_or(1), 1),
                _ => Err(error),
            })
            .map_err(unread)?
    };
    let time =
        if parsed.hour().is_none() { jiff::civil::Time::midnight() } else { parsed.to_time().map_err(unread)? };
    Ok((date.to_datetime(time), None))
}

fn checked(pattern: &str) -> Result<&str, Error> {
    if pattern.len() > MAX_PATTERN {
        return Err(wrong(format!("a pattern for times may have {MAX_PATTERN} bytes")));
    }
    Ok(pattern)
}

fn bad(pattern: &str, error: &jiff::Error) -> Error {
    wrong(format!("`{pattern}` cannot be used as a pattern for times: {error}"))
}

/// Pendulum's tokens, longest first where one begins another, and what they are in `strftime`.
const TOKENS: [(&str, &str); 30] = [
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("M", "%-m"),
    ("DDDD", "%j"),
    ("DDD", "%-j"),
    ("DD", "%d"),
    ("D", "%-d"),
    ("dddd", "%A"),
    ("ddd", "%a"),
    ("E", "%u"),
    ("HH", "%H"),
    ("H", "%-H"),
    ("hh", "%I"),
    ("h", "%-I"),
    ("mm", "%M"),
    ("m", "%-M"),
    ("SSSSSS", "%f"),
    ("SSS", ""),
    ("ss", "%S"),
    ("s", "%-S"),
    ("A", "%p"),
    ("X", "%s"),
    ("ZZ", "%z"),
    ("Z", "%:z"),
    ("zz", "%Q"),
    ("z", "%Z"),
    ("Q", ""),
];

/// Pendulum's `format`: `YYYY-MM-DD`; what stands in brackets is text.
pub(super) fn pendulum(at: &Zoned, zone: bool, pattern: &str) -> Result<String, Error> {
    let mut rest = checked(pattern)?;
    let mut python = String::new();
    while let Some(first) = rest.chars().next() {
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            python.push_str(&inside.replace('%', "%%"));
            rest = after;
        } else if let Some((token, directive)) = TOKENS.iter().find(|(token, _)| rest.starts_with(token)) {
            match *token {
                "SSS" => {
                    let _ = write!(python, "{:03}", at.subsec_nanosecond() / 1_000_000);
                }
                "Q" => python.push_str(&((at.month() - 1) / 3 + 1).to_string()),
                _ => python.push_str(directive),
            }
            rest = &rest[token.len()..];
        } else {
            if first == '%' {
                python.push('%');
            }
            python.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    // Made of known directives, so only its length could be wrong, and it is bounded by the pattern's.
    strftime(at, zone, &python)
}
