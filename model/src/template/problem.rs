//! What minijinja says is wrong, in words for the person who wrote the template.

use std::ops::Range;

use minijinja::{Error, ErrorKind};

use super::names;
use crate::nearest::did_you_mean;

/// Longer excerpts of a template help nobody.
const MAX_SHOWN: usize = 80;

/// The error in one lowercase sentence, with a hint when there is one.
pub(super) fn in_words(error: &Error, source: &str) -> (String, Option<String>) {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => undefined(detail, error, source),
        ErrorKind::OutOfFuel => ("the template does too much and was stopped; let the task do it".to_owned(), None),
        ErrorKind::SyntaxError if detail.is_empty() => ("the template's syntax is wrong".to_owned(), None),
        ErrorKind::SyntaxError => (format!("the template cannot be read: {detail}"), None),
        ErrorKind::UnknownFilter => unknown("filter", detail, &names::FILTERS),
        ErrorKind::UnknownTest => unknown("test", detail, &names::TESTS),
        ErrorKind::InvalidOperation | ErrorKind::UnknownMethod if !detail.is_empty() => (detail.to_owned(), None),
        kind if detail.is_empty() => match excerpt(error, source) {
            Some(text) => (format!("`{text}`: {kind}"), None),
            None => (kind.to_string(), None),
        },
        kind => (format!("{kind}: {detail}"), None),
    }
}

/// Where in the template, in bytes.
pub(super) fn range(error: &Error, source: &str) -> Option<Range<usize>> {
    if let Some(range) = error.range() {
        return source.get(range.clone()).map(|_| range);
    }
    // The lexer knows only the line.
    let line = source.lines().nth(error.line()?.checked_sub(1)?)?;
    let start = line.as_ptr().addr() - source.as_ptr().addr();
    let indent = line.len() - line.trim_start().len();
    Some(start + indent..start + line.trim_end().len().max(indent))
}

fn undefined(detail: &str, error: &Error, source: &str) -> (String, Option<String>) {
    let shown = match detail.split('`').nth(1) {
        Some(name) => name.to_owned(),
        None => excerpt(error, source).unwrap_or_default(),
    };
    // minijinja's way to say "of something that is no name".
    if let Some(attributes) = shown.strip_prefix("(...)") {
        return (format!("`…{attributes}` is undefined"), None);
    }
    if let Some((message, help)) = names::refusal(&shown) {
        return (message, help);
    }
    if names::OF_LOGICAL_DATE.contains(&shown.as_str()) {
        return (format!("`{shown}` is undefined: the run has no logical date"), None);
    }
    let hint = match shown.rsplit_once('.') {
        None => did_you_mean(&shown, names::ROOTS.iter().map(|(name, _)| *name)),
        Some((of, name)) => names::root(of)
            .and_then(|kind| names::attribute(kind, name).err())
            .and_then(|known| did_you_mean(name, known.into_iter())),
    };
    (if shown.is_empty() { "something is undefined".to_owned() } else { format!("`{shown}` is undefined") }, hint)
}

fn unknown(what: &str, detail: &str, known: &[&str]) -> (String, Option<String>) {
    // minijinja says "filter NAME is unknown".
    let name = detail.split(' ').nth(1).unwrap_or(detail);
    (format!("there is no {what} `{name}`"), did_you_mean(name, known.iter().copied()))
}

/// The text that an error is about.
fn excerpt(error: &Error, source: &str) -> Option<String> {
    let text = source.get(range(error, source)?)?.lines().next()?.trim();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => Some(format!("{}…", &text[..at])),
        None => Some(text.to_owned()),
    }
}
