//! `flowctl config`: the settings in force and where each comes from.

use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;

use crate::config::{self, Setting};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Cell, Column, print};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Every setting, its value and where it comes from. Secrets are masked.
    List,
    /// The value of one setting, and nothing else.
    Get {
        /// For instance core.parallelism.
        key: String,
    },
    /// Everything that is wrong with flags, environment and file. Exit code 1 if anything is.
    Lint,
}

/// A setting as it is listed.
#[derive(Debug, Serialize)]
struct Entry {
    key: &'static str,
    value: Option<String>,
    source: String,
    takes: &'static str,
    default: Option<&'static str>,
    description: &'static str,
}

const COLUMNS: [Column<Entry>; 3] = [
    Column { title: "key", cell: |entry| Cell::from(entry.key) },
    Column { title: "value", cell: |entry| Cell::from(entry.value.as_deref().unwrap_or("–")) },
    Column { title: "source", cell: |entry| Cell::from(entry.source.as_str()) },
];

/// Runs one verb.
pub(super) fn run(globals: &Globals, verb: &Config) -> anyhow::Result<ExitCode> {
    match verb {
        Config::List => list(globals),
        Config::Get { key } => get(globals, key),
        Config::Lint => lint(globals),
    }
}

fn list(globals: &Globals) -> anyhow::Result<ExitCode> {
    let resolved = config::resolve(globals, &[])?;
    let home = &resolved.settings.home;
    let entries: Vec<Entry> = resolved
        .list
        .iter()
        .map(|setting| Entry {
            key: setting.key.name,
            value: shown(setting, home),
            source: setting.origin.to_string(),
            takes: setting.key.takes,
            default: setting.key.default,
            description: setting.key.doc,
        })
        .collect();
    globals.output().list(&entries, &COLUMNS, u64::try_from(entries.len()).unwrap_or(u64::MAX))?;
    tell(&resolved);
    Ok(if resolved.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The value for people: secrets as stars, the home in its place.
fn shown(setting: &Setting, home: &std::path::Path) -> Option<String> {
    let text = setting.text.as_ref()?;
    if setting.key.is_secret {
        return Some("********".to_owned());
    }
    Some(text.replace("$FLOWCTL_HOME", &home.display().to_string()))
}

fn get(globals: &Globals, name: &str) -> anyhow::Result<ExitCode> {
    if config::find(name).is_none() {
        return Err(Failure::not_found(config::refuse(name)).into());
    }
    let settings = config::load(globals, &[])?;
    let resolved = config::resolve(globals, &[])?;
    let setting = resolved.list.iter().find(|setting| setting.key.name == name);
    // Whoever asks for a secret by its name wants to have it.
    match setting.and_then(|setting| setting.text.as_ref()) {
        Some(text) => print(&text.replace("$FLOWCTL_HOME", &settings.home.display().to_string()))?,
        None => return Err(Failure::failed(format!("`{name}` is not set")).into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn lint(globals: &Globals) -> anyhow::Result<ExitCode> {
    let resolved = config::resolve(globals, &[])?;
    for problem in &resolved.problems {
        print(&problem.to_string())?;
    }
    match (&resolved.file, resolved.problems.len()) {
        (Some(file), 0) => anstream::eprintln!("{} and the environment are good", file.display()),
        (None, 0) => anstream::eprintln!("there is no configuration file; the environment is good"),
        (_, count) => anstream::eprintln!("{count} problems"),
    }
    Ok(if resolved.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(resolved: &config::Resolved) {
    for problem in &resolved.problems {
        anstream::eprintln!("{problem}");
    }
    match &resolved.file {
        Some(file) => anstream::eprintln!("home {}, file {}", resolved.settings.home.display(), file.display()),
        None => anstream::eprintln!("home {}, no configuration file", resolved.settings.home.display()),
    }
}
