//! Colours: of states those that `runs show` has, and none where none are wanted.

use anstyle::AnsiColor;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use crate::output::{color, glyph};
use crate::tui::text::clean;

/// Whether colours are wanted.
#[derive(Debug, Clone, Copy)]
pub(in crate::tui) struct Theme {
    pub(in crate::tui) is_colored: bool,
}

#[expect(clippy::unused_self, reason = "some styles are the same without colours")]
impl Theme {
    fn fg(self, color: Color) -> Style {
        if self.is_colored { Style::new().fg(color) } else { Style::new() }
    }

    /// Of a state.
    pub(super) fn state(self, state: &str) -> Style {
        match color(state) {
            None => Style::new(),
            Some(AnsiColor::Green) => self.fg(Color::Green),
            Some(AnsiColor::Red) => self.fg(Color::Red),
            Some(AnsiColor::Cyan) => self.fg(Color::Cyan),
            Some(AnsiColor::Yellow) => self.fg(Color::Yellow),
            Some(_) => self.fg(Color::Magenta),
        }
    }

    /// A state with its sign.
    pub(super) fn named_state(self, state: &str) -> Span<'static> {
        Span::styled(format!("{} {}", glyph(state), clean(state)), self.state(state))
    }

    /// Of what is less important.
    pub(super) const fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) const fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Of the selected line.
    pub(super) const fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Of what went wrong.
    pub(super) fn error(self) -> Style {
        self.fg(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Of what keeps something.
    pub(super) fn warning(self) -> Style {
        self.fg(Color::Yellow)
    }

    /// Of keys, and of frames.
    pub(super) fn accent(self) -> Style {
        self.fg(Color::Cyan)
    }

    /// Of what was looked for.
    pub(super) fn hit(self) -> Style {
        if self.is_colored {
            Style::new().fg(Color::Black).bg(Color::Yellow)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }
}
