//! Where the log of an attempt is: what the worker writes and the web server reads.

use std::path::{Path, PathBuf};

/// Greatest length of a file name on Linux's file systems.
const MAX_NAME: usize = 255;

/// The file of an attempt's log:
/// `{home}/logs/dag_id=D/run_id=R/task_id=T/[map_index=M/]attempt=N.log`. A slash in a name is written `%2F`, so that
/// no name leads out of the folder; a name too long for the file system is cut and ends in a hash of the whole.
pub fn log_path(home: &Path, dag_id: &str, run_id: &str, task_id: &str, map_index: i32, try_number: u32) -> PathBuf {
    let mut path = run_logs(home, dag_id, run_id).join(file_name(&format!("task_id={task_id}")));
    if map_index >= 0 {
        path.push(format!("map_index={map_index}"));
    }
    path.push(format!("attempt={try_number}.log"));
    path
}

/// The file of what the templates of an attempt became, beside its log: a JSON object of its fields.
pub fn rendered_path(log_path: &Path) -> PathBuf {
    log_path.with_extension("rendered.json")
}

/// The folder of all logs of a DAG.
pub fn dag_logs(home: &Path, dag_id: &str) -> PathBuf {
    home.join("logs").join(file_name(&format!("dag_id={dag_id}")))
}

/// The folder of all logs of a run.
pub fn run_logs(home: &Path, dag_id: &str, run_id: &str) -> PathBuf {
    dag_logs(home, dag_id).join(file_name(&format!("run_id={run_id}")))
}

fn file_name(name: &str) -> String {
    let name = name.replace('/', "%2F").replace('\0', "%00");
    if name.len() <= MAX_NAME {
        return name;
    }
    let cut = (0..=MAX_NAME - 17).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}~{:016x}", &name[..cut], fnv(name.as_bytes()))
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_logs_folder() {
        let path = log_path(Path::new("/h"), "d", "../../etc/x", "t", -1, 1);
        assert_eq!(path, Path::new("/h/logs/dag_id=d/run_id=..%2F..%2Fetc%2Fx/task_id=t/attempt=1.log"));
        let path = log_path(Path::new("/h"), &"d".repeat(250), "r", "t", 3, 2);
        assert!(path.iter().all(|name| name.len() <= MAX_NAME));
        assert!(path.ends_with("map_index=3/attempt=2.log"));
        assert!(rendered_path(&path).ends_with("map_index=3/attempt=2.rendered.json"));
    }
}
