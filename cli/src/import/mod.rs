//! `flowctl import`: a DAG file from what somebody already has.
//!
//! 1. One file per source reads it into [`draft::Draft`]s and notes of what it did not understand;
//! 2. `draft` writes a DAG file; each note is a comment in it and a line on stderr, so nothing is dropped silently;
//! 3. what was written is checked as `flowctl validate` would.

mod airflow;
mod crontab;
mod dag_factory;
mod draft;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use model::dag_file::render;

use crate::config;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::print;
use draft::{Draft, Note};

/// The sources.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// A Python file of Airflow. It is read, not run: Airflow need not be installed, python3 must be.
    Airflow(Source),
    /// A YAML file of dag-factory.
    DagFactory(Source),
    /// A crontab, for instance from `crontab -l`.
    Crontab {
        #[command(flatten)]
        source: Source,
        /// The sixth column is a user, as in /etc/crontab.
        #[arg(long)]
        system: bool,
    },
}

/// Where from, and where to.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The file; `-` is stdin.
    file: PathBuf,
    /// Writes a file per DAG into this folder instead of stdout; needed when there are several.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What was read.
#[derive(Debug, Default)]
struct Imported {
    drafts: Vec<Draft>,
    notes: Vec<Note>,
}

/// Imports one file. Exit code 1 when what comes out is not a DAG file that `validate` accepts.
pub(crate) fn run(globals: &Globals, import: &Import) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let (source, mut imported) = match import {
        Import::Airflow(source) => (source, airflow::read(&source.file)?),
        Import::DagFactory(source) => (source, dag_factory::read(&text_of(&source.file)?)?),
        Import::Crontab { source, system } => (source, crontab::read(&text_of(&source.file)?, *system)),
    };
    for draft in &mut imported.drafts {
        draft.leave_out_unsupported(&mut imported.notes);
    }
    let shown = source.file.display().to_string();
    for note in &imported.notes {
        let line = if note.line == 0 { String::new() } else { format!(":{}", note.line) };
        anstream::eprintln!("{shown}{line}: {}", note.text);
    }
    if imported.drafts.is_empty() {
        return Err(Failure::failed(format!("there is nothing to import in {shown}")).into());
    }
    let files: Vec<(String, String)> =
        imported.drafts.iter().map(|draft| (draft.dag_id.clone(), draft.write(&shown, &imported.notes))).collect();
    let mut is_good = true;
    for (dag_id, text) in &files {
        if let Err(problems) = model::dag_file::parse(text, dag_id, &settings.dag_defaults()) {
            is_good = false;
            anstream::eprintln!("{}", render(&problems, &format!("{dag_id}.yaml"), text, false));
        }
    }
    write(&files, source.dir.as_deref())?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(files: &[(String, String)], dir: Option<&Path>) -> anyhow::Result<()> {
    let Some(dir) = dir else {
        let [(_, text)] = files else {
            let ids: Vec<&str> = files.iter().map(|(dag_id, _)| dag_id.as_str()).collect();
            let failure = Failure::usage(format!(
                "there are {} DAGs ({}), and a DAG file holds one",
                files.len(),
                ids.join(", ")
            ));
            return Err(failure.hint("name a folder for a file each with --dir").into());
        };
        return print(text.trim_end());
    };
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    for (dag_id, text) in files {
        let path = dir.join(format!("{dag_id}.yaml"));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        written.with_context(|| format!("{} cannot be written", path.display()))?;
        anstream::eprintln!("{} is written", path.display());
    }
    Ok(())
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read")?;
        return Ok(text);
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!("there is no file {}", path.display())).into())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
