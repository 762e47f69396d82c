//! What lies over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget};

use super::table::fitted;
use super::theme::Theme;
use crate::tui::state::{Choice, Dialog, Preview, Screen, State, Trigger};
use crate::tui::text::{clean, cut, width, wrap};

/// As wide as prose is easily read.
const WIDTH: u16 = 72;
/// How many names are listed of what would start over.
const NAMED: usize = 8;

/// Draws it; where the cursor is when something is typed there.
pub(super) fn draw(state: &State, dialog: &Dialog, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let room = usize::from(area.width.min(WIDTH).saturating_sub(4));
    let (title, lines) = match dialog {
        Dialog::Help => ("Keys", help(state.top(), theme)),
        Dialog::Choice(choice) => ("Sure?", ask(choice, theme, room)),
        Dialog::Trigger(trigger) => ("Trigger", self::trigger(trigger, theme, room)),
    };
    let inner = frame(title, lines.len(), theme, area, buffer);
    for (line, y) in lines.iter().zip(inner.top()..inner.bottom()) {
        buffer.set_line(inner.x, y, &fitted(&line.spans, usize::from(inner.width)), inner.width);
    }
    match dialog {
        Dialog::Trigger(trigger) => cursor(trigger, room, inner),
        Dialog::Help | Dialog::Choice(_) => None,
    }
}

/// A box in the middle of the screen; what is free in it.
fn frame(title: &'static str, lines: usize, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = area.width.min(WIDTH);
    let height = u16::try_from(lines + 2).unwrap_or(u16::MAX).min(area.height);
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // Half of a wide character at an edge of the box would move the edge.
    let around = Rect {
        x: outer.x.saturating_sub(1),
        width: (outer.width + 2).min(area.right() - outer.x.saturating_sub(1)),
        ..outer
    };
    halves(around, outer, buffer);
    Clear.render(outer, buffer);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.accent())
        .title(Span::styled(format!(" {title} "), theme.bold()))
        .padding(Padding::horizontal(1));
    let inner = block.inner(outer);
    block.render(outer, buffer);
    inner
}

/// Takes away wide characters that reach from outside into a box.
fn halves(around: Rect, outer: Rect, buffer: &mut Buffer) {
    if around.x == outer.x {
        return;
    }
    for y in outer.top()..outer.bottom() {
        if width(buffer[(around.x, y)].symbol()) > 1 {
            buffer[(around.x, y)].set_symbol(" ");
        }
    }
}

fn text(text: String, style: Style) -> Line<'static> {
    Line::from(Span::styled(text, style))
}

fn key(key: &str, what: &str, theme: Theme) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{key:>14}"), theme.accent()), Span::raw(format!("  {what}"))])
}

fn ask(choice: &Choice, theme: Theme, room: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = wrap(&choice.question, room).into_iter().map(|line| text(line, theme.bold())).collect();
    lines.push(Line::default());
    if let Some(preview) = &choice.preview {
        let (told, style) = match preview {
            Preview::Asked => ("…".to_owned(), theme.dim()),
            Preview::Known(names) => (would(names), Style::new()),
            Preview::Refused(why) => (format!("✕ {why}"), theme.error()),
        };
        lines.extend(wrap(&told, room).into_iter().map(|line| text(line, style)));
        lines.push(Line::default());
    }
    for option in &choice.options {
        lines.push(Line::from(vec![
            Span::styled(format!("  {}", option.key), theme.accent()),
            Span::raw(format!("  {}", option.label)),
        ]));
    }
    lines.push(Line::from(vec![Span::styled("  n", theme.accent()), Span::raw("  no")]));
    lines
}

/// What would start over, in words.
fn would(names: &[String]) -> String {
    match names.len() {
        0 => "Nothing would start over: no task instance is as asked for.".to_owned(),
        all => {
            let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = all.saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{all} would start over: {first}{more}")
        }
    }
}

