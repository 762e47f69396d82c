//! `flowctl dags`.

mod delete;
pub(crate) mod details;
mod diff;
mod list;
mod next;
mod pause;
mod reserialize;
mod show;
mod simulate;
mod skip_next;
pub(super) mod source;
mod test;
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
    /// Leaves out the next scheduled runs of a DAG.
    SkipNext(skip_next::Skip),
    /// Deletes a DAG's runs with their logs and values, and the DAG itself until its file is read again.
    Delete(delete::Delete),
    /// Has the files of DAGs read again, whether or not they changed.
    Reserialize(reserialize::Reserialize),
    /// Starts a run.
    Trigger(trigger::Trigger),
    /// What a DAG was from one change of its file to the next.
    Versions(versions::Versions),
    /// What changed from one version of a DAG to another, as a unified diff.
    Diff(diff::Diff),
    /// The text of a DAG's file.
    Source(source::Source),
    /// One run in the foreground, without database or server; the exit code is the run's. A retry follows at once.
    Test(test::Test),
    /// The graph of a DAG file, as a list by level or as a picture.
    Show(show::Show),
    /// When a DAG file runs next, and for which data intervals.
    Next(next::Next),
    /// Which runs of a DAG file would be created in a time, and when their tasks would start: without database, server
    /// or a task that really runs.
    Simulate(simulate::Simulate),
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Dags) -> anyhow::Result<ExitCode> {
    match verb {
        Dags::List(arguments) => list::run(globals, &arguments).await,
        Dags::Details(arguments) => details::run(globals, &arguments).await,
        Dags::Pause(arguments) => pause::run(globals, &arguments, true).await,
        Dags::Unpause(arguments) => pause::run(globals, &arguments, false).await,
        Dags::SkipNext(arguments) => skip_next::run(globals, &arguments).await,
        Dags::Delete(arguments) => delete::run(globals, &arguments).await,
        Dags::Reserialize(arguments) => reserialize::run(globals, &arguments).await,
        Dags::Trigger(arguments) => trigger::run(globals, arguments).await,
        Dags::Versions(arguments) => versions::run(globals, &arguments).await,
        Dags::Diff(arguments) => diff::run(globals, &arguments).await,
        Dags::Source(arguments) => source::run(globals, &arguments).await,
        Dags::Test(arguments) => test::run(globals, &arguments).await,
        Dags::Show(arguments) => show::run(globals, &arguments),
        Dags::Next(arguments) => next::run(globals, &arguments).await,
        Dags::Simulate(arguments) => simulate::run(globals, &arguments).await,
    }
}
