//! The processes of tasks, found as the executor itself finds orphans: by the mark in their environment.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A living process with the mark of an executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) pid: i32,
    environment: Vec<String>,
}

impl Marked {
    /// A variable of its environment, as it was when the process started.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The living processes of tasks of the flowctl that has this home.
pub(crate) fn of_home(home: &Path) -> Vec<Marked> {
    let mark = format!("{}={}", worker::EXECUTOR_MARK, worker::executor_id(home));
    let entries = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            let bytes = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            let environment: Vec<String> =
                bytes.split(|byte| *byte == 0).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            (environment.contains(&mark) && is_alive(pid)).then_some(Marked { pid, environment })
        })
        .collect()
}

/// Whether the process exists and has not ended (a zombie has).
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// SIGKILL to each.
pub(crate) fn end(processes: &[Marked]) {
    for process in processes {
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
}

/// The processes that `parent` started and that live.
pub(crate) fn children_of(parent: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
