//! From a process's two pipes to the log.

use std::collections::VecDeque;

use encoding_rs::Encoding;
use model::attempt::Attempt;
use model::mask::PieceMasker;

use crate::clock::Clock;
use crate::config::WorkerConfig;
use crate::lines::Lines;
use crate::log::{AttemptLog, Stream};
use crate::masking::Known;

/// What a process prints: cut into lines, decoded and logged.
pub(crate) struct Output<'a, C> {
    clock: &'a C,
    pub(crate) log: AttemptLog,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    encoding: &'static Encoding,
    last: LastLine,
    tail: Tail,
    /// What is masked in the log.
    pub(crate) known: Known,
    pieces: [PieceMasker; 2],
}

/// The last lines of both streams, kept only for a task whose `retry_on` or `fail_on` has a pattern to look for in them.
#[derive(Debug, Default)]
struct Tail {
    is_wanted: bool,
    lines: VecDeque<String>,
}

/// Where tools say why they failed.
const TAIL_LINES: usize = 100;
/// Of a line; more tells nothing new.
const TAIL_LINE: usize = 2000;

impl Tail {
    fn of(attempt: &Attempt) -> Self {
        let task = attempt.task();
        let is_wanted = task.retry_on.as_ref().is_some_and(|policy| policy.pattern.is_some())
            || task.fail_on.as_ref().is_some_and(|policy| policy.pattern.is_some());
        Self { is_wanted, lines: VecDeque::new() }
    }

    fn line(&mut self, line: &str) {
        if self.is_wanted {
            if self.lines.len() == TAIL_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.chars().take(TAIL_LINE).collect());
        }
    }
}

/// The last line of standard output, undecoded, if it is not longer than an XCom may be.
#[derive(Debug, Default)]
struct LastLine {
    bytes: Option<Vec<u8>>,
    /// The line goes on in the next piece.
    goes_on: bool,
    max: usize,
    is_too_long: bool,
}

impl LastLine {
    fn piece(&mut self, piece: &[u8], goes_on: bool) {
        let bytes = self.bytes.get_or_insert_default();
        if !self.goes_on {
            self.is_too_long = false;
            bytes.clear();
        }
        if bytes.len() + piece.len() > self.max {
            self.is_too_long = true;
            bytes.clear();
        } else if !self.is_too_long {
            bytes.extend_from_slice(piece);
        }
        self.goes_on = goes_on;
    }
}

impl<'a, C: Clock> Output<'a, C> {
    pub(crate) fn new(attempt: &Attempt, config: &WorkerConfig, clock: &'a C, known: Known) -> Self {
        Self {
            clock,
            log: AttemptLog::of(attempt, config),
            stdout: Lines::default(),
            stderr: Lines::default(),
            encoding: encoding_rs::UTF_8,
            last: LastLine { max: config.xcom_max_size, ..LastLine::default() },
            tail: Tail::of(attempt),
            known,
            pieces: Default::default(),
        }
    }

    /// How the process's bytes are read from now on; false when nobody knows that encoding.
    pub(crate) fn set_encoding(&mut self, label: &str) -> bool {
        let found = Encoding::for_label(label.as_bytes()).filter(|found| found.is_ascii_compatible());
        if let Some(found) = found {
            self.encoding = found;
        }
        found.is_some()
    }

    /// Logs the whole lines of what was read; all that is left when the stream `has_ended`.
    pub(crate) fn drain(&mut self, stream: Stream, has_ended: bool) {
        let now = self.clock.now();
        let Self { log, stdout, stderr, encoding, last, tail, known, pieces, .. } = self;
        let (lines, pieces) = match stream {
            Stream::Stdout => (stdout, &mut pieces[0]),
            Stream::Stderr | Stream::Flowctl => (stderr, &mut pieces[1]),
        };
        known.with(|masker| {
            let mut each = |bytes: &[u8], goes_on: bool| {
                if !log.is_full() || tail.is_wanted {
                    let line = encoding.decode_without_bom_handling(bytes).0;
                    tail.line(&line);
                    if !log.is_full() {
                        let shown = pieces.piece(masker, &line, goes_on);
                        // A piece may be held back as a whole.
                        if !shown.is_empty() || !goes_on {
                            log.line(now, stream, &shown);
                        }
                    }
                }
                if stream == Stream::Stdout {
                    last.piece(bytes, goes_on);
                }
            };
            lines.take(&mut each);
            if has_ended {
                lines.finish(&mut each);
                if let Some(rest) = pieces.rest(masker) {
                    log.line(now, stream, &rest);
                }
            }
        });
    }

    /// Logs what flowctl itself has to say.
    pub(crate) fn say(&mut self, line: &str) {
        let line = self.known.with(|masker| masker.mask(line).into_owned());
        self.log.line(self.clock.now(), Stream::Flowctl, &line);
    }

    /// The last lines of both streams, for patterns to be looked for in.
    pub(crate) fn tail(&self) -> String {
        self.tail.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// The last line of standard output; an error when it is too long for an XCom.
    pub(crate) fn take_last_line(&mut self) -> Result<Option<String>, ()> {
        if self.last.is_too_long {
            return Err(());
        }
        let decoded = |bytes: Vec<u8>| self.encoding.decode_without_bom_handling(&bytes).0.into_owned();
        Ok(self.last.bytes.take().map(decoded))
    }
}
