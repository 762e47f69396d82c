//! `flowctl validate`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use model::dag_file::{Defaults, Severity, parse, render};

/// Checks all DAG files that the paths name.
pub(crate) fn run(paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    files.sort();
    let color = std::io::stderr().is_terminal();
    let mut refused = 0_usize;
    for file in &files {
        let source = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let defaults = Defaults { timezone: "UTC".to_owned() };
        let problems = match parse(&source, &stem, &defaults) {
            Ok(parsed) => parsed.warnings,
            Err(problems) => problems,
        };
        refused += usize::from(problems.iter().any(|problem| problem.severity == Severity::Error));
        if !problems.is_empty() {
            anstream::eprintln!("{}", render(&problems, &file.to_string_lossy(), &source, color));
        }
    }
    anstream::println!("{} of {} files are good", files.len() - refused, files.len());
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() || is_yaml {
            collect(&path, files)?;
        }
    }
    Ok(())
}
