//! Watches over one running process: its output, its timeout, its stop, and the rest of its group at the end.

use std::process::ExitStatus;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::lines::Lines;
use crate::log::Stream;
use crate::output::Output;

/// How long the pipes are still read once the process and its group are gone: somebody who left the group may hold
/// them open for ever.
const DRAIN: Duration = Duration::from_millis(250);
/// How often a group that was asked to end is looked at once its leader has.
const LOOK: Duration = Duration::from_millis(10);

/// Why a process was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Stopped,
    TimedOut,
}

/// When and how a process is ended from outside.
pub(crate) struct Limits<'a> {
    pub(crate) stop: &'a CancellationToken,
    pub(crate) times_out_at: Option<Instant>,
    pub(crate) cleanup_time: Duration,
}

/// Where the process is on its way out.
enum Phase {
    Running,
    /// SIGTERM was sent; SIGKILL follows at the instant.
    Ending {
        hard_at: Instant,
    },
    /// SIGKILL was sent.
    Killed,
}

/// A process group, named by its leader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group(Pid);

impl Group {
    pub(crate) const fn of(pid: i32) -> Self {
        Self(Pid::from_raw(pid))
    }

    /// True when there was somebody to signal.
    fn signal(self, signal: impl Into<Option<Signal>>) -> bool {
        killpg(self.0, signal) != Err(Errno::ESRCH)
    }
}

/// Ends the group of an attempt that nobody watches over any more: its service ends at once.
struct KillOnDrop(Option<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            group.signal(Signal::SIGKILL);
        }
    }
}

/// Runs until the process has ended and its group is gone. Says how it ended, and what ended it if that came from outside.
pub(crate) async fn supervise<C: Clock>(
    mut child: Child,
    group: Group,
    output: &mut Output<'_, C>,
    limits: &Limits<'_>,
) -> (std::io::Result<ExitStatus>, Option<Ending>) {
    let mut guard = KillOnDrop(Some(group));
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let mut phase = Phase::Running;
    let mut ending = None;
    let mut exited: Option<std::io::Result<ExitStatus>> = None;
    let mut drained_at: Option<Instant> = None;
    loop {
        if exited.is_some() && stdout.is_none() && stderr.is_none() && drained_at.is_some() {
            break;
        }
        let timer = match phase {
            Phase::Running => limits.times_out_at,
            Phase::Ending { hard_at } => Some(hard_at),
            Phase::Killed => None,
        };
        // While the leader lives everything waits for it; afterwards the group is looked at until it is gone.
        let look_at = (exited.is_some() && drained_at.is_none()).then(|| Instant::now() + LOOK);
        let flush_at = output.log.flush_at();
        tokio::select! {
            status = child.wait(), if exited.is_none() => {
                exited = Some(status);
                if !matches!(phase, Phase::Ending { .. }) {
                    // It ended by itself (or was killed): whoever it left behind ends too.
                    group.signal(Signal::SIGKILL);
                    drained_at = Some(Instant::now() + DRAIN);
                } else if !group.signal(None) {
                    drained_at = Some(Instant::now() + DRAIN);
                }
            }
            open = read(&mut stdout, &mut output.stdout), if stdout.is_some() => {
                output.drain(Stream::Stdout, !open);
                if !open { stdout = None; }
            }
            open = read(&mut stderr, &mut output.stderr), if stderr.is_some() => {
                output.drain(Stream::Stderr, !open);
                if !open { stderr = None; }
            }
            () = limits.stop.cancelled(), if matches!(phase, Phase::Running) && exited.is_none() => {
                ending = Some(Ending::Stopped);
                phase = end_softly(group, limits, output, "stop");
            }
            () = at(timer), if timer.is_some() && drained_at.is_none() => match phase {
                Phase::Running => {
                    ending = Some(Ending::TimedOut);
                    phase = end_softly(group, limits, output, "execution_timeout");
                }
                Phase::Ending { .. } => {
                    output.say("SIGTERM was not enough: sending SIGKILL");
                    group.signal(Signal::SIGKILL);
                    phase = Phase::Killed;
                    if exited.is_some() { drained_at = Some(Instant::now() + DRAIN); }
                }
                Phase::Killed => {}
            },
            () = at(look_at), if look_at.is_some() => {
                if !group.signal(None) { drained_at = Some(Instant::now() + DRAIN); }
            }
            () = at(drained_at), if drained_at.is_some() => {
                stdout = None;
                stderr = None;
                output.drain(Stream::Stdout, true);
                output.drain(Stream::Stderr, true);
                output.say("something that the task started outside its process group still holds its output; it is not read any further");
            }
            () = at(flush_at), if flush_at.is_some() => output.log.flush(),
        }
    }
    guard.0 = None;
    (exited.unwrap_or_else(|| Err(std::io::Error::other("the process was not waited for"))), ending)
}

fn end_softly<C: Clock>(group: Group, limits: &Limits<'_>, output: &mut Output<'_, C>, why: &str) -> Phase {
    output.say(&format!("{why}: sending SIGTERM"));
    group.signal(Signal::SIGTERM);
    Phase::Ending { hard_at: Instant::now() + limits.cleanup_time }
}

/// Reads once; false at the end of the stream.
async fn read<R: AsyncRead + Unpin>(from: &mut Option<R>, lines: &mut Lines) -> bool {
    match from {
        Some(from) => matches!(from.read_buf(lines.buffer()).await, Ok(read) if read > 0),
        None => false,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
