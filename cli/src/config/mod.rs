//! The configuration: what may be set ([`key`]), where each value comes from ([`read`]), and what follows
//! from it ([`Settings`]).
//!
//! 1. The home is found first (`--home`, `FLOWCTL_HOME`, `~/.flowctl`), because the file is looked for there.
//! 2. Each key of the table is looked for in flag, environment and file, and falls back to its default.
//! 3. Whatever is set and is not in the table, or has a value that its key does not take, is a [`Problem`] with its
//!    place; all of them are collected, and with any of them nothing starts.

mod file;
mod key;
mod page;
mod read;
mod settings;
mod value;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::globals::Globals;

pub(crate) use key::{find, refuse};
pub(crate) use read::{Resolved, Setting};
pub(crate) use settings::Settings;

/// A key that the command line sets: its name, its flag, its value.
pub(crate) type Flag = (&'static str, &'static str, String);

/// Reads the settings of this process; an error that lists everything that is wrong with them.
pub(crate) fn load(globals: &Globals, flags: &[Flag]) -> anyhow::Result<Settings> {
    let resolved = resolve(globals, flags)?;
    if resolved.problems.is_empty() {
        return Ok(resolved.settings);
    }
    let problems: Vec<String> = resolved.problems.iter().map(|problem| format!("  {problem}")).collect();
    let failure = Failure::usage(format!("the configuration cannot be used\n{}", problems.join("\n")));
    Err(failure.hint("`flowctl config list` shows every key; docs/configuration.md says what each does").into())
}

/// Reads the settings and everything that is wrong with them.
pub(crate) fn resolve(globals: &Globals, flags: &[Flag]) -> anyhow::Result<Resolved> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    read::resolve(&read::Source {
        home: globals.home.as_deref(),
        config: globals.config.as_deref(),
        flags,
        environment: std::env::vars_os().collect(),
        user_home: std::env::home_dir(),
        here: &here,
    })
}

/// Something wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A file with line and column, a variable, or a flag.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
