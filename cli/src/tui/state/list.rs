//! A list in which one line is selected, and a filter of it.

use tui_input::Input;

use crate::tui::keys::{Key, Step, edit};

/// Where a person is in a list.
#[derive(Debug, Clone, Default)]
pub(in crate::tui) struct List {
    /// The selected line.
    pub(in crate::tui) selected: usize,
    /// The first line on the screen.
    pub(in crate::tui) top: usize,
    /// What the lines have in common; empty: all.
    pub(in crate::tui) filter: Input,
    /// Keys go to the filter.
    pub(in crate::tui) is_typing: bool,
}

/// What a key did to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    /// It is not for lists.
    Nothing,
    /// Another line is selected, or the filter is open or closed.
    Moved,
    /// The filter is another one.
    Filtered,
}

impl List {
    /// A key, when the list has so many lines and so many of them fit on the screen.
    pub(super) fn press(&mut self, key: Key, count: usize, page: usize) -> Did {
        if self.is_typing {
            return self.type_key(key, count, page);
        }
        if key == Key::Char('/') {
            self.is_typing = true;
            return Did::Moved;
        }
        if key == Key::Escape && !self.filter.value().is_empty() {
            self.filter.reset();
            return Did::Filtered;
        }
        match Step::of(key) {
            Some(step) => {
                self.selected = step.from(self.selected, count, page);
                Did::Moved
            }
            None => Did::Nothing,
        }
    }

    fn type_key(&mut self, key: Key, count: usize, page: usize) -> Did {
        match key {
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.filter.reset();
                return Did::Filtered;
            }
            Key::Up | Key::Down | Key::PageUp | Key::PageDown => {
                let step = Step::of(key).unwrap_or(Step::Down);
                self.selected = step.from(self.selected, count, page);
            }
            key => {
                let before = self.filter.value().to_owned();
                return if edit(&mut self.filter, key) && self.filter.value() != before {
                    Did::Filtered
                } else {
                    Did::Moved
                };
            }
        }
        Did::Moved
    }

    /// Keeps the selected line in the list, and on the screen.
    pub(super) fn settle(&mut self, count: usize, page: usize) {
        self.selected = self.selected.min(count.saturating_sub(1));
        let page = page.max(1);
        self.top = self.top.min(count.saturating_sub(page)).min(self.selected);
        if self.selected >= self.top + page {
            self.top = self.selected + 1 - page;
        }
    }

    /// Whether what the filter says is in one of the texts: each of its words, whatever their case.
    pub(super) fn keeps(&self, texts: &[&str]) -> bool {
        let filter = self.filter.value().to_lowercase();
        let texts: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
        filter.split_whitespace().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}