fn trigger(trigger: &Trigger, theme: Theme, room: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = wrap(&format!("Start a run of `{}`?", trigger.dag_id), room)
        .into_iter()
        .map(|line| text(line, theme.bold()))
        .collect();
    lines.push(Line::default());
    lines.push(conf(trigger, theme, room));
    if let Some(params) = trigger.params.as_deref().filter(|params| !params.is_empty() && *params != "–") {
        lines.extend(wrap(&format!("params: {params}"), room).into_iter().map(|line| text(line, theme.dim())));
    }
    if let Some(problem) = &trigger.problem {
        lines.push(Line::default());
        lines.extend(problem.lines().flat_map(|line| told(line, room)).map(|line| text(line, theme.error())));
    }
    lines.push(Line::default());
    lines.push(if trigger.is_sent {
        text("triggering …".to_owned(), theme.dim())
    } else {
        Line::from(vec![
            Span::styled("Enter", theme.accent()),
            Span::raw(" start it   "),
            Span::styled("Esc", theme.accent()),
            Span::raw(" no"),
        ])
    });
    lines
}

/// A line of a problem: the one with the place of a mistake, and the caret under it, stay as they are.
fn told(line: &str, room: usize) -> Vec<String> {
    if line.starts_with("  ") { vec![clean(line).into_owned()] } else { wrap(line, room) }
}

const CONF: &str = "conf ";
const EXAMPLE: &str = r#"{"day": "2026-01-01"}"#;

fn conf(trigger: &Trigger, theme: Theme, room: usize) -> Line<'static> {
    let mark = Span::styled(CONF, theme.accent());
    if trigger.conf.value().is_empty() {
        return Line::from(vec![mark, Span::styled(format!("none, or JSON such as {EXAMPLE}"), theme.dim())]);
    }
    let columns = room.saturating_sub(width(CONF) + 1).max(1);
    let shown = cut(&clean(trigger.conf.value()), trigger.conf.visual_scroll(columns), columns);
    Line::from(vec![mark, Span::raw(shown)])
}

fn cursor(trigger: &Trigger, room: usize, inner: Rect) -> Option<Position> {
    let columns = room.saturating_sub(width(CONF) + 1).max(1);
    let x = width(CONF) + trigger.conf.visual_cursor().saturating_sub(trigger.conf.visual_scroll(columns));
    let question = wrap(&format!("Start a run of `{}`?", trigger.dag_id), room).len();
    let at = Position::new(inner.x + u16::try_from(x).ok()?, inner.y + u16::try_from(question + 1).ok()?);
    (inner.contains(at) && !trigger.is_sent).then_some(at)
}

fn help(screen: &Screen, theme: Theme) -> Vec<Line<'static>> {
    let here: &[(&str, &str)] = match screen {
        Screen::Dags(_) => &[("Enter", "the runs of the DAG"), ("t", "trigger a run"), ("p", "pause or activate it")],
        Screen::Runs(_) => &[
            ("Enter", "the tasks of the run"),
            ("t", "trigger a run"),
            ("x", "cancel the run"),
            ("c", "clear what failed of it"),
            ("m", "mark it"),
            ("p", "pause or activate the DAG"),
        ],
        Screen::Run(_) => &[
            ("Enter", "the log of the task; folds a group"),
            ("c  m", "clear or mark the task"),
            ("x", "cancel the run"),
            ("C  M", "clear what failed of the run, or mark it"),
            ("← →", "fold and unfold a group"),
        ],
        Screen::Log(_) => &[
            ("[  ]", "the try before, the next one"),
            ("{  }", "the element before, the next one"),
            ("n  N", "the next place that was looked for, the one before"),
            ("f", "follow the end"),
            ("w  t", "wrap lines, show times"),
            ("← →", "to the side"),
        ],
    };
    let slash = if matches!(screen, Screen::Log(_)) { "look for a text" } else { "filter by words; Esc ends it" };
    let everywhere = [
        ("/", slash),
        ("↑ ↓  k j", "one line"),
        ("PgUp PgDn", "one screen; Ctrl-U and Ctrl-D half of one"),
        ("g G", "first and last; also Home and End"),
        ("r", "look again at once"),
        ("q  Esc", "back; from the DAGs: quit"),
        ("Ctrl-C", "quit"),
    ];
    here.iter().chain(&everywhere).map(|(name, what)| key(name, what, theme)).collect()
}
