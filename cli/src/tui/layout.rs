//! How a terminal is divided. The state needs it to know what is on the screen, the view to draw it.
//!
//! From the top: a line that says where one is; what there is to say of the whole; the head of a table and its lines;
//! a rule and some lines about what is selected; the status line.

use ratatui::layout::{Constraint, Layout, Rect, Size};

use super::state::Screen;
use crate::commands::runs::tree;

/// Lines about what is selected, with the rule above them: at least, and on a high terminal.
const DETAIL: (u16, u16) = (3, 6);
/// A terminal that is lower has no room for them.
const LOW: u16 = 12;
/// Columns of a time before a line of a log.
pub(super) const TIME: usize = 9;

/// The parts of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) place: Rect,
    pub(super) facts: Rect,
    pub(super) head: Rect,
    pub(super) body: Rect,
    pub(super) detail: Rect,
    pub(super) status: Rect,
}

/// Divides a terminal for a screen.
pub(super) fn parts(screen: &Screen, area: Rect) -> Parts {
    let is_list = !matches!(screen, Screen::Log(_));
    let head = u16::from(is_list);
    let detail = if is_list && area.height >= LOW { (area.height / 6).clamp(DETAIL.0, DETAIL.1) } else { 0 };
    let facts = facts(screen).min(area.height / 4);
    let heights = [
        Constraint::Length(1),
        Constraint::Length(facts),
        Constraint::Length(head),
        Constraint::Fill(1),
        Constraint::Length(detail),
        Constraint::Length(1),
    ];
    let [place, facts, head, body, detail, status] = Layout::vertical(heights).areas(area);
    Parts { place, facts, head, body, detail, status }
}

/// How many lines there are to say of the whole.
fn facts(screen: &Screen) -> u16 {
    match screen {
        Screen::Dags(_) => 0,
        Screen::Runs(_) | Screen::Log(_) => 1,
        Screen::Run(run) => {
            let remarks = run.shown.as_ref().map_or(0, |shown| tree::remarks(shown).len());
            1 + u16::try_from(remarks).unwrap_or(u16::MAX - 1)
        }
    }
}

/// How many lines of a list are on the screen.
pub(super) fn page(screen: &Screen, size: Size) -> usize {
    usize::from(parts(screen, Rect::from((ratatui::layout::Position::ORIGIN, size))).body.height)
}

/// How many lines of a log are on the screen.
pub(super) fn log_lines(size: Size) -> usize {
    // Where one is, what there is to say of the attempt, the status line.
    usize::from(size.height.saturating_sub(if size.height < 4 { 2 } else { 3 }))
}

/// How many columns of a log are on the screen.
pub(super) fn log_columns(size: Size, has_times: bool) -> usize {
    usize::from(size.width).saturating_sub(if has_times { TIME } else { 0 })
}
