//! The configuration: what may be set ([`key`]), where each value comes from ([`read`]), and what follows ([`Settings`]).
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

use std::path::{Path, PathBuf};

use clap::Args;

pub(crate) use key::{Key, find};
pub(crate) use read::{Origin, Resolved, Source};
pub(crate) use settings::{LogFormat, Settings};

/// Where the settings are looked for.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArguments {
    /// The home: database, logs, scratch files, and the configuration file [default: ~/.flowctl].
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// The configuration file [default: flowctl.toml in the home].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArguments {
    /// Reads the settings of this process.
    pub(crate) fn load(&self) -> anyhow::Result<Settings> {
        self.load_with(&[])
    }

    /// Reads the settings; `flags` are keys that the command line sets, each with its flag and its value.
    pub(crate) fn load_with(&self, flags: &[(&'static str, &'static str, String)]) -> anyhow::Result<Settings> {
        let resolved = self.resolve(flags)?;
        if resolved.problems.is_empty() {
            return Ok(resolved.settings);
        }
        let problems: Vec<String> = resolved.problems.iter().map(ToString::to_string).collect();
        anyhow::bail!("the configuration cannot be used\n{}", problems.join("\n"))
    }

    /// Reads the settings and everything that is wrong with them.
    pub(crate) fn resolve(&self, flags: &[(&'static str, &'static str, String)]) -> anyhow::Result<Resolved> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        read::resolve(Source {
            home: self.home.as_deref(),
            config: self.config.as_deref(),
            flags,
            environment: std::env::vars_os().collect(),
            user_home: std::env::home_dir(),
            here: &here,
        })
    }
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

/// `path` as it stands, or below `base`.
fn absolute(base: &Path, path: &str) -> PathBuf {
    base.join(path)
}
