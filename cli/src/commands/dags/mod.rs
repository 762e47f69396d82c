//! `flowctl dags`.

mod list;

use std::process::ExitCode;

use clap::Subcommand;

use crate::globals::Globals;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Dags {
    /// All DAGs.
    List(list::List),
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Dags) -> anyhow::Result<ExitCode> {
    match verb {
        Dags::List(arguments) => list::run(globals, &arguments).await,
    }
}
