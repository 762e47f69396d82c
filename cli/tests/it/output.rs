//! What a process prints, line by line, while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lines of one stream so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Mutex<Vec<String>>>);

impl Output {
    /// Reads `stream` to its end, on a thread of its own.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let lines = output.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                lines.lines().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        output
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// The first line that contains `part`.
    pub(crate) fn line_with(&self, part: &str) -> Option<String> {
        self.lines().iter().find(|line| line.contains(part)).cloned()
    }
}
