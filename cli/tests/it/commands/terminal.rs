//! What is different when a person sits at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use super::Site;
use crate::system::PASSWORD;
use crate::wait::until_some;

/// Lines and columns of the terminal.
const SIZE: (u16, u16) = (40, 100);

/// A command in a terminal, and the keyboard and screen of that.
pub(super) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    pub(super) fn open(mut command: Command) -> Self {
        let (ws_row, ws_col) = SIZE;
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a terminal");
        let end = || slave.try_clone().expect("its end");
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("flowctl starts");
        let keyboard = File::from(master);
        let screen = Arc::<Mutex<Vec<u8>>>::default();
        let (mut shown, drawn) = (keyboard.try_clone().expect("the screen"), screen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The read fails once nobody has the other end.
            while let Ok(length @ 1..) = shown.read(&mut bytes) {
                drawn.lock().expect("the screen").extend_from_slice(&bytes[..length]);
            }
        });
        Self { child, keyboard, screen }
    }

    /// Everything that was drawn so far, with what the terminal obeyed.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("the screen")).into_owned()
    }

    /// What a person sees now.
    pub(super) fn screen(&self) -> vt100::Parser {
        let [rows, columns] = [SIZE.0, SIZE.1].map(|count| NonZero::new(count).expect("a size"));
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.screen.lock().expect("the screen"));
        parser
    }

    /// Waits until a person sees something.
    pub(super) async fn sees(&self, part: &str) {
        let seen = || self.screen().screen().contents();
        until_some(part, seen, async || seen().contains(part).then_some(())).await;
    }

    /// Presses keys.
    pub(super) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typing");
    }

    /// What the terminal does with keys and lines by itself.
    pub(super) fn modes(&self) -> LocalFlags {
        tcgetattr(&self.keyboard).expect("its modes").local_flags
    }

    /// Waits until something was drawn.
    async fn shows(&self, part: &str) {
        until_some(part, || self.text(), async || self.text().contains(part).then_some(())).await;
    }

    /// Waits for the end of the command; its exit code.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        let screen = self.text();
        until_some("it ends", || screen.clone(), async || self.child.try_wait().expect("its status")).await.code()
    }
}

#[tokio::test]
async fn a_password_that_is_typed_is_not_shown() {
    let site = Site::start().await;
    let mut terminal = Terminal::open(site.command(&["login"]));
    terminal.shows("password of admin at http://127.0.0.1:").await;
    terminal.press(&format!("{PASSWORD}\n"));
    terminal.shows("logged in to").await;
    assert_eq!(terminal.ended().await, Some(0));
    assert!(!terminal.text().contains(PASSWORD), "{}", terminal.text());
}

#[tokio::test]
async fn a_run_is_waited_for_with_a_bar_and_states_have_colours() {
    let site = Site::start().await;
    site.dag("one", "tasks:\n  - id: only\n    bash: echo seen\n").await;
    let mut terminal = Terminal::open(site.command(&["dags", "trigger", "one", "--wait", "--logs"]));
    assert_eq!(terminal.ended().await, Some(0), "{}", terminal.text());
    terminal.shows("only |").await;
    terminal.shows(" seen").await;
    terminal.shows("━━━ 1 of 1").await;
    terminal.shows("\u{1b}[32m✓ success").await;

    let mut terminal = Terminal::open(site.command(&["runs", "list"]));
    assert_eq!(terminal.ended().await, Some(0));
    terminal.shows("DAG_ID").await;
    let mut terminal = Terminal::open(site.command(&["runs", "watch", "one", "latest"]));
    assert_eq!(terminal.ended().await, Some(0));
    terminal.shows("└─ only").await;
}
