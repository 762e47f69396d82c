//! Commands against a server, as a person or a script gives them.

mod access;
mod again;
mod assets;
mod bad_input;
mod callbacks;
mod delete;
mod listings;
mod manual;
mod newcomer;
mod pools;
mod proxy;
mod runs;
mod secrets;
mod tasks;
mod terminal;
mod tui;
mod waiting;
mod workers;

use std::io::Write;
use std::process::{Command, Stdio};

use crate::system::{PASSWORD, System};
use crate::wait::until_some;

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Its stdout; it must have succeeded.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Its stderr; it must have ended with this code, and have printed no data.
    #[track_caller]
    fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        self.stderr
    }
}

/// Runs a command to its end, with a text on its stdin.
fn run(command: &mut Command, stdin: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("flowctl starts");
    let given = child.stdin.take().expect("its stdin").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("its end");
    // A command that does not read its stdin may have ended before.
    assert!(given.is_ok() || stdin.is_empty(), "{given:?}");
    Ran {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A standalone, and who is logged in to it.
struct Site {
    system: System,
}

impl Site {
    async fn start() -> Self {
        Self::of(System::with_test_database().await)
    }

    /// Logged in to a system that runs.
    fn of(system: System) -> Self {
        let site = Self { system };
        run(&mut site.command(&["login"]), PASSWORD).done();
        site
    }

    /// The command, not started.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.system.command(arguments);
        command.env("FLOWCTL_SERVER", self.system.url());
        command
    }

    /// The token that the login left.
    fn token(&self) -> String {
        let text = std::fs::read(self.system.home().join("client.json")).expect("credentials");
        let left: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        left["token"].as_str().expect("a token").to_owned()
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), "")
    }

    /// Runs a command again and again until its stdout is as it should be.
    async fn until(&self, arguments: &[&str], is_so: impl Fn(&str) -> bool) -> String {
        let context = || format!("{:?}\n{}", self.run(arguments), self.system.stderr());
        until_some(&arguments.join(" "), context, async || Some(self.run(arguments).stdout).filter(|text| is_so(text)))
            .await
    }

    /// Puts a DAG file into the folder, and waits until the DAG is listed.
    async fn dag(&self, dag_id: &str, text: &str) {
        self.system.write_dag(&format!("{dag_id}.yaml"), text);
        self.until(&["dags", "list"], |listed| listed.lines().any(|line| line.starts_with(&format!("{dag_id}\t"))))
            .await;
    }
}
