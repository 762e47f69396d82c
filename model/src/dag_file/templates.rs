//! Template syntax of a file's texts, with problems at the very line inside a block scalar.

use super::node::{Node, Place, Value};
use super::problems::Problems;

/// Checks every text in a value.
pub(super) fn check(node: &Node, lines: &[&str], problems: &mut Problems) {
    match &node.value {
        Value::Text(text) => check_text(text, node.at, lines, problems),
        Value::List(items) => items.iter().for_each(|item| check(item, lines, problems)),
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| check(value, lines, problems)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_text(text: &str, at: Place, lines: &[&str], problems: &mut Problems) {
    if !text.contains('{') {
        return;
    }
    for problem in crate::template::check(text) {
        let place = problem.range.and_then(|range| locate(text, range, at, lines)).unwrap_or(at);
        problems.error(place, problem.message);
    }
}

/// Where a part of a scalar stands in the file: its template line is looked for from the scalar's own line on.
fn locate(text: &str, range: std::ops::Range<usize>, at: Place, lines: &[&str]) -> Option<Place> {
    let before = text.get(..range.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let row = before.matches('\n').count();
    let template_line = text.get(line_start..)?.lines().next()?;
    let needle = template_line.trim();
    if needle.is_empty() {
        return None;
    }
    let indent = template_line.len() - template_line.trim_start().len();
    let first = (at.line as usize).checked_sub(1)?;
    let (found, source_line) =
        lines.iter().enumerate().skip(first).take(row + 3).find(|(_, line)| line.contains(needle))?;
    let offset = (range.start - line_start).checked_sub(indent)?;
    let byte = source_line.find(needle)? + offset;
    let column = source_line.get(..byte)?.chars().count() + 1;
    let length = text.get(range)?.lines().next().unwrap_or("").chars().count();
    Some(Place {
        line: u32::try_from(found + 1).ok()?,
        column: u32::try_from(column).ok()?,
        length: u32::try_from(length).ok()?,
    })
}
