//! The last line: what was done, what went wrong, what is typed; otherwise which keys there are.

use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use tui_input::Input;

use super::table::fitted;
use super::theme::Theme;
use crate::tui::state::{Link, Screen, State};
use crate::tui::text::{clean, cut, fit, width};

/// An answer that takes longer is worth a word.
const SLOW: SignedDuration = SignedDuration::from_secs(2);

/// Draws the line; where the cursor is when something is typed there.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let room = usize::from(area.width.saturating_sub(2));
    if area.height == 0 || room == 0 {
        return None;
    }
    if let Some((mark, input, is_typing)) = input(state) {
        let marked = format!("{mark}: ");
        let columns = room.saturating_sub(width(&marked) + 1);
        let scroll = input.visual_scroll(columns);
        let text = cut(&clean(input.value()), scroll, columns.max(1));
        let line = Line::from(vec![Span::styled(marked.clone(), theme.accent()), Span::raw(text)]);
        buffer.set_line(area.x + 1, area.y, &line, area.width);
        let x = width(&marked) + input.visual_cursor().saturating_sub(scroll);
        return is_typing.then(|| Position::new(area.x + 1 + u16::try_from(x.min(room)).unwrap_or_default(), area.y));
    }
    let line = match message(state, theme) {
        Some(span) => fitted(&[span], room),
        None => keys(state.top(), theme, room),
    };
    buffer.set_line(area.x + 1, area.y, &line, area.width);
    None
}

/// What is typed, or was: a filter, or what is looked for.
fn input(state: &State) -> Option<(&'static str, &Input, bool)> {
    let (mark, input, is_typing) = match state.top() {
        Screen::Dags(dags) => ("filter", &dags.list.filter, dags.list.is_typing),
        Screen::Runs(runs) => ("filter", &runs.list.filter, runs.list.is_typing),
        Screen::Run(run) => ("filter", &run.list.filter, run.list.is_typing),
        Screen::Log(log) => ("search", &log.search, log.is_typing),
    };
    // A message goes before a filter that is no longer typed.
    (is_typing || !input.value().is_empty() && is_quiet(state)).then_some((mark, input, is_typing))
}

fn is_quiet(state: &State) -> bool {
    state.notice.is_none() && state.problem.is_none() && !matches!(state.link, Link::Down { .. })
}

fn message(state: &State, theme: Theme) -> Option<Span<'static>> {
    if let Link::Down { cause, since } = &state.link {
        let since = since.strftime("%H:%M:%SZ");
        return Some(Span::styled(format!("✕ trying again since {since}: {}", clean(cause)), theme.error()));
    }
    if let Some(notice) = &state.notice {
        let style = if notice.is_error { theme.error() } else { theme.bold() };
        let sign = if notice.is_error { "✕ " } else { "" };
        return Some(Span::styled(format!("{sign}{}", clean(&notice.text)), style));
    }
    if let Some((_, problem)) = &state.problem {
        return Some(Span::styled(format!("✕ {}", clean(problem)), theme.error()));
    }
    let waited = state.now.duration_since(state.waiting_since()?);
    (waited >= SLOW)
        .then(|| Span::styled(format!("the server has not answered for {} s …", waited.as_secs()), theme.warning()))
}

/// The most useful keys; `?` shows all.
fn keys(screen: &Screen, theme: Theme, room: usize) -> Line<'static> {
    let keys: &[(&str, &str)] = match screen {
        Screen::Dags(_) => {
            &[("?", "keys"), ("q", "quit"), ("Enter", "runs"), ("t", "trigger"), ("p", "pause"), ("/", "filter")]
        }
        Screen::Runs(_) => &[
            ("?", "keys"),
            ("q", "back"),
            ("Enter", "open"),
            ("t", "trigger"),
            ("x", "cancel"),
            ("c", "clear failed"),
            ("m", "mark"),
            ("p", "pause"),
            ("/", "filter"),
        ],
        Screen::Run(_) => &[
            ("?", "keys"),
            ("q", "back"),
            ("Enter", "log"),
            ("c", "clear"),
            ("m", "mark"),
            ("x", "cancel run"),
            ("C", "clear failed"),
            ("/", "filter"),
        ],
        Screen::Log(_) => &[
            ("?", "keys"),
            ("q", "back"),
            ("[ ]", "try"),
            ("{ }", "element"),
            ("/", "search"),
            ("w", "wrap"),
            ("t", "times"),
            ("f", "follow"),
        ],
    };
    let (mut spans, mut taken) = (Vec::new(), 0);
    for (key, what) in keys {
        let needed = width(key) + 1 + width(what) + 2;
        if taken + needed > room + 2 {
            break;
        }
        taken += needed;
        spans.push(Span::styled((*key).to_owned(), theme.accent()));
        spans.push(Span::styled(format!(" {what}  "), theme.dim()));
    }
    let refused = match screen {
        Screen::Dags(dags) if dags.refused_files > 0 => format!("{} files refused", dags.refused_files),
        Screen::Dags(_) | Screen::Runs(_) | Screen::Run(_) | Screen::Log(_) => String::new(),
    };
    if !refused.is_empty() && taken + width(&refused) <= room {
        spans.push(Span::styled(fit(&refused, room), theme.error()));
    }
    Line::from(spans)
}
