//! Taking the terminal, and giving it back whatever happens.

use std::io::{Result, stdout};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;

/// The terminal while it is taken: its other screen, without echo. It is given back when this is dropped, and before the
/// message of a panic is printed.
pub(super) struct Taken {
    pub(super) terminal: DefaultTerminal,
}

impl Taken {
    pub(super) fn take() -> Result<Self> {
        let terminal = ratatui::try_init()?;
        let taken = Self { terminal };
        // Else a pasted line break would be a key that starts something.
        execute!(stdout(), EnableBracketedPaste)?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = execute!(stdout(), DisableBracketedPaste);
            before(panic);
        }));
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let _ = execute!(stdout(), DisableBracketedPaste);
        // What cannot be given back cannot be told either.
        let _ = self.terminal.show_cursor();
        ratatui::restore();
    }
}
