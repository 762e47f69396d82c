//! `flowctl dags`.

mod list;
mod next;
mod show;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

use crate::globals::Globals;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Dags {
    /// All DAGs.
    List(list::List),
    /// One run in the foreground, without database or server; the exit code is the run's. A retry follows at once.
    Test(test::Test),
    /// The graph of a DAG file, as a list by level or as a picture.
    Show(show::Show),
    /// When a DAG file runs next, and for which data intervals.
    Next(next::Next),
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Dags) -> anyhow::Result<ExitCode> {
    match verb {
        Dags::List(arguments) => list::run(globals, &arguments).await,
        Dags::Test(arguments) => test::run(globals, &arguments).await,
        Dags::Show(arguments) => show::run(globals, &arguments),
        Dags::Next(arguments) => next::run(globals, &arguments),
    }
}
