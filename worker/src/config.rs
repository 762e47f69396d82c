//! How a worker runs attempts.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a worker runs attempts.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The home: logs and the Python runner live under it.
    pub home: PathBuf,
    /// Where the scratch folders of attempts are. No other executor may use it.
    pub run_folder: PathBuf,
    /// How long a process group may take between SIGTERM and SIGKILL.
    pub killed_task_cleanup_time: Duration,
    /// Greatest size of an XCom, in bytes of JSON.
    pub xcom_max_size: usize,
    /// Greatest size of an attempt's log, in bytes; what follows is dropped with one line that says so.
    pub max_log_bytes: u64,
    /// Value of `FLOWCTL_EXECUTOR` in the environment of every child: how a successor finds the orphans of a crash.
    pub executor_id: String,
}

impl WorkerConfig {
    /// The defaults, for a home. Scratch folders are under it; [`crate::run_folder`] gives a faster place.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            killed_task_cleanup_time: Duration::from_mins(1),
            xcom_max_size: 48 * 1024,
            max_log_bytes: 256 << 20,
            executor_id: executor_id(&home),
            run_folder: home.join("run"),
            home,
        }
    }
}

/// The mark of the processes of the executor that has this home: the same after a restart, another for another home.
pub fn executor_id(home: &Path) -> String {
    let canonical = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
    format!("{:016x}", fnv(canonical.as_os_str().as_encoded_bytes()))
}

/// FNV-1a: stable over versions of Rust and machines, which `DefaultHasher` is not.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
