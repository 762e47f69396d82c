//! Keys, and what they mean everywhere.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::{Input, InputRequest};

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// With what it types.
    Char(char),
    /// With the control key.
    Ctrl(char),
    Enter,
    Escape,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

impl Key {
    /// The key of a terminal's event; none for what has no meaning here.
    pub(super) fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release || event.modifiers.contains(KeyModifiers::ALT) {
            return None;
        }
        Some(match event.code {
            KeyCode::Char(c) if event.modifiers.contains(KeyModifiers::CONTROL) => Self::Ctrl(c.to_ascii_lowercase()),
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Delete => Self::Delete,
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            _ => return None,
        })
    }
}

/// A step through a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Up,
    Down,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Step {
    /// The step that a key asks for.
    pub(super) fn of(key: Key) -> Option<Self> {
        Some(match key {
            Key::Up | Key::Char('k') => Self::Up,
            Key::Down | Key::Char('j') => Self::Down,
            Key::Ctrl('u') => Self::HalfUp,
            Key::Ctrl('d') => Self::HalfDown,
            Key::PageUp | Key::Ctrl('b') => Self::PageUp,
            Key::PageDown | Key::Ctrl('f') => Self::PageDown,
            Key::Home | Key::Char('g') => Self::First,
            Key::End | Key::Char('G') => Self::Last,
            _ => return None,
        })
    }

    /// Where it leads from a position, when there are so many and so many fit on the screen.
    pub(super) fn from(self, position: usize, count: usize, page: usize) -> usize {
        let page = page.max(1);
        let to = match self {
            Self::Up => position.saturating_sub(1),
            Self::Down => position + 1,
            Self::HalfUp => position.saturating_sub(page.div_ceil(2)),
            Self::HalfDown => position + page.div_ceil(2),
            Self::PageUp => position.saturating_sub(page),
            Self::PageDown => position + page,
            Self::First => 0,
            Self::Last => usize::MAX,
        };
        to.min(count.saturating_sub(1))
    }
}

/// Types into a line; false when the key does not.
pub(super) fn edit(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace | Key::Ctrl('h') => InputRequest::DeletePrevChar,
        Key::Delete | Key::Ctrl('d') => InputRequest::DeleteNextChar,
        Key::Left | Key::Ctrl('b') => InputRequest::GoToPrevChar,
        Key::Right | Key::Ctrl('f') => InputRequest::GoToNextChar,
        Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
        Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Ctrl('u') => InputRequest::DeleteFromStart,
        Key::Ctrl('k') => InputRequest::DeleteTillEnd,
        _ => return false,
    };
    input.handle(request);
    true
}

/// Types a text that was pasted, as one line.
pub(super) fn paste(input: &mut Input, text: &str) {
    for c in text.chars() {
        input.handle(InputRequest::InsertChar(if c.is_control() { ' ' } else { c }));
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_step_never_leaves_the_list() {
        assert_eq!(Step::Up.from(0, 5, 10), 0);
        assert_eq!(Step::Down.from(4, 5, 10), 4);
        assert_eq!(Step::Down.from(0, 0, 10), 0);
        assert_eq!(Step::PageDown.from(0, 25, 10), 10);
        assert_eq!(Step::HalfUp.from(9, 25, 10), 4);
        assert_eq!(Step::Last.from(3, 25, 10), 24);
        assert_eq!(Step::PageDown.from(3, 25, 0), 4);
    }
}
