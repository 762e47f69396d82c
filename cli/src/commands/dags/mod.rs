//! `flowctl dags`.

mod details;
mod list;
mod pause;
pub(super) mod source;
mod trigger;
mod versions;

use std::process::ExitCode;

use clap::Subcommand;

use super::place::DagArgument;
use crate::globals::Globals;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Dags {
    /// All DAGs.
    List(list::List),
    /// Everything about one DAG.
    Details(DagArgument),
    /// Stops creating and starting runs of DAGs; what runs goes on.
    Pause(pause::Pause),
    /// Lets DAGs run again.
    Unpause(pause::Pause),
    /// Starts a run.
    Trigger(trigger::Trigger),
    /// What a DAG was from one change of its file to the next.
    Versions(versions::Versions),
    /// The text of a DAG's file.
    Source(source::Source),
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Dags) -> anyhow::Result<ExitCode> {
    match verb {
        Dags::List(arguments) => list::run(globals, &arguments).await,
        Dags::Details(arguments) => details::run(globals, &arguments).await,
        Dags::Pause(arguments) => pause::run(globals, &arguments, true).await,
        Dags::Unpause(arguments) => pause::run(globals, &arguments, false).await,
        Dags::Trigger(arguments) => trigger::run(globals, arguments).await,
        Dags::Versions(arguments) => versions::run(globals, &arguments).await,
        Dags::Source(arguments) => source::run(globals, &arguments).await,
    }
}
