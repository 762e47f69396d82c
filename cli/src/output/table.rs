//! Tables in a terminal.

use anstyle::AnsiColor;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::cell::Cell;

/// Where something is drawn: that decides about its width and its colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    Stderr,
}

impl Target {
    /// Whether colours are wanted there: in a terminal, and without `NO_COLOR`.
    pub(crate) fn is_colored(self) -> bool {
        let choice = match self {
            Self::Stdout => anstream::AutoStream::choice(&std::io::stdout()),
            Self::Stderr => anstream::AutoStream::choice(&std::io::stderr()),
        };
        choice != anstream::ColorChoice::Never
    }
}

/// What is left for the last column of a table that is too wide.
const NARROWEST: u16 = 24;

/// Columns, aligned by what a terminal shows of each value. In a terminal the last one is wrapped, which is the one with
/// prose if any has; ids and times stay whole, so that they can be copied.
pub(crate) fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>, target: Target) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if target == Target::Stderr {
        table.use_stderr();
    }
    if !titles.is_empty() {
        table.set_header(titles.iter().map(|title| title.to_uppercase()));
    }
    let is_colored = target.is_colored();
    if is_colored {
        table.enforce_styling();
    }
    for row in rows {
        table.add_row(row.into_iter().map(|cell| table_cell(cell, is_colored)));
    }
    let last = table.column_count().saturating_sub(1);
    for (position, column) in table.column_iter_mut().enumerate() {
        let whole = ColumnConstraint::ContentWidth;
        let wrapped = ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST));
        column.set_padding((0, 2)).set_constraint(if position == last { wrapped } else { whole });
    }
    table.trim_fmt()
}

fn table_cell(cell: Cell, is_colored: bool) -> comfy_table::Cell {
    use comfy_table::Color;
    let shown = comfy_table::Cell::new(cell.text);
    let Some(color) = cell.color.filter(|_| is_colored) else { return shown };
    shown.fg(match color {
        AnsiColor::Green => Color::Green,
        AnsiColor::Red => Color::Red,
        AnsiColor::Cyan => Color::Cyan,
        AnsiColor::Yellow => Color::Yellow,
        _ => Color::Magenta,
    })
}
