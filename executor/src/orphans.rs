//! Ends the processes that a crashed predecessor left running.
//!
//! They are found by the mark in their environment, which children inherit, so that also those that left their process
//! group are found. Whoever scrubbed the mark but stayed in the group of a marked one ends with it.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp};
use tokio::time::Instant;
use worker::EXECUTOR_MARK;

/// How long orphans have after SIGTERM. Short: a service that starts waits for it.
const SOFT: Duration = Duration::from_secs(2);
/// How long SIGKILL may take before the start goes on: a process that hangs in the kernel cannot be waited for.
const HARD: Duration = Duration::from_secs(10);
/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// A living process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    /// In clock ticks after the machine's start; with the pid it names a process for ever.
    started: u64,
}

/// Ends every process marked with `executor_id` and its group: SIGTERM, then SIGKILL; waits until they are gone.
/// Spares this process, its ancestors and their groups. How many there were.
pub async fn end_orphans(executor_id: &str) -> usize {
    end_marked(&format!("{EXECUTOR_MARK}={executor_id}")).await
}

/// The same for every process with a variable of its environment, `NAME=value`.
pub(crate) async fn end_marked(variable: &str) -> usize {
    let mark = variable.as_bytes();
    let mut left = find(mark, &BTreeSet::new());
    if left.is_empty() {
        return 0;
    }
    tracing::warn!(mark = variable, processes = left.len(), "ending processes that were left running");
    let started = Instant::now();
    let mut ended = left.clone();
    signal_all(&left, Signal::SIGTERM);
    while !left.is_empty() && started.elapsed() < SOFT + HARD {
        tokio::time::sleep(LOOK).await;
        left = find(mark, &left);
        ended.extend(left.iter().cloned());
        if started.elapsed() >= SOFT {
            // At each look, because they may have forked in between.
            signal_all(&left, Signal::SIGKILL);
        }
    }
    if !left.is_empty() {
        let pids: Vec<_> = left.iter().map(|process| process.pid).collect();
        tracing::error!(mark = variable, ?pids, "these processes do not end");
    }
    ended.len()
}

/// One by one, each seen alive a moment ago: a group's number could belong to others by the time it is signalled.
fn signal_all(processes: &BTreeSet<Process>, signal: Signal) {
    for process in processes {
        let _ = kill(Pid::from_raw(process.pid), signal);
    }
}

/// The marked processes, what was `known` before and still lives, and all members of the groups of both.
fn find(mark: &[u8], known: &BTreeSet<Process>) -> BTreeSet<Process> {
    let living = living();
    let (spared, spared_groups) = spared(&living);
    let may_end = |process: &Process| !spared.contains(&process.pid) && !spared_groups.contains(&process.group);
    let groups: BTreeSet<i32> = living
        .iter()
        .filter(|process| may_end(process) && (known.contains(*process) || is_marked(process.pid, mark)))
        .map(|process| process.group)
        .collect();
    living.into_iter().filter(|process| may_end(process) && groups.contains(&process.group)).collect()
}

/// This process and its ancestors, and their groups: a service started from a task of its own must not end itself.
fn spared(living: &[Process]) -> (BTreeSet<i32>, BTreeSet<i32>) {
    let mut pids = BTreeSet::new();
    let mut groups = BTreeSet::from([getpgrp().as_raw()]);
    let mut next = std::process::id().cast_signed();
    while pids.insert(next) {
        if let Some(process) = living.iter().find(|process| process.pid == next) {
            groups.insert(process.group);
            next = process.parent;
        }
    }
    (pids, groups)
}

fn living() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// A process that belongs to somebody else has no environment that we may read.
fn is_marked(pid: i32, mark: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == mark))
}

/// From `/proc/PID/stat`; the command is in parentheses and may contain some. None for a zombie: it has ended.
fn read(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    // Numbered from 3 in proc(5): state, ppid, pgrp, …, starttime is the 22nd.
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}
