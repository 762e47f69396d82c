//! `flowctl runs retry` and `rerun`.

use std::process::ExitCode;

use api::{ClearDagRunBody, DagRun, RerunBody, TaskInstanceCollection};
use clap::Args;

use super::{exit_code, wait};
use crate::commands::conf;
use crate::commands::place::{Place, RunArguments};
use crate::commands::tasks::cleared;
use crate::globals::Globals;

/// Which run, and how.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    run: RunArguments,
    /// The run goes on with the DAG's newest version; else with the one that it started with.
    #[arg(long)]
    latest_version: bool,
    /// Waits until the run has ended; the exit code is the run's.
    #[arg(long)]
    wait: bool,
}

/// Which run, and with what.
#[derive(Debug, Args)]
pub(crate) struct Rerun {
    #[command(flatten)]
    how: Retry,
    /// Keys of its conf that change: a JSON object, or `@FILE` with one (`@-`: stdin). A null takes a key away.
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    conf: String,
}

/// Clears what failed of a run, and prints what starts over.
pub(super) async fn retry(globals: &Globals, arguments: &Retry) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let path = ["dags", dag_id, "dagRuns", &run_id, "clear"];
    let body = |dry_run| ClearDagRunBody {
        dry_run,
        only_failed: true,
        run_on_latest_version: Some(arguments.latest_version),
        ..ClearDagRunBody::default()
    };
    let work = async {
        let affected: TaskInstanceCollection = client.post(&path, &body(true)).await?;
        client.post::<DagRun>(&path, &body(false)).await?;
        Ok(affected)
    };
    let affected = Place::run(dag_id, &run_id).within(&client, work).await?;
    cleared::show(globals.output(), &affected, false)?;
    follow(&client, arguments, &run_id).await
}

/// Lets a run start over with a changed conf.
pub(super) async fn rerun(globals: &Globals, arguments: &Rerun) -> anyhow::Result<ExitCode> {
    let body = RerunBody { conf: conf::read(&arguments.conf)?, run_on_latest_version: arguments.how.latest_version };
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.how.run.dag_id, arguments.how.run.resolve(&client).await?);
    let path = ["dags", dag_id, "dagRuns", &run_id, "rerun"];
    let work = async { Ok(client.post::<DagRun>(&path, &body).await?) };
    let run = Place::run(dag_id, &run_id).within(&client, work).await?;
    let conf = serde_json::to_string(&run.conf.unwrap_or_default())?;
    anstream::eprintln!("run `{run_id}` of `{dag_id}` starts over with {conf}");
    follow(&client, &arguments.how, &run_id).await
}

async fn follow(client: &crate::client::Client, arguments: &Retry, run_id: &str) -> anyhow::Result<ExitCode> {
    if !arguments.wait {
        return Ok(ExitCode::SUCCESS);
    }
    let ended = wait::run(client, &arguments.run.dag_id, run_id, false).await?;
    Ok(exit_code(&arguments.run.dag_id, run_id, ended.as_ref()))
}
