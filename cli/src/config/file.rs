//! `flowctl.toml`: sections of keys, each with its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// A key of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// `section.name`.
    pub name: String,
    /// Its value as a text.
    pub text: String,
    /// `file:line:column`.
    pub place: String,
}

/// Reads a file's text; `shown` is its path for people.
pub(super) fn read(text: &str, shown: &str) -> (Vec<Entry>, Vec<Problem>) {
    let place = |at: usize| {
        let before = &text[..text.floor_char_boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{shown}:{line}:{column}")
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            place: place(error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })
        .collect();
    let mut entries = Vec::new();
    if !problems.is_empty() {
        // What follows from a half-read file is noise.
        return (entries, problems);
    }
    for (section, value) in table.get_ref() {
        let name = section.get_ref();
        let DeValue::Table(keys) = value.get_ref() else {
            let message = match super::key::KEYS.iter().find(|key| key.name.rsplit('.').next() == Some(name)) {
                Some(key) => format!("`{name}` stands outside a section: it is `{}`", key.name),
                None => format!("`{name}` must be a section, as in `[core]`"),
            };
            problems.push(Problem { place: place(section.span().start), message });
            continue;
        };
        for (key, value) in keys {
            let (full, place) = (format!("{name}.{}", key.get_ref()), place(key.span().start));
            match value_of(&full, value) {
                Ok(text) => entries.push(Entry { name: full, text, place }),
                // An unknown key with a table in it is refused as unknown by whoever reads the entries.
                Err(_) if super::find(&full).is_none() => {
                    entries.push(Entry { name: full, text: String::new(), place });
                }
                Err(kind) => problems.push(Problem { place, message: format!("`{full}` takes one value, not {kind}") }),
            }
        }
    }
    (entries, problems)
}

/// A value as one text; a list's is as it stands in the environment.
fn value_of(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.get_ref() {
        DeValue::Array(parts) if super::find(name).is_some_and(|key| key.is_list) => {
            let parts: Result<Vec<_>, _> = parts.iter().map(scalar).collect();
            let parts = parts?;
            let has_comma = parts.iter().any(|part| part.contains(','));
            if has_comma { Err("a list with a comma in one of its parts") } else { Ok(parts.join(", ")) }
        }
        _ => scalar(value),
    }
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Datetime(at) => Ok(at.to_string()),
        DeValue::Array(_) => Err("a list"),
        DeValue::Table(_) => Err("a table"),
    }
}
