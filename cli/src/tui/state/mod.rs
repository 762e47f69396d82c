//! What the terminal UI knows, and what follows from an event: the part without a terminal, a network or a clock.
//!
//! 1. An event (a key, an answer, the passing of time) changes the state;
//! 2. the lists are settled: what is selected stays on the screen;
//! 3. what the screen on top has to know, and what is due, is asked: these are the effects.

mod answer;
mod asks;
mod dags;
mod dialog;
mod list;
mod log;
mod run;
mod runs;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Size;

pub(super) use asks::Ticket;
pub(super) use dags::Dags;
pub(super) use dialog::{Choice, Dialog, Preview, Trigger};
pub(super) use log::{Line, Log, hits};
pub(super) use run::Run;
pub(super) use runs::Runs;

use self::asks::Asks;
use self::dialog::Outcome;
use super::ask::{Answer, Change, Kind, Request};
use super::keys::{Key, paste};
use super::layout;
use crate::client::Error;

/// How long a message stays in the status line.
const NOTICE: SignedDuration = SignedDuration::from_secs(8);

/// What happens.
#[derive(Debug)]
pub(super) enum Event {
    Key(Key),
    /// Text that was pasted.
    Paste(String),
    Resize(Size),
    /// Time passes.
    Tick,
    Answer(Ticket, Result<Answer, Error>),
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    Ask(Ticket, Request),
    /// Nobody waits for requests of this kind any more.
    GiveUp(Kind),
    Quit,
    /// Quits, because of this.
    Fail(Error),
}

/// One screen.
#[derive(Debug)]
pub(super) enum Screen {
    Dags(Box<Dags>),
    Runs(Box<Runs>),
    Run(Box<Run>),
    Log(Box<Log>),
}

/// What a screen makes of a key.
#[derive(Debug)]
enum Action {
    Nothing,
    Back,
    Open(Screen),
    Ask(Dialog),
    Change(Change),
    Tell(String),
    /// Something that is shown has to be asked anew, now.
    Refresh,
}

/// Whether the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// It has not answered yet.
    New,
    /// It did when it was last asked.
    Up,
    /// It did not.
    Down {
        /// Why.
        cause: String,
        /// When it last did.
        since: Timestamp,
    },
}

/// A message in the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) text: String,
    pub(super) is_error: bool,
    until: Timestamp,
}

/// Everything that is known.
#[derive(Debug)]
pub(super) struct State {
    /// The address of the server.
    pub(super) server: String,
    /// Of the terminal.
    pub(super) size: Size,
    /// When the last event happened.
    pub(super) now: Timestamp,
    /// The last one is shown; the first are the DAGs, and are always there.
    pub(super) screens: Vec<Screen>,
    /// Lies over the screen.
    pub(super) dialog: Option<Dialog>,
    pub(super) link: Link,
    pub(super) notice: Option<Notice>,
    /// Why the screen on top cannot be refreshed, although the server answers.
    pub(super) problem: Option<(Kind, String)>,
    asks: Asks,
}

impl State {
    /// Nothing is known yet. With a DAG, and a run of it, their screens are open.
    pub(super) fn new(server: &str, size: Size, now: Timestamp, open: Option<(&str, Option<&str>)>) -> Self {
        let mut screens = vec![Screen::Dags(Box::default())];
        if let Some((dag_id, run_id)) = open {
            screens.push(Screen::Runs(Box::new(Runs::new(dag_id))));
            screens.extend(run_id.map(|run_id| Screen::Run(Box::new(Run::new(dag_id, run_id)))));
        }
        Self {
            server: server.to_owned(),
            size,
            now,
            screens,
            dialog: None,
            link: Link::New,
            notice: None,
            problem: None,
            asks: Asks::default(),
        }
    }

    /// The screen that is shown.
    pub(super) fn top(&self) -> &Screen {
        self.screens.last().expect("the DAGs are always there")
    }

    fn top_mut(&mut self) -> &mut Screen {
        self.screens.last_mut().expect("the DAGs are always there")
    }

    /// Since when an answer is waited for.
    pub(super) fn waiting_since(&self) -> Option<Timestamp> {
        self.asks.waiting_since()
    }

    /// What the first questions are.
    pub(super) fn begin(&mut self) -> Vec<Effect> {
        self.update(Event::Tick, self.now)
    }

    /// What follows from an event.
    pub(super) fn update(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.now = now;
        match event {
            Event::Key(key) => self.press(key, &mut effects),
            Event::Paste(text) => self.pasted(&text),
            Event::Resize(size) => self.size = size,
            Event::Tick => {}
            Event::Answer(ticket, answer) => self.take(ticket, answer, &mut effects),
        }
        self.notice.take_if(|notice| notice.until <= now);
        self.settle();
        self.ask(&mut effects);
        effects
    }

