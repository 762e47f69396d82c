//! The log of an attempt.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line as Drawn, Span};

use super::table::fitted;
use super::{Canvas, say};
use crate::commands::runs::tree;
use crate::output::span;
use crate::tui::layout;
use crate::tui::state::{Line, Log, hits};
use crate::tui::text::{clean, cut};

/// Draws it.
pub(super) fn draw(canvas: Canvas<'_>, screen: &Log, buffer: &mut Buffer) {
    let Canvas { theme, parts, .. } = canvas;
    if parts.facts.height > 0 {
        let room = usize::from(parts.facts.width.saturating_sub(2));
        buffer.set_line(parts.facts.x + 1, parts.facts.y, &fitted(&facts(canvas, screen), room), parts.facts.width);
    }
    if screen.lines.is_empty() {
        return say(&nothing(screen), theme, parts.body, buffer);
    }
    let area = parts.body;
    let columns = layout::log_columns(area.as_size(), screen.has_times);
    let mut y = area.top();
    for (position, line) in screen.lines.iter().enumerate().skip(screen.top) {
        let is_found = screen.found == Some(position);
        for (part, text) in pieces(line, screen, columns).into_iter().enumerate() {
            if y >= area.bottom() {
                return;
            }
            let mut spans = time(canvas, screen, line, part == 0);
            spans.extend(marked(canvas, &text, line, screen.search.value(), is_found));
            buffer.set_line(area.x, y, &Drawn::from(spans), area.width);
            y += 1;
        }
    }
}

/// The rows of a line: all of it, or what is on the screen of it.
fn pieces(line: &Line, screen: &Log, columns: usize) -> Vec<String> {
    if !screen.wraps {
        return vec![cut(&line.text, screen.left, columns)];
    }
    let (mut rest, mut pieces) = (line.text.as_str(), Vec::new());
    loop {
        let piece = cut(rest, 0, columns);
        rest = &rest[piece.len()..];
        // A character may be wider than the terminal.
        let is_end = rest.is_empty() || piece.is_empty();
        pieces.push(piece);
        if is_end {
            return pieces;
        }
    }
}

fn time(canvas: Canvas<'_>, screen: &Log, line: &Line, is_first: bool) -> Vec<Span<'static>> {
    if !screen.has_times {
        return Vec::new();
    }
    let at = line.at.filter(|_| is_first).map(|at| at.strftime("%H:%M:%S").to_string()).unwrap_or_default();
    vec![Span::styled(format!("{at:<width$}", width = layout::TIME), canvas.theme.dim())]
}

/// A row with what was looked for standing out.
fn marked(canvas: Canvas<'_>, text: &str, line: &Line, word: &str, is_found: bool) -> Vec<Span<'static>> {
    let theme = canvas.theme;
    let mut style = if line.is_own { theme.accent() } else { Style::new() };
    if is_found {
        style = style.patch(theme.bold());
    }
    let (mut spans, mut at) = (Vec::new(), 0);
    for hit in hits(text, word) {
        spans.push(Span::styled(text[at..hit.start].to_owned(), style));
        spans.push(Span::styled(text[hit.clone()].to_owned(), theme.hit()));
        at = hit.end;
    }
    spans.push(Span::styled(text[at..].to_owned(), style));
    spans
}

/// What there is to say of the attempt.
fn facts(canvas: Canvas<'_>, screen: &Log) -> Vec<Span<'static>> {
    let Canvas { state, theme, .. } = canvas;
    let Some(instance) = &screen.instance else { return Vec::new() };
    let newest = instance.try_number;
    let shown = screen.attempt.as_ref().map_or(newest, |attempt| attempt.try_number);
    let mut spans = Vec::new();
    if shown < newest {
        spans.push(Span::styled(format!("try {shown} of {newest}, which is not the newest"), theme.warning()));
        spans.push(Span::raw("  now: "));
        spans.push(theme.named_state(tree::state(instance)));
    } else {
        spans.push(theme.named_state(tree::state(instance)));
        if newest > 0 {
            let took = span(tree::seconds(instance, state.now));
            spans.push(Span::raw(format!("  try {} · {took}", tree::tries(instance))));
        }
    }
    if screen.elements.len() > 1 {
        let at = screen.elements.iter().position(|element| *element == screen.name.map_index).map_or(0, |at| at + 1);
        spans.push(Span::raw(format!(" · element {at} of {}", screen.elements.len())));
    }
    if !screen.lines.is_empty() {
        let (first, all) = (screen.dropped + screen.top + 1, screen.dropped + screen.lines.len());
        let follows = if screen.is_following { ", following" } else { "" };
        spans.push(Span::styled(format!(" · line {first} of {all}{follows}"), theme.dim()));
    }
    if !screen.why.is_empty() {
        spans.push(Span::styled(format!("  {}", clean(&screen.why)), theme.warning()));
    }
    spans
}

/// What to say when there are no lines.
fn nothing(screen: &Log) -> String {
    let Some(instance) = &screen.instance else { return "…".to_owned() };
    let why = if screen.why.is_empty() { String::new() } else { format!(": {}", screen.why) };
    match &screen.attempt {
        None => format!("It has not been tried yet{why}"),
        Some(attempt) if attempt.is_over => format!("This try left no log{why}"),
        Some(_) if instance.state.as_deref() == Some("running") => "It has printed nothing yet.".to_owned(),
        Some(_) => format!("No log yet{why}"),
    }
}
