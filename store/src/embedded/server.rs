//! Whether a cluster's server runs, by what the machine itself says.
//!
//! `postmaster.pid` alone does not tell: after a crash its number may belong to a process that has not been reaped, or
//! to a stranger, and then `pg_ctl` takes the dead server for a living one and `postgres` refuses to start.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ClusterError;

/// How long a server may be on its way up or down. Recovery of a large database takes longest.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often to look.
const LOOK: Duration = Duration::from_millis(10);
/// Its socket in its socket directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// Whether it accepts connections.
pub(super) fn is_listening(socket_directory: &Path) -> bool {
    UnixStream::connect(socket_directory.join(SOCKET)).is_ok()
}

/// Waits until it listens, true, or nothing of it is left, false.
pub(super) fn settle(data: &Path, socket_directory: &Path) -> Result<bool, ClusterError> {
    let started = Instant::now();
    loop {
        if is_listening(socket_directory) {
            return Ok(true);
        }
        let left = processes_in(data);
        if left.is_empty() {
            return Ok(false);
        }
        if started.elapsed() > PATIENCE {
            let output = format!("its processes {left:?} neither serve nor end");
            return Err(ClusterError::Program { program: format!("the server of {}", data.display()), output });
        }
        std::thread::sleep(LOOK);
    }
}

/// Forgets a server that is not there any more. Only after [`settle`] said so: its children would still write.
pub(super) fn forget(data: &Path, socket_directory: &Path) -> std::io::Result<()> {
    for file in [data.join("postmaster.pid"), socket_directory.join(format!("{SOCKET}.lock"))] {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether a process of that number lives (one that waits to be reaped does not).
pub(super) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The living processes of the server: all of them work in the data directory, and a zombie works nowhere.
fn processes_in(data: &Path) -> Vec<i32> {
    let Ok(data) = data.canonicalize() else { return Vec::new() };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data))
        .collect()
}
