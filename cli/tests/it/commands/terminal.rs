//! What is different when a person sits at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use nix::pty::{OpenptyResult, Winsize, openpty};

use super::Site;
use crate::system::PASSWORD;
use crate::wait::until_some;

/// A command in a terminal, and the keyboard and screen of that.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn open(mut command: Command) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
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

    /// Everything that was drawn so far.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("the screen")).into_owned()
    }

    /// Waits until something is on the screen.
    async fn shows(&self, part: &str) {
        until_some(part, || self.text(), async || self.text().contains(part).then_some(())).await;
    }

    /// Waits for the end of the command; its exit code.
    async fn ended(&mut self) -> Option<i32> {
        let screen = self.text();
        until_some("it ends", || screen.clone(), async || self.child.try_wait().expect("its status")).await.code()
    }
}

#[tokio::test]
async fn a_password_that_is_typed_is_not_shown() {
    let site = Site::start().await;
    let mut terminal = Terminal::open(site.command(&["login"]));
    terminal.shows("password of admin at http://127.0.0.1:").await;
    terminal.keyboard.write_all(format!("{PASSWORD}\n").as_bytes()).expect("typing");
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
