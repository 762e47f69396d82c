//! `flowctl runs`.

mod cancel;
mod clear;
mod delete;
mod follow;
mod list;
mod logs;
mod mark;
mod progress;
mod retry;
mod show;
pub(crate) mod tree;
pub(super) mod wait;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

pub(super) use follow::exit_code;
pub(crate) use follow::has_ended as run_has_ended;
pub(super) use logs::Streams;
pub(crate) use logs::{Attempt, has_ended};
pub(crate) use show::Shown;

use super::place::RunArguments;
use crate::globals::Globals;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// Runs, the newest first.
    List(list::List),
    /// One run as a tree of its tasks: states, tries, durations, and why each one waits.
    Show(RunArguments),
    /// Lets task instances of a run start over.
    Clear(clear::Clear),
    /// Lets what failed of a run, and what did not run because of that, start over.
    Retry(retry::Retry),
    /// Lets a run start over from its beginning with a changed conf.
    Rerun(retry::Rerun),
    /// Gives a run the end that you say it has.
    Mark(mark::Mark),
    /// Stops a run: what runs of it is stopped, what has not started never will.
    Cancel(RunArguments),
    /// Deletes a run with its logs and values; one that has not ended must be cancelled first.
    Delete(delete::Delete),
    /// Shows a run live until it has ended. The exit code is the run's: 0 when it succeeded, 1 when it failed.
    Watch(watch::Watch),
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Runs) -> anyhow::Result<ExitCode> {
    match verb {
        Runs::List(arguments) => list::run(globals, &arguments).await,
        Runs::Show(arguments) => show::run(globals, &arguments).await,
        Runs::Clear(arguments) => clear::run(globals, &arguments).await,
        Runs::Retry(arguments) => retry::retry(globals, &arguments).await,
        Runs::Rerun(arguments) => retry::rerun(globals, &arguments).await,
        Runs::Mark(arguments) => mark::run(globals, &arguments).await,
        Runs::Cancel(arguments) => cancel::run(globals, &arguments).await,
        Runs::Delete(arguments) => delete::run(globals, &arguments).await,
        Runs::Watch(arguments) => watch::run(globals, &arguments).await,
    }
}
