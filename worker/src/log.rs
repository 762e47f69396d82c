//! The log of an attempt: one NDJSON file, readable while it grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use model::attempt::Attempt;
pub use model::log_path::log_path;
use model::log_path::rendered_path;
use model::rendered;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::config::WorkerConfig;
use crate::masking::Known;

/// What is buffered reaches the file after this long at the latest.
const FLUSH_AFTER: Duration = Duration::from_millis(50);
/// What is buffered reaches the file at this size at the latest.
const FLUSH_AT: usize = 64 * 1024;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The process's standard output.
    Stdout,
    /// The process's standard error.
    Stderr,
    /// flowctl itself.
    Flowctl,
}

#[derive(Serialize)]
struct Entry<'a> {
    ts: Timestamp,
    stream: Stream,
    line: &'a str,
}

/// The log of one attempt. The file is created with its first line: a silent task leaves none.
#[derive(Debug)]
pub(crate) struct AttemptLog {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    flush_at: Option<Instant>,
    /// Bytes accepted so far, of at most `max`.
    accepted: u64,
    max: u64,
    is_full: bool,
    failure: Option<String>,
}

impl AttemptLog {
    pub(crate) fn of(attempt: &Attempt, config: &WorkerConfig) -> Self {
        let path = log_path(
            &config.home,
            &attempt.dag_run.dag_id,
            &attempt.dag_run.run_id,
            &attempt.task().task_id,
            attempt.key.map_index,
            attempt.try_number,
        );
        Self::at(path, config.max_log_bytes)
    }

    fn at(path: PathBuf, max: u64) -> Self {
        Self { path, file: None, buffer: Vec::new(), flush_at: None, accepted: 0, max, is_full: false, failure: None }
    }

    /// Adds a line. Never fails: a log that cannot be written does not stop the task.
    pub(crate) fn line(&mut self, ts: Timestamp, stream: Stream, line: &str) {
        // What flowctl itself says is little and must not be lost because the task was loud.
        if self.is_full && stream != Stream::Flowctl {
            return;
        }
        self.write(&Entry { ts, stream, line });
        if self.accepted > self.max && !self.is_full {
            self.is_full = true;
            let said = format!("the log has reached {} bytes (max_log_bytes): further output is dropped", self.max);
            self.write(&Entry { ts, stream: Stream::Flowctl, line: &said });
        }
    }

    fn write(&mut self, entry: &Entry<'_>) {
        if self.failure.is_some() {
            return;
        }
        let before = self.buffer.len();
        // Writing these three fields to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.buffer, entry);
        self.buffer.push(b'\n');
        self.accepted += (self.buffer.len() - before) as u64;
        if self.buffer.len() >= FLUSH_AT {
            self.flush();
        } else if self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + FLUSH_AFTER);
        }
    }

    /// Further output is dropped.
    pub(crate) const fn is_full(&self) -> bool {
        self.is_full || self.failure.is_some()
    }

    /// When [`Self::flush`] is due, if anything waits for it.
    pub(crate) const fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Writes what is buffered to the file. Done in place: a write to the page cache is cheaper than a thread's wake-up.
    pub(crate) fn flush(&mut self) {
        self.flush_at = None;
        if self.buffer.is_empty() {
            return;
        }
        if let Err(error) = self.write_out() {
            tracing::error!(log.path = %self.path.display(), error = %error, "the log of an attempt cannot be written");
            self.failure = Some(format!("the log cannot be written: {error}"));
        }
        self.buffer.clear();
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(open(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&self.buffer))
    }

    /// Writes what the attempt's templates became beside the log, without secrets.
    pub(crate) fn keep_rendered(&self, fields: Map<String, Value>, known: &Known) -> io::Result<()> {
        // Before texts are cut: half of a secret would not be known as one.
        let masked = |(name, value)| (name, known.with(|masker| masker.mask_json(value)));
        let fields = Value::from(rendered::shown(fields.into_iter().map(masked).collect()));
        let path = rendered_path(&self.path);
        in_its_folder(&path, || std::fs::write(&path, fields.to_string()))
    }

    /// Why the log is not whole, if it is not.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

fn open(path: &Path) -> io::Result<File> {
    in_its_folder(path, || OpenOptions::new().create(true).append(true).open(path))
}

/// Does what needs the folder of a path, which is made when it is not there.
fn in_its_folder<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match work() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            work()
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loud_task_is_told_once_that_its_output_is_dropped() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b.log");
        let mut log = AttemptLog::at(path.clone(), 1000);
        for _ in 0..1000 {
            log.line(Timestamp::UNIX_EPOCH, Stream::Stdout, "line");
        }
        log.line(Timestamp::UNIX_EPOCH, Stream::Flowctl, "exit code 1");
        log.flush();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.len() < 1400);
        assert_eq!(text.matches("further output is dropped").count(), 1);
        assert!(text.ends_with("\"line\":\"exit code 1\"}\n"));
    }

    #[test]
    fn a_secret_where_a_rendered_text_is_cut_is_no_half_of_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b.log");
        let known = Known::default();
        known.with(|masker| masker.learn("hunter2-of-the-bank"));
        let text = format!("{}hunter2-of-the-bank", "a".repeat(64 * 1024 - 3));
        let fields = Map::from_iter([("bash".to_owned(), Value::from(text))]);
        AttemptLog::at(path.clone(), 1000).keep_rendered(fields, &known).unwrap();
        let text = std::fs::read_to_string(rendered_path(&path)).unwrap();
        assert!(text.ends_with("aaa***\"}"), "{}", &text[text.len() - 40..]);
    }
}
