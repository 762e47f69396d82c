//! Runs the sessions of a page.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use store::Store;
use tempfile::TempDir;

use super::expected::matches;
use super::markdown::{Block, Page};
use crate::system::System;
use crate::wait::until_some;

/// A command that only looks is run again until it shows what it must: what it shows is on its way.
const LOOKS: [&str; 10] = [
    " list",
    " show ",
    " state ",
    " states-for-run ",
    " logs ",
    " why ",
    " get ",
    " details ",
    " versions ",
    " health",
];

/// A user with a home, a folder to work in, and a flowctl that runs.
pub(super) struct Session {
    system: System,
    store: Store,
    user: TempDir,
    work: TempDir,
}

/// A command of a page, and what it must do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    command: String,
    code: i32,
    output: Vec<String>,
    line: usize,
}

impl Session {
    pub(super) async fn start() -> Self {
        let system = System::with_test_database().await;
        let user = tempfile::tempdir().expect("a user's home");
        symlink(system.home(), user.path().join(".flowctl")).expect("its .flowctl");
        let store = system.store().await;
        Self { system, store, user, work: tempfile::tempdir().expect("a folder to work in") }
    }

    /// Saves the files of a page and runs its commands, in their order. How many commands there were.
    pub(super) async fn follow(mut self, page: &Page) -> usize {
        let mut commands = 0;
        for block in &page.blocks {
            if let Some(name) = block.file_name() {
                std::fs::write(self.work.path().join(name), &block.text).expect("a file of the page");
            }
            if block.is_console() {
                for step in steps(block) {
                    self.run(page, &step).await;
                    commands += 1;
                }
            }
        }
        self.store.close().await;
        assert!(self.system.terminate().await.success());
        commands
    }

    async fn run(&self, page: &Page, step: &Step) {
        let only_looks = step.command.starts_with("flowctl ")
            && LOOKS.iter().any(|verb| format!("{} ", step.command).contains(verb));
        let place = format!("{}:{}: `{}`", page.path.display(), step.line, step.command);
        let said = std::sync::Mutex::new(String::new());
        let context = || {
            let said = said.lock().expect("one thread").clone();
            format!("expected:\n{}\nprinted:\n{said}\nflowctl said:\n{}", step.output.join("\n"), self.system.stderr())
        };
        until_some(&format!("{place} prints what it must"), context, async || {
            let (code, text) = self.output_of(&step.command);
            let is_right = code == step.code && matches(&step.output, &text.lines().collect::<Vec<_>>());
            *said.lock().expect("one thread") = format!("{text}(exit code {code})");
            assert!(is_right || only_looks, "{place} does something else\n{}", context());
            is_right.then_some(())
        })
        .await;
        if step.command.starts_with("cp ") {
            self.dag_folder_was_read().await;
        }
    }

    /// What a shell prints for a command, on either stream, and its exit code.
    fn output_of(&self, command: &str) -> (i32, String) {
        let flowctl = Path::new(env!("CARGO_BIN_EXE_flowctl"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", flowctl.parent().expect("its folder").display());
        let mut shell = Command::new("bash");
        for (name, value) in self.system.command(&[]).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.args(["-c", &format!("exec 2>&1; {command}")]).stdin(Stdio::null());
        shell.current_dir(self.work.path()).env("HOME", self.user.path()).env("PATH", path).env("NO_COLOR", "1");
        let output = shell.output().expect("bash");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until each DAG file in the DAG folder is known.
    async fn dag_folder_was_read(&self) {
        let entries = std::fs::read_dir(self.system.dags()).expect("the DAG folder").filter_map(Result::ok);
        let files: Vec<String> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        until_some(
            "the DAG folder was read",
            || self.system.stderr(),
            async || {
                let known = self.store.dag_files().await.expect("the DAGs");
                files.iter().all(|file| known.iter().any(|(_, name)| name == file)).then_some(())
            },
        )
        .await;
    }
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, text) in block.text.lines().enumerate() {
        let line = block.line + index;
        match (text.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), line, ..Step::default() }),
            (None, None) => panic!("line {line}: a console block begins with `$ COMMAND`"),
            (None, Some(step)) => match text.strip_prefix("? ").filter(|_| step.output.is_empty()) {
                Some(code) => step.code = code.parse().expect("an exit code"),
                None => step.output.push(text.to_owned()),
            },
        }
    }
    steps
}

#[test]
fn a_session_is_commands_with_what_they_print() {
    let text = "$ true\n$ false\n? 1\none\n? 2\n".to_owned();
    let found = steps(&Block { info: "console".to_owned(), text, line: 10 });
    let nothing = Step { command: "true".to_owned(), line: 10, ..Step::default() };
    let output = vec!["one".to_owned(), "? 2".to_owned()];
    assert_eq!(found, [nothing, Step { command: "false".to_owned(), code: 1, output, line: 11 }]);
}
