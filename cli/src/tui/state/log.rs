//! The log of an attempt of a task instance.

use api::{LogMessage, TaskInstance};
use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Size;
use tui_input::Input;

use super::Action;
use crate::commands::runs::{Attempt, has_ended};
use crate::tui::ask::{self, Name, Request};
use crate::tui::keys::{Key, Step, edit};
use crate::tui::{layout, text};

/// While the attempt goes on.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Once the task has ended: somebody may clear it.
const IDLE_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// Lines that are kept: the last ones.
const KEPT: usize = 100_000;
/// How many are dropped at once when there are more.
const DROPPED: usize = KEPT / 10;
/// How many columns a step to the side is.
const ASIDE: usize = 16;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Line {
    pub(in crate::tui) at: Option<Timestamp>,
    /// Nothing in it does something to a terminal.
    pub(in crate::tui) text: String,
    /// flowctl itself says it, not the task.
    pub(in crate::tui) is_own: bool,
}

/// The screen.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::tui) struct Log {
    pub(in crate::tui) name: Name,
    /// Elements of the mapped task.
    pub(in crate::tui) elements: Vec<i32>,
    /// Which attempt; none: the newest.
    chosen: Option<u32>,
    /// None: not known yet.
    pub(in crate::tui) instance: Option<TaskInstance>,
    /// Why it waits, or ended so.
    pub(in crate::tui) why: String,
    /// What was read of which attempt; none: there is no attempt.
    pub(in crate::tui) attempt: Option<Attempt>,
    pub(in crate::tui) lines: Vec<Line>,
    /// How many lines before them were dropped.
    pub(in crate::tui) dropped: usize,
    /// The first line on the screen.
    pub(in crate::tui) top: usize,
    /// The last line stays on the screen.
    pub(in crate::tui) is_following: bool,
    /// The first column on the screen.
    pub(in crate::tui) left: usize,
    pub(in crate::tui) wraps: bool,
    pub(in crate::tui) has_times: bool,
    /// What is looked for.
    pub(in crate::tui) search: Input,
    /// Keys go to what is looked for.
    pub(in crate::tui) is_typing: bool,
    /// The line where it was found.
    pub(in crate::tui) found: Option<usize>,
}

impl Log {
    pub(super) fn new(name: Name, elements: Vec<i32>) -> Self {
        Self {
            name,
            elements,
            chosen: None,
            instance: None,
            why: String::new(),
            attempt: None,
            lines: Vec::new(),
            dropped: 0,
            top: 0,
            is_following: true,
            left: 0,
            wraps: false,
            has_times: false,
            search: Input::default(),
            is_typing: false,
            found: None,
        }
    }

    pub(super) fn wanted(&self) -> Request {
        Request::Log { name: self.name.clone(), chosen: self.chosen, attempt: self.attempt.clone() }
    }

    pub(super) fn take(&mut self, part: ask::Log) -> SignedDuration {
        if self.attempt.as_ref().map(|known| known.try_number) != part.attempt.as_ref().map(|read| read.try_number) {
            self.forget();
        }
        let has_more = !part.added.is_empty() && part.attempt.as_ref().is_some_and(|attempt| !attempt.is_over);
        let is_going_on = part.attempt.as_ref().is_some_and(|attempt| !attempt.is_over) || !has_ended(&part.instance);
        self.lines.extend(part.added.iter().flat_map(lines));
        if self.lines.len() > KEPT {
            let dropped = self.lines.len() - KEPT + DROPPED;
            self.lines.drain(..dropped);
            self.dropped += dropped;
            self.top = self.top.saturating_sub(dropped);
            self.found = self.found.and_then(|line| line.checked_sub(dropped));
        }
        (self.instance, self.why, self.attempt) = (Some(part.instance), part.why, part.attempt);
        match (has_more, is_going_on) {
            (true, _) => SignedDuration::ZERO,
            (false, true) => BUSY_PAUSE,
            (false, false) => IDLE_PAUSE,
        }
    }

    /// Forgets the lines: another attempt is read.
    fn forget(&mut self) {
        self.lines.clear();
        self.attempt = None;
        (self.dropped, self.top, self.left, self.found) = (0, 0, 0, None);
        self.is_following = true;
    }

    pub(super) fn press(&mut self, key: Key, size: Size) -> Action {
        if self.is_typing {
            self.type_key(key, size);
            return Action::Nothing;
        }
        if let Some(step) = Step::of(key) {
            self.step(step, size);
            return Action::Nothing;
        }
        match key {
            Key::Escape if !self.search.value().is_empty() => {
                self.search.reset();
                self.found = None;
            }
            Key::Char('q') | Key::Escape => return Action::Back,
            Key::Char('/') => {
                self.search.reset();
                self.is_typing = true;
            }
            Key::Char('n') => self.find(self.found.map_or(self.top, |line| line + 1), true, size),
            Key::Char('N') => self.find(self.found.unwrap_or(self.top), false, size),
            Key::Char('f') => self.is_following = !self.is_following,
            Key::Char('w') => (self.wraps, self.left) = (!self.wraps, 0),
            Key::Char('t') => self.has_times = !self.has_times,
            Key::Left => self.left = self.left.saturating_sub(ASIDE),
            Key::Right if !self.wraps => self.left = (self.left + ASIDE).min(self.widest(size)),
            Key::Char('[') => return self.choose(-1),
            Key::Char(']') => return self.choose(1),
            Key::Char('{') => return self.move_to_element(-1),
            Key::Char('}') => return self.move_to_element(1),
            _ => {}
        }
        Action::Nothing
    }

