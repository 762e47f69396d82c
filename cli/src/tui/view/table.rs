//! Columns with one line for each entry, of which those on the screen are drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use crate::tui::text::{fit, width};

/// Columns between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// What its values take.
    pub(super) natural: usize,
    /// It is never narrower; if there is no room for that it is left out.
    pub(super) least: usize,
    /// The column with the highest rank is left out first; those of rank 0 never are.
    pub(super) rank: u8,
}

impl Column {
    /// A column for values, none of which takes more columns than `most`.
    pub(super) fn of<'a>(
        title: &'static str,
        values: impl Iterator<Item = &'a str>,
        least: usize,
        most: usize,
    ) -> Self {
        let natural = values.map(width).max().unwrap_or_default().max(title.len()).min(most);
        Self { title, natural, least: least.min(natural), rank: 0 }
    }

    /// One that may be left out.
    pub(super) const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

/// A value: spans are cut at its end when it is too long.
pub(super) type Cell = Vec<Span<'static>>;

/// How wide each column is, in so many columns of a terminal; 0: it is left out.
fn widths(columns: &[Column], room: usize) -> Vec<usize> {
    let mut widths: Vec<_> = columns.iter().map(|column| column.natural).collect();
    loop {
        let shown = widths.iter().filter(|width| **width > 0).count();
        let taken = widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1);
        let excess = taken.saturating_sub(room);
        if excess == 0 {
            return widths;
        }
        let slack = |position: &usize| widths[*position].saturating_sub(columns[*position].least);
        let widest = (0..columns.len()).rev().max_by_key(slack).filter(|position| slack(position) > 0);
        if let Some(position) = widest {
            // A bit at a time, so that the widest ones become equally wide.
            widths[position] -= excess.min(slack(&position)).div_ceil(4);
            continue;
        }
        let left_out = (0..columns.len())
            .filter(|position| widths[*position] > 0 && columns[*position].rank > 0)
            .max_by_key(|position| columns[*position].rank);
        let Some(position) = left_out else { return widths };
        widths[position] = 0;
        // What was made narrower may not have to be.
        for (position, width) in widths.iter_mut().enumerate().filter(|(_, width)| **width > 0) {
            *width = columns[position].natural;
        }
    }
}

/// Where a table is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) head: Rect,
    pub(super) body: Rect,
    /// The line that is selected, counted from the first on the screen.
    pub(super) selected: Option<usize>,
}

/// Draws the titles and the lines that are on the screen.
pub(super) fn draw(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<Cell>>,
    place: Place,
    theme: Theme,
    buffer: &mut Buffer,
) {
    let Place { head, body, selected } = place;
    // A column at each side, so that a selected line looks like a bar.
    let widths = widths(columns, usize::from(body.width).saturating_sub(2));
    let titles = columns.iter().map(|column| vec![Span::styled(column.title.to_uppercase(), theme.dim())]);
    if head.height > 0 {
        row(&titles.collect::<Vec<_>>(), &widths, head, buffer);
    }
    for ((position, cells), y) in rows.enumerate().zip(body.top()..body.bottom()) {
        let line = Rect { y, height: 1, ..body };
        row(&cells, &widths, line, buffer);
        if selected == Some(position) {
            buffer.set_style(line, theme.selected());
        }
    }
}

fn row(cells: &[Cell], widths: &[usize], line: Rect, buffer: &mut Buffer) {
    let mut x = usize::from(line.x) + 1;
    for (cell, columns) in cells.iter().zip(widths).filter(|(_, columns)| **columns > 0) {
        let room = columns.min(&usize::from(line.right()).saturating_sub(x)).to_owned();
        let Ok(at) = u16::try_from(x) else { return };
        if room == 0 || at >= line.right() {
            return;
        }
        buffer.set_line(at, line.y, &fitted(cell, room), u16::try_from(room).unwrap_or(u16::MAX));
        x += columns + GAP;
    }
}

/// Spans in at most so many columns; what is too long ends with `…`.
pub(super) fn fitted(spans: &[Span<'static>], room: usize) -> Line<'static> {
    let total: usize = spans.iter().map(Span::width).sum();
    if total <= room {
        return Line::from(spans.to_vec());
    }
    let (mut left, mut kept) = (room, Vec::new());
    for span in spans {
        let is_last = span.width() >= left;
        // Where another span follows, the mark at this one's end has to say that something is missing.
        let text = if is_last && span.width() == left && total > room {
            format!("{} ", span.content)
        } else {
            span.content.to_string()
        };
        let text = fit(&text, left);
        left -= width(&text).min(left);
        kept.push(Span::styled(text, span.style));
        if is_last {
            break;
        }
    }
    Line::from(kept)
}

/// A text from the server as a value.
pub(super) fn plain(text: &str) -> Cell {
    vec![Span::raw(crate::tui::text::clean(text).into_owned())]
}

/// A text from the server as a value with a style.
pub(super) fn styled(text: &str, style: Style) -> Cell {
    vec![Span::styled(crate::tui::text::clean(text).into_owned(), style)]
}

#[cfg(test)]
mod tests {
    use super::{Column, widths};

    fn column(natural: usize, least: usize, rank: u8) -> Column {
        Column { title: "", natural, least, rank }
    }

    #[test]
    fn the_widest_columns_give_way_first_and_then_the_least_important_is_left_out() {
        let columns = [column(40, 10, 0), column(10, 10, 1), column(30, 10, 0), column(8, 8, 2)];
        assert_eq!(widths(&columns, 200), [40, 10, 30, 8]);
        let narrow = widths(&columns, 60);
        assert_eq!(narrow.iter().sum::<usize>() + 6, 60);
        assert_eq!((narrow[1], narrow[3]), (10, 8));
        assert_eq!(widths(&columns, 35)[3], 0);
        assert_eq!(widths(&columns, 20), [10, 0, 10, 0], "what is important stays, and is cut");
    }
}