    fn press(&mut self, key: Key, effects: &mut Vec<Effect>) {
        if key == Key::Ctrl('c') {
            effects.push(Effect::Quit);
            return;
        }
        if let Some(dialog) = &mut self.dialog {
            let outcome = dialog.press(key);
            return self.close(outcome, effects);
        }
        let size = self.size;
        let is_typing = self.is_typing();
        if !is_typing && key == Key::Char('?') {
            self.dialog = Some(Dialog::Help);
            return;
        }
        if !is_typing && matches!(key, Key::Char('r') | Key::Ctrl('l')) {
            return self.start_over(effects);
        }
        let page = layout::page(self.top(), size);
        let action = match self.top_mut() {
            Screen::Dags(dags) => dags.press(key, page),
            Screen::Runs(runs) => runs.press(key, page),
            Screen::Run(run) => run.press(key, page),
            Screen::Log(log) => log.press(key, size),
        };
        self.act(action, effects);
    }

    /// Whether keys go into a text.
    fn is_typing(&self) -> bool {
        match self.top() {
            Screen::Dags(dags) => dags.list.is_typing,
            Screen::Runs(runs) => runs.list.is_typing,
            Screen::Run(run) => run.list.is_typing,
            Screen::Log(log) => log.is_typing,
        }
    }

    fn act(&mut self, action: Action, effects: &mut Vec<Effect>) {
        match action {
            Action::Nothing => {}
            Action::Back if self.screens.len() == 1 => effects.push(Effect::Quit),
            Action::Back => {
                self.screens.pop();
                self.start_over(effects);
            }
            Action::Open(screen) => {
                self.screens.push(screen);
                self.start_over(effects);
            }
            Action::Ask(dialog) => {
                // What is under way is about another dialog, which was closed.
                let given_up = [Kind::Preview, Kind::Params].into_iter().filter(|kind| self.asks.give_up(*kind));
                effects.extend(given_up.map(Effect::GiveUp));
                self.dialog = Some(dialog);
            }
            Action::Change(change) => self.change(change, effects),
            Action::Tell(text) => self.tell(text, false),
            Action::Refresh => self.start_over(effects),
        }
    }

    fn close(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => self.dialog = None,
            Outcome::Change(change) => {
                self.dialog = None;
                self.change(change, effects);
            }
            Outcome::Trigger { dag_id, conf } => {
                let at = self.now;
                self.change(Change::Trigger { dag_id, conf, at }, effects);
            }
        }
    }

    /// Makes a change, unless another one is still being made.
    fn change(&mut self, change: Change, effects: &mut Vec<Effect>) {
        if self.asks.is_under_way(Kind::Change) {
            if let Some(Dialog::Trigger(trigger)) = &mut self.dialog {
                trigger.is_sent = false;
            }
            return self.tell("one change at a time: the last one is still being made".to_owned(), true);
        }
        self.tell(format!("{} …", change.progress()), false);
        let ticket = self.asks.begin(Kind::Change, self.now);
        effects.push(Effect::Ask(ticket, Request::Change(change)));
    }

    fn pasted(&mut self, text: &str) {
        match &mut self.dialog {
            Some(Dialog::Trigger(trigger)) if !trigger.is_sent => {
                paste(&mut trigger.conf, text);
                trigger.problem = None;
            }
            Some(_) => {}
            None => self.paste_filter(text),
        }
    }

    fn paste_filter(&mut self, text: &str) {
        if !self.is_typing() {
            return;
        }
        match self.top_mut() {
            Screen::Dags(dags) => {
                paste(&mut dags.list.filter, text);
                dags.filter();
            }
            Screen::Runs(runs) => {
                paste(&mut runs.list.filter, text);
                runs.filter();
            }
            Screen::Run(run) => {
                paste(&mut run.list.filter, text);
                run.grow();
            }
            Screen::Log(log) => paste(&mut log.search, text),
        }
    }

    fn tell(&mut self, text: String, is_error: bool) {
        self.notice = Some(Notice { text, is_error, until: self.now + NOTICE });
    }

    /// Asks for what is shown at once, and forgets what was asked before.
    fn start_over(&mut self, effects: &mut Vec<Effect>) {
        self.problem = None;
        effects.extend(self.asks.start_over().into_iter().map(Effect::GiveUp));
    }

    fn settle(&mut self) {
        let (size, page) = (self.size, layout::page(self.top(), self.size));
        match self.top_mut() {
            Screen::Dags(dags) => dags.list.settle(dags.rows.len(), page),
            Screen::Runs(runs) => runs.list.settle(runs.rows.len(), page),
            Screen::Run(run) => run.list.settle(run.twigs.len(), page),
            Screen::Log(log) => log.settle(size),
        }
    }

    /// Asks what the screen on top and the dialog have to know and what is due.
    fn ask(&mut self, effects: &mut Vec<Effect>) {
        if effects.iter().any(|effect| matches!(effect, Effect::Quit | Effect::Fail(_))) {
            return;
        }
        let (now, page) = (self.now, layout::page(self.top(), self.size));
        let mut wanted = match self.top() {
            Screen::Dags(dags) => dags.wanted(page, now),
            Screen::Runs(runs) => vec![runs.wanted()],
            Screen::Run(run) => vec![run.wanted()],
            Screen::Log(log) => vec![log.wanted()],
        };
        wanted.extend(self.dialog.as_ref().and_then(Dialog::wanted));
        for request in wanted {
            let kind = request.kind();
            if self.asks.may(kind, now) {
                effects.push(Effect::Ask(self.asks.begin(kind, now), request));
            }
        }
    }
}
