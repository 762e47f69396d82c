//! One DAG file: read and checked, whatever is in it.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use model::dag_file::{Defaults, Parsed, Problem, Severity, parse_beside};

/// A file beyond this is refused unread: ten times the largest that makes sense (10,000 tasks are about 1 MB).
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// A DAG file after a look at it.
#[derive(Debug)]
pub struct ReadFile {
    /// Its path below the folder.
    pub relative: String,
    /// Its text, when it could be read.
    pub source: String,
    /// What it says, or what is wrong with it.
    pub result: Result<Parsed, Vec<Problem>>,
    /// How long that took.
    pub duration: std::time::Duration,
    /// The files that it names.
    pub(super) beside: Vec<Beside>,
}

/// A file that a DAG file names, as it was when that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beside {
    path: PathBuf,
    /// When it was last written, and its size in bytes; none when it is not there.
    stamp: Option<(Option<SystemTime>, u64)>,
}

impl Beside {
    fn of(path: PathBuf) -> Self {
        let stamp = std::fs::metadata(&path).ok().map(|metadata| (metadata.modified().ok(), metadata.len()));
        Self { path, stamp }
    }

    /// Whether it was written, removed or has appeared since.
    pub(super) fn has_changed(&self) -> bool {
        Self::of(self.path.clone()) != *self
    }
}

/// What is not a file to be read.
pub(super) fn refused(relative: &str, problem: String) -> ReadFile {
    let result = Err(vec![whole_file(problem)]);
    let duration = std::time::Duration::ZERO;
    ReadFile { relative: relative.to_owned(), source: String::new(), result, duration, beside: Vec::new() }
}

/// Reads and checks a file.
pub(super) fn read(folder: &Path, relative: &str, defaults: &Defaults) -> ReadFile {
    let started = std::time::Instant::now();
    let path = folder.join(relative);
    let seen: Mutex<Vec<Beside>> = Mutex::default();
    let beside = |name: &str| {
        let path = path.parent().unwrap_or(folder).join(name);
        seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Beside::of(path.clone()));
        text_of(&path)
    };
    let (source, result) = match text_of(&path) {
        Ok(source) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let result = parse_beside(&source, &stem, defaults, &beside);
            (source, result)
        }
        Err(message) => (String::new(), Err(vec![whole_file(message)])),
    };
    let beside = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    ReadFile { relative: relative.to_owned(), source, result, duration: started.elapsed(), beside }
}

/// A problem of the file as a whole.
pub(super) fn whole_file(message: String) -> Problem {
    Problem { severity: Severity::Error, message, line: 0, column: 0, length: 1, snippet: String::new(), help: None }
}

fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {error}");
    // Opening a pipe that nobody writes to would wait for ever.
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        let megabytes = metadata.len() / 1_000_000;
        return Err(format!("the file has {megabytes} MB; a DAG file may have up to 10 MB"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        format!("the file is not UTF-8: line {line} has a byte that no character has (byte {valid} of the file)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, bytes: Option<&[u8]>) -> String {
        let folder = tempfile::tempdir().unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let file = read(folder.path(), name, &Defaults { timezone: "UTC".to_owned() });
        file.result.unwrap_err()[0].message.clone()
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_a_problem_that_names_the_line() {
        assert_eq!(
            message("a.yaml", Some(b"dag_id: a\ntasks: \xff")),
            "the file is not UTF-8: line 2 has a byte that no character has (byte 17 of the file)"
        );
    }

    #[test]
    fn a_file_that_vanished_is_a_problem_and_not_a_crash() {
        assert!(message("gone.yaml", None).starts_with("the file cannot be read"));
    }

    #[test]
    fn a_pipe_and_a_device_are_problems_and_do_not_hang() {
        let folder = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&folder.path().join("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yaml")).unwrap();
        for name in ["pipe.yaml", "zero.yaml"] {
            let file = read(folder.path(), name, &Defaults { timezone: "UTC".to_owned() });
            assert_eq!(file.result.unwrap_err()[0].message, "this is not a regular file");
        }
    }

    #[test]
    fn a_file_that_a_dag_file_names_is_looked_for_beside_it_and_known_to_change() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let text = "schedule: '@daily'\ncalendar: {skip: off.ics}\ntasks: [{id: a, empty: {}}]";
        std::fs::write(folder.path().join("in/a.yaml"), text).unwrap();
        let defaults = Defaults { timezone: "UTC".to_owned() };
        let missing = read(folder.path(), "in/a.yaml", &defaults);
        let problem = &missing.result.unwrap_err()[0];
        assert_eq!((problem.line, problem.column), (2, 18));
        assert!(problem.message.starts_with("`off.ics` beside the DAG file: the file cannot be read"), "{problem:?}");
        assert!(!missing.beside[0].has_changed());
        let event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\nEND:VCALENDAR";
        std::fs::write(folder.path().join("in/off.ics"), event).unwrap();
        assert!(missing.beside[0].has_changed());
        let there = read(folder.path(), "in/a.yaml", &defaults);
        let calendar = there.result.unwrap().dag.calendar.unwrap();
        assert_eq!(calendar.skip, [jiff::civil::date(2026, 12, 24)]);
        assert!(!there.beside[0].has_changed());
    }

    #[test]
    fn a_huge_file_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("a.yaml")).unwrap().set_len(100_000_000).unwrap();
        let file = read(folder.path(), "a.yaml", &Defaults { timezone: "UTC".to_owned() });
        assert_eq!(file.result.unwrap_err()[0].message, "the file has 100 MB; a DAG file may have up to 10 MB");
    }
}
