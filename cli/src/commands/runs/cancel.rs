//! `flowctl runs cancel`.

use std::process::ExitCode;

use api::DagRun;

use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;

/// Cancels a run.
pub(super) async fn run(globals: &Globals, arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.dag_id, arguments.resolve(&client).await?);
    let path = ["dags", dag_id, "dagRuns", &run_id, "cancel"];
    let work = async { Ok(client.post::<DagRun>(&path, &serde_json::json!({})).await?) };
    let run = Place::run(dag_id, &run_id).within(&client, work).await?;
    anstream::eprintln!("run `{run_id}` of `{dag_id}` is cancelled; its state is {}", run.state);
    Ok(ExitCode::SUCCESS)
}
