//! `flowctl runs clear`.

use std::process::ExitCode;

use api::{ClearDagRunBody, DagRun, TaskInstanceCollection};
use clap::Args;

use crate::commands::place::{Place, RunArguments};
use crate::commands::tasks::cleared;
use crate::globals::Globals;

/// What of which run.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Clear {
    #[command(flatten)]
    run: RunArguments,
    /// Only what failed, and what did not run because of that.
    #[arg(long)]
    only_failed: bool,
    /// Only tasks that the DAG's newest version adds; implies --latest-version.
    #[arg(long)]
    only_new: bool,
    /// The run goes on with the DAG's newest version; else with the one that it started with.
    #[arg(long)]
    latest_version: bool,
    /// A remark on the run.
    #[arg(long)]
    note: Option<String>,
    /// Says what would start over, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Clears a run, and prints what starts over.
pub(super) async fn run(globals: &Globals, arguments: &Clear) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let path = ["dags", dag_id, "dagRuns", &run_id, "clear"];
    let body = |dry_run| ClearDagRunBody {
        dry_run,
        only_failed: arguments.only_failed,
        only_new: arguments.only_new,
        run_on_latest_version: Some(arguments.latest_version),
        note: arguments.note.clone(),
    };
    let work = async {
        // The real answer is the run only: what is affected is asked for first.
        let affected: TaskInstanceCollection = client.post(&path, &body(true)).await?;
        if !arguments.dry_run {
            client.post::<DagRun>(&path, &body(false)).await?;
        }
        Ok(affected)
    };
    let affected = Place::run(dag_id, &run_id).within(&client, work).await?;
    cleared::show(globals.output(), &affected, arguments.dry_run)?;
    Ok(ExitCode::SUCCESS)
}