    fn type_key(&mut self, key: Key, size: Size) {
        match key {
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.search.reset();
                self.found = None;
            }
            key => {
                edit(&mut self.search, key);
                let from = self.found.unwrap_or(self.top);
                self.find(from, true, size);
            }
        }
    }

    fn step(&mut self, step: Step, size: Size) {
        let page = layout::log_lines(size);
        let end = self.end(size);
        self.top = step.from(self.top, end + 1, page);
        self.is_following = self.top == end;
    }

    /// The first line on the screen when the last one is at its bottom.
    fn end(&self, size: Size) -> usize {
        let page = layout::log_lines(size);
        if !self.wraps {
            return self.lines.len().saturating_sub(page);
        }
        let columns = layout::log_columns(size, self.has_times);
        let mut rows = 0;
        let fitting = self.lines.iter().rev().take_while(|line| {
            rows += rows_of(line, columns);
            rows <= page
        });
        let fitting = fitting.count().max(usize::from(!self.lines.is_empty()));
        self.lines.len() - fitting
    }

    /// How far one may go to the right: until the end of the longest line on the screen is there.
    fn widest(&self, size: Size) -> usize {
        let shown = self.lines.iter().skip(self.top).take(layout::log_lines(size));
        let widest = shown.map(|line| text::width(&line.text)).max().unwrap_or_default();
        widest.saturating_sub(layout::log_columns(size, self.has_times))
    }

    pub(super) fn settle(&mut self, size: Size) {
        let end = self.end(size);
        self.top = if self.is_following { end } else { self.top.min(end) };
    }

    /// Goes to a line with what is looked for, from a line on; around the end when there is none after it.
    fn find(&mut self, from: usize, is_forward: bool, size: Size) {
        let (word, count) = (self.search.value(), self.lines.len());
        if word.is_empty() || count == 0 {
            self.found = None;
            return;
        }
        let matches = |line: &usize| !hits(&self.lines[*line].text, word).is_empty();
        let from = from.min(count);
        self.found = if is_forward {
            (from..count).chain(0..from).find(matches)
        } else {
            (0..from).rev().chain((from..count).rev()).find(matches)
        };
        let page = layout::log_lines(size);
        if let Some(line) = self.found
            && !(self.top..self.top + page).contains(&line)
        {
            self.top = line.saturating_sub(page / 2);
        }
        self.is_following &= self.found.is_none();
    }

    /// The attempt before or after the one that is shown.
    fn choose(&mut self, by: i64) -> Action {
        let newest = self.instance.as_ref().map_or(0, |instance| instance.try_number);
        let shown = self.attempt.as_ref().map_or(newest, |attempt| attempt.try_number);
        let wanted = u32::try_from(i64::from(shown) + by).unwrap_or_default();
        if wanted == 0 || wanted > newest {
            return Action::Tell(match newest {
                0 => "it has not been tried yet".to_owned(),
                newest if by > 0 => format!("{newest} is its newest try"),
                _ => "there is no try before the first".to_owned(),
            });
        }
        // The newest one is followed by the next one, if it is tried again.
        self.chosen = Some(wanted).filter(|wanted| *wanted < newest);
        self.forget();
        Action::Refresh
    }

    /// The element before or after the one that is shown.
    fn move_to_element(&mut self, by: isize) -> Action {
        let at = self.elements.iter().position(|element| *element == self.name.map_index);
        let next = at.and_then(|at| at.checked_add_signed(by)).and_then(|at| self.elements.get(at));
        match next {
            Some(element) => {
                self.name.map_index = *element;
                (self.chosen, self.instance) = (None, None);
                self.why.clear();
                self.forget();
                Action::Refresh
            }
            None if self.name.map_index < 0 => Action::Tell("it is not mapped: it has no elements".to_owned()),
            None => Action::Tell(format!("it has {} elements", self.elements.len())),
        }
    }
}

/// How many rows of the screen a line takes when it is wrapped.
pub(in crate::tui) fn rows_of(line: &Line, columns: usize) -> usize {
    text::width(&line.text).div_ceil(columns.max(1)).max(1)
}

/// Where a word is in a text, as ranges of bytes; with regard to case if it has capital letters.
pub(in crate::tui) fn hits(text: &str, word: &str) -> Vec<std::ops::Range<usize>> {
    if word.is_empty() {
        return Vec::new();
    }
    let is_exact = word.chars().any(char::is_uppercase);
    // Only ASCII: other letters may change their length, and with it all places.
    let haystack = if is_exact { text.to_owned() } else { text.to_ascii_lowercase() };
    haystack.match_indices(word).map(|(at, found)| at..at + found.len()).collect()
}

/// A message, line by line.
fn lines(message: &LogMessage) -> impl Iterator<Item = Line> {
    let is_own = message.logger.as_deref() == Some("flowctl");
    message.event.split('\n').map(move |line| Line {
        at: message.timestamp,
        text: text::clean(line).into_owned(),
        is_own,
    })
}
