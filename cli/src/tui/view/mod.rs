//! What the screen looks like: a function of the state, and of nothing else.

mod dags;
mod dialog;
mod log;
mod run;
mod runs;
mod status;
mod table;
#[cfg(test)]
pub(super) mod tests;
mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) use theme::Theme;

use super::layout::{self, Parts};
use super::state::{Screen, State};
use super::text::{clean, fit, width, wrap};

/// Draws everything.
pub(super) fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    let parts = layout::parts(state.top(), area);
    let buffer = frame.buffer_mut();
    place(state, theme, parts.place, buffer);
    let canvas = Canvas { state, theme, parts };
    match state.top() {
        Screen::Dags(dags) => dags::draw(canvas, dags, buffer),
        Screen::Runs(runs) => runs::draw(canvas, runs, buffer),
        Screen::Run(run) => run::draw(canvas, run, buffer),
        Screen::Log(log) => log::draw(canvas, log, buffer),
    }
    let mut cursor = status::draw(state, theme, parts.status, buffer);
    if let Some(dialog) = &state.dialog {
        cursor = dialog::draw(state, dialog, theme, area, buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// What a screen is drawn with.
#[derive(Clone, Copy)]
struct Canvas<'a> {
    state: &'a State,
    theme: Theme,
    parts: Parts,
}

/// Where one is, and at the right which server that is.
fn place(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let names: Vec<_> = state.screens.iter().skip(1).map(name).collect();
    let mut line = vec![Span::raw(" "), Span::styled("flowctl", theme.accent().patch(theme.bold()))];
    if names.is_empty() {
        line.push(Span::raw("  DAGs"));
    }
    for (position, name) in names.iter().enumerate() {
        let is_last = position + 1 == names.len();
        line.push(Span::styled(" › ", theme.dim()));
        line.push(Span::styled(clean(name).into_owned(), if is_last { theme.bold() } else { Style::new() }));
    }
    let room = usize::from(area.width);
    let taken: usize = line.iter().map(Span::width).sum();
    buffer.set_line(area.x, area.y, &table::fitted(&line, room), area.width);
    let server = clean(&state.server);
    if taken + 3 + width(&server) < room {
        let x = area.right() - 1 - u16::try_from(width(&server)).unwrap_or_default();
        buffer.set_line(x, area.y, &Line::from(Span::styled(server, theme.dim())), area.width);
    }
}

fn name(screen: &Screen) -> String {
    match screen {
        Screen::Dags(_) => String::new(),
        Screen::Runs(runs) => runs.dag_id.clone(),
        Screen::Run(run) => run.run_id.clone(),
        Screen::Log(log) => log.name.element(),
    }
}

/// A line that says something where entries would be.
fn say(text: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(2));
    for (line, y) in wrap(text, room).into_iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.x + 1, y, &Line::from(Span::styled(fit(&line, room), theme.dim())), area.width);
    }
}

/// A rule, and under it what there is to say of what is selected.
fn detail(lines: &[(String, Style)], theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let rule = "─".repeat(usize::from(area.width));
    buffer.set_line(area.x, area.y, &Line::from(Span::styled(rule, theme.dim())), area.width);
    let room = usize::from(area.width.saturating_sub(2));
    let wrapped: Vec<_> =
        lines.iter().flat_map(|(text, style)| wrap(text, room).into_iter().map(|line| (line, *style))).collect();
    let free = usize::from(area.height - 1);
    for (position, ((text, style), y)) in wrapped.iter().zip(area.top() + 1..area.bottom()).enumerate() {
        let is_cut = position + 1 == free && wrapped.len() > free;
        let text = if is_cut { fit(&format!("{text} …"), room) } else { fit(text, room) };
        buffer.set_line(area.x + 1, y, &Line::from(Span::styled(text, *style)), area.width);
    }
}
