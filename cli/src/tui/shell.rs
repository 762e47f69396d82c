//! The shell: a thread that reads keys, tasks that ask the server, the terminal, the clock.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use ratatui::crossterm::event::{self, Event as Input};
use ratatui::layout::Size;
use scheduler::ports::Clock;
use scheduler::service::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::ask::{Answer, Kind, Request, carry_out};
use super::keys::Key;
use super::state::{Effect, Event, State, Ticket};
use super::terminal::Taken;
use super::view::{self, Theme};
use crate::client::{Client, Error};
use crate::failure::Code;
use crate::output::Target;

/// How often time passes: durations on the screen count seconds.
const TICK: Duration = Duration::from_millis(250);
/// Keys that wait for being looked at. Nobody types ahead more.
const TYPED: usize = 256;

/// Shows the DAGs, or the runs of one, or a run, until a person quits.
pub(super) async fn run(client: Client, open: Option<(&str, Option<&str>)>) -> anyhow::Result<ExitCode> {
    let mut taken = Taken::take().context("the terminal cannot be used")?;
    let theme = Theme { is_colored: Target::Stdout.is_colored() };
    let size = taken.terminal.size()?;
    let mut state = State::new(client.server(), size, SystemClock.now(), open);
    let mut requests = Requests::new(client);
    let mut typed = read_keys();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut terminated, mut hung_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut effects = state.begin();
    loop {
        for effect in effects {
            match effect {
                Effect::Ask(ticket, request) => requests.send(ticket, request),
                Effect::GiveUp(kind) => requests.give_up(kind),
                Effect::Quit => return Ok(ExitCode::SUCCESS),
                Effect::Fail(error) => return Err(error.into()),
            }
        }
        // All that was typed meanwhile is drawn at once.
        if typed.is_empty() {
            taken.terminal.draw(|frame| view::draw(&state, theme, frame))?;
        }
        let event = tokio::select! {
            biased;
            input = typed.recv() => match input {
                Some(Ok(input)) => match event_of(input) {
                    Some(event) => event,
                    None => Event::Tick,
                },
                Some(Err(error)) => return Err(error).context("the keyboard cannot be read"),
                None => return Ok(ExitCode::SUCCESS),
            },
            Some(event) = requests.answered() => event,
            _ = terminated.recv() => return Ok(Code::Interrupted.into()),
            _ = hung_up.recv() => return Ok(Code::Interrupted.into()),
            _ = ticks.tick() => Event::Tick,
        };
        effects = state.update(event, SystemClock.now());
    }
}

/// Reads keys on a thread of its own, which ends with the process: a read cannot be interrupted.
fn read_keys() -> mpsc::Receiver<std::io::Result<Input>> {
    let (sender, receiver) = mpsc::channel(TYPED);
    std::thread::spawn(move || {
        loop {
            let input = event::read();
            let is_last = input.is_err();
            if sender.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

fn event_of(input: Input) -> Option<Event> {
    match input {
        Input::Key(key) => Key::of(key).map(Event::Key),
        Input::Paste(text) => Some(Event::Paste(text)),
        Input::Resize(width, height) => Some(Event::Resize(Size::new(width, height))),
        Input::FocusGained | Input::FocusLost | Input::Mouse(_) => None,
    }
}

/// The requests that are under way, at most one of a kind.
struct Requests {
    client: Client,
    all: JoinSet<(Ticket, Result<Answer, Error>)>,
    of_kind: Vec<(Kind, AbortHandle)>,
}

impl Requests {
    fn new(client: Client) -> Self {
        Self { client, all: JoinSet::new(), of_kind: Vec::new() }
    }

    fn send(&mut self, ticket: Ticket, request: Request) {
        let (kind, client) = (request.kind(), self.client.clone());
        self.give_up(kind);
        let handle = self.all.spawn(async move { (ticket, carry_out(&client, request).await) });
        self.of_kind.push((kind, handle));
    }

    fn give_up(&mut self, kind: Kind) {
        for (_, handle) in self.of_kind.extract_if(.., |(known, _)| *known == kind) {
            handle.abort();
        }
    }

    /// The next answer; none when nothing is under way, or when what ended was given up.
    async fn answered(&mut self) -> Option<Event> {
        loop {
            match self.all.join_next().await? {
                Ok((ticket, answer)) => return Some(Event::Answer(ticket, answer)),
                Err(error) if error.is_cancelled() => {}
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }
}
