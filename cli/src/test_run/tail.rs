//! What tasks print, on the terminal as they print it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use model::attempt::Attempt;
use serde::Deserialize;

/// The logs of the attempts of a run.
#[derive(Debug)]
pub(super) struct Tails {
    home: PathBuf,
    open: VecDeque<Tail>,
}

#[derive(Debug)]
struct Tail {
    prefix: String,
    color: AnsiColor,
    path: PathBuf,
    /// Bytes printed so far: whole lines.
    printed: u64,
}

#[derive(Deserialize)]
struct Entry {
    stream: String,
    line: String,
}

/// Told apart at a glance; no red, which means trouble.
const COLORS: [AnsiColor; 5] =
    [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::Green, AnsiColor::Yellow];

impl Tails {
    pub(super) fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), open: VecDeque::new() }
    }

    /// Also prints the logs of these.
    pub(super) fn follow(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            let (task, run) = (attempt.task(), &attempt.dag_run);
            self.open.push_back(Tail {
                prefix: super::narrate::named(&task.task_id, attempt.key.map_index),
                color: COLORS[attempt.key.task.at() % COLORS.len()],
                path: worker::log_path(
                    &self.home,
                    &run.dag_id,
                    &run.run_id,
                    &task.task_id,
                    attempt.key.map_index,
                    attempt.try_number,
                ),
                printed: 0,
            });
        }
    }

    /// Prints what is new in all of them.
    pub(super) fn look(&mut self) -> anyhow::Result<()> {
        let mut out = anstream::stdout().lock();
        for tail in &mut self.open {
            tail.print_new(&mut out)?;
        }
        Ok(out.flush()?)
    }
}

impl Tail {
    fn print_new(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        // A silent task has no log.
        let Ok(mut file) = File::open(&self.path) else { return Ok(()) };
        if file.metadata()?.len() <= self.printed {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.printed))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.printed += whole as u64;
        let style = Style::new().fg_color(Some(self.color.into()));
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else { continue };
            let prefix = &self.prefix;
            if entry.stream == "flowctl" {
                writeln!(
                    out,
                    "{style}{prefix}{style:#} | {}{}{:#}",
                    Style::new().dimmed(),
                    entry.line,
                    Style::new().dimmed()
                )?;
            } else {
                writeln!(out, "{style}{prefix}{style:#} | {}", entry.line)?;
            }
        }
        Ok(())
    }
}
