//! `flowctl completions` and `flowctl man`: from the same definitions as the command line itself.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;

/// Where man pages go.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Writes a page per command into this folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Prints a completion script.
pub(super) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "flowctl", &mut script);
    std::io::stdout().write_all(&script).context("the script cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes man pages.
pub(super) fn man(arguments: &Man) -> anyhow::Result<ExitCode> {
    let command = Arguments::command();
    match &arguments.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
            clap_mangen::generate_to(command, dir)
                .with_context(|| format!("man pages cannot be written to {}", dir.display()))?;
        }
        None => clap_mangen::Man::new(command).render(&mut std::io::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}
