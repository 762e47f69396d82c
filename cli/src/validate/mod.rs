//! `flowctl validate`: all problems of DAG files, for people, programs and code reviews.

mod pools;
mod sarif;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use model::dag_file::{Defaults, Parsed, Problem, Severity, render};
use scheduler::processor::{ReadFile, duplicate, read_file, read_folder};
use serde::Serialize;

use crate::config;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::print;

/// Checks DAG files: every problem with its place. Exit code 1 if there is any.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files, or folders with DAG files [default: the DAG folder].
    paths: Vec<PathBuf>,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Pools that there are, so that others are problems: names, or the file that `pools export` wrote. `default_pool`
    /// always exists. Without this the names of pools are not checked; the server checks them when it reads the files.
    #[arg(long, value_name = "POOL,…|@FILE", value_delimiter = ',')]
    pools: Option<Vec<String>>,
}

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For people: the place, the source line, a caret.
    Text,
    /// A list of problems.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// A file and what is wrong with it.
pub(crate) struct Checked {
    /// As a person would name it.
    pub path: String,
    /// Its text.
    pub source: String,
    /// In its order.
    pub problems: Vec<Problem>,
    /// What it says, when it is good.
    pub parsed: Option<Parsed>,
}

/// A problem with its file.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}

/// Checks all DAG files that the paths name.
pub(crate) fn run(globals: &Globals, arguments: &Validate) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let paths = if arguments.paths.is_empty() { vec![settings.dags_folder.clone()] } else { arguments.paths.clone() };
    let known = arguments.pools.as_deref().map(pools::known).transpose()?;
    let mut files = check(&paths, &settings.dag_defaults())?;
    if let Some(known) = &known {
        for file in &mut files {
            pools::check(file, known);
        }
    }
    match arguments.format {
        ReportFormat::Text => {
            let color = std::io::stdout().is_terminal();
            for file in files.iter().filter(|file| !file.problems.is_empty()) {
                print(&render(&file.problems, &file.path, &file.source, color))?;
                print("")?;
            }
        }
        ReportFormat::Json => {
            let entries =
                files.iter().flat_map(|file| file.problems.iter().map(|problem| Entry { file: &file.path, problem }));
            print(&serde_json::to_string_pretty(&entries.collect::<Vec<_>>())?)?;
        }
        ReportFormat::Github => {
            for (file, problem) in
                files.iter().flat_map(|file| file.problems.iter().map(move |problem| (file, problem)))
            {
                print(&annotation(&file.path, problem))?;
            }
        }
        ReportFormat::Sarif => print(&serde_json::to_string_pretty(&sarif::report(&files))?)?,
    }
    let refused =
        files.iter().filter(|file| file.problems.iter().any(|problem| problem.severity == Severity::Error)).count();
    anstream::eprintln!("{} of {} files are good", files.len() - refused, files.len());
    if known.is_none() {
        pools::tell(&files);
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the files; of two that describe the same DAG the later by path is refused.
fn check(paths: &[PathBuf], defaults: &Defaults) -> anyhow::Result<Vec<Checked>> {
    let mut read: BTreeMap<PathBuf, ReadFile> = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            let files = read_folder(path, defaults).with_context(|| format!("{} cannot be checked", path.display()))?;
            read.extend(files.into_iter().map(|file| (path.join(&file.relative), file)));
        } else if path.exists() {
            read.insert(path.clone(), read_file(path, defaults));
        } else {
            return Err(Failure::not_found(format!("there is no file or folder {}", path.display())).into());
        }
    }
    let mut first_by_id: BTreeMap<String, String> = BTreeMap::new();
    Ok(read.into_iter().map(|(path, file)| checked(&path, file, &mut first_by_id)).collect())
}

fn checked(path: &Path, file: ReadFile, first_by_id: &mut BTreeMap<String, String>) -> Checked {
    let path = path.display().to_string();
    let (problems, parsed) = match file.result {
        Err(problems) => (problems, None),
        Ok(parsed) => {
            let mut problems = parsed.warnings.clone();
            let dag_id = &parsed.dag.dag_id;
            match first_by_id.get(dag_id) {
                Some(first) => problems.push(duplicate(dag_id, first)),
                None => {
                    first_by_id.insert(dag_id.clone(), path.clone());
                }
            }
            (problems, Some(parsed))
        }
    };
    Checked { path, source: file.source, problems, parsed }
}

/// `::error file=…,line=…::message`.
fn annotation(path: &str, problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = if problem.line == 0 {
        String::new()
    } else {
        let end = problem.column + problem.length;
        format!(",line={},col={},endColumn={end}", problem.line, problem.column)
    };
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("::{level} file={}{place}::{}", escape(path, true), escape(&format!("{}{help}", problem.message), false))
}

/// As GitHub's runner reads it: `%`, line breaks, and in properties `:` and `,` are written as hex.
fn escape(text: &str, is_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if is_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}
