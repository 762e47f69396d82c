//! From a place in a scalar's text to its place in the file: indentation, folded lines and escapes lie between.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use super::node::Place;

/// Where a part of the text of the scalar at `at` stands in the file; none when the two cannot be brought together.
pub(super) fn locate(text: &str, range: Range<usize>, at: Place, lines: &[&str]) -> Option<Place> {
    let mut source = Source::open(at, lines)?;
    let mut start = None;
    let mut length = 0;
    for (offset, character) in text.char_indices() {
        let Some(position) = source.take(character) else {
            start?;
            break;
        };
        if offset < range.start {
            continue;
        }
        let first = *start.get_or_insert(position);
        // The rest of a part that goes on in the next line is left out: a caret line is one line.
        if offset >= range.end || position.0 != first.0 {
            break;
        }
        length = position.1 + 1 - first.1;
    }
    let (row, column) = match start {
        Some(start) => start,
        // The end of the text: an unclosed brace.
        None => source.end(),
    };
    Some(Place {
        line: u32::try_from(row + 1).ok()?,
        column: u32::try_from(column + 1).ok()?,
        length: u32::try_from(length.max(1)).ok()?,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

/// The header (`|`, `>-`, `|2`) of the block whose content begins at a row, the place that the parser gives to a block.
fn block_header(lines: &[&str], row: usize) -> Option<(usize, Style, Option<u32>)> {
    let (header, line) = lines.iter().enumerate().take(row).rev().find(|(_, line)| !line.trim().is_empty())?;
    let line = line.split(" #").next()?;
    let mut indicators = line.split_whitespace().last()?.chars();
    let style = match indicators.next()? {
        '|' => Style::Literal,
        '>' => Style::Folded,
        _ => return None,
    };
    let rest = indicators.as_str();
    let is_header = rest.chars().all(|character| character.is_ascii_digit() || matches!(character, '+' | '-'));
    is_header.then(|| (header, style, rest.chars().find_map(|character| character.to_digit(10))))
}

/// A scalar's source, read in step with its text.
struct Source<'l> {
    lines: &'l [&'l str],
    style: Style,
    /// From 0.
    row: usize,
    /// Characters before the next one.
    column: usize,
    line: Peekable<CharIndices<'l>>,
    /// Of a block: how much of each line is not content.
    indent: usize,
}

impl<'l> Source<'l> {
    fn open(at: Place, lines: &'l [&'l str]) -> Option<Self> {
        let row = (at.line as usize).checked_sub(1)?;
        let column = (at.column as usize).checked_sub(1)?;
        let line = *lines.get(row)?;
        let mut source =
            Self { lines, style: Style::Plain, row, column: 0, line: line.char_indices().peekable(), indent: 0 };
        if line.chars().take(column).all(|character| character == ' ')
            && let Some((header, style, given)) = block_header(lines, row)
        {
            source.style = style;
            source.row = header;
            source.indent = source.indentation(header, given);
            source.next_row()?;
            return Some(source);
        }
        source.skip(column);
        source.style = match source.line.peek()?.1 {
            '\'' => Style::Single,
            '"' => Style::Double,
            _ => Style::Plain,
        };
        if source.style != Style::Plain {
            source.skip(1);
        }
        Some(source)
    }

    /// That of the first line with content, or of the header's line and what the header adds.
    fn indentation(&self, header: usize, given: Option<u32>) -> usize {
        let leading = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let first = self.lines.iter().skip(header + 1).find(|line| !line.trim().is_empty());
        match given {
            Some(more) => {
                let around = self.lines.get(header).map_or("", |line| *line);
                let dashes = around.len() - around.trim_start_matches([' ', '-']).len();
                dashes + more as usize
            }
            None => first.map_or(0, |line| leading(line)),
        }
    }

    fn is_block(&self) -> bool {
        matches!(self.style, Style::Literal | Style::Folded)
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            if self.line.next().is_some() {
                self.column += 1;
            }
        }
    }

    fn next_row(&mut self) -> Option<()> {
        let line = *self.lines.get(self.row + 1)?;
        self.row += 1;
        self.column = 0;
        self.line = line.char_indices().peekable();
        if self.is_block() {
            self.skip(self.indent);
        } else {
            while self.line.peek().is_some_and(|(_, character)| matches!(character, ' ' | '\t')) {
                self.skip(1);
            }
        }
        Some(())
    }

    const fn end(&self) -> (usize, usize) {
        (self.row, self.column.saturating_sub(1))
    }

    /// Where the next character of the text stands.
    fn take(&mut self, wanted: char) -> Option<(usize, usize)> {
        let position = (self.row, self.column);
        match self.line.peek().map(|(_, character)| *character) {
            Some('\\') if self.style == Style::Double => self.escape(wanted),
            Some('\'') if self.style == Style::Single && wanted == '\'' => {
                self.skip(2);
                Some(position)
            }
            Some(' ' | '\t') if matches!(wanted, ' ' | '\n') && !self.is_block() && self.is_at_line_end() => {
                self.fold(wanted)
            }
            Some(character) if character == wanted => {
                self.skip(1);
                Some(position)
            }
            None if matches!(wanted, ' ' | '\n') => self.fold(wanted),
            // The first of several line breaks stands for nothing.
            None if self.style != Style::Literal => {
                self.next_row()?;
                self.take(wanted)
            }
            Some(_) | None => None,
        }
    }

    fn is_at_line_end(&self) -> bool {
        self.line.clone().all(|(_, character)| matches!(character, ' ' | '\t'))
    }

    /// A line break: itself in a literal block, in the other styles a blank, or one less than there are.
    fn fold(&mut self, wanted: char) -> Option<(usize, usize)> {
        let position = (self.row, self.column);
        self.next_row()?;
        (wanted == '\n' || self.style != Style::Literal).then_some(position)
    }

    fn escape(&mut self, wanted: char) -> Option<(usize, usize)> {
        let position = (self.row, self.column);
        self.skip(1);
        let Some((_, kind)) = self.line.peek().copied() else {
            // An escaped line break stands for nothing.
            self.next_row()?;
            return self.take(wanted);
        };
        self.skip(match kind {
            'x' => 3,
            'u' => 5,
            'U' => 9,
            _ => 1,
        });
        Some(position)
    }
}
