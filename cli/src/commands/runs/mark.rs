//! `flowctl runs mark`.

use std::process::ExitCode;

use api::{DagRun, DagRunPatchBody};
use clap::{Args, ValueEnum};

use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;

/// An end that a person gives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    Success,
    Failed,
}

/// Which run, and how it ended.
#[derive(Debug, Args)]
pub(crate) struct Mark {
    #[command(flatten)]
    run: RunArguments,
    /// Its end. What runs of it is stopped.
    #[arg(value_enum)]
    state: End,
    /// A remark on the run.
    #[arg(long)]
    note: Option<String>,
}

/// Marks a run.
pub(super) async fn run(globals: &Globals, arguments: &Mark) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let state = match arguments.state {
        End::Success => "success",
        End::Failed => "failed",
    };
    let body = DagRunPatchBody { state: Some(state.to_owned()), note: arguments.note.clone() };
    let work = async { Ok(client.patch::<DagRun>(&["dags", dag_id, "dagRuns", &run_id], &body).await?) };
    let run = Place::run(dag_id, &run_id).within(&client, work).await?;
    anstream::eprintln!("run `{run_id}` of `{dag_id}` is marked {}", run.state);
    Ok(ExitCode::SUCCESS)
}
