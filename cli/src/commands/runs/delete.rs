//! `flowctl runs delete`.

use std::process::ExitCode;

use api::DagRun;
use clap::Args;

use crate::client::Error;
use crate::commands::confirm::Confirm;
use crate::commands::place::{Place, RunArguments};
use crate::failure::Failure;
use crate::globals::Globals;

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    confirm: Confirm,
}

/// Deletes a run with all that belongs to it.
pub(super) async fn run(globals: &Globals, arguments: &Delete) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let (place, path) = (Place::run(dag_id, &run_id), ["dags", dag_id, "dagRuns", &run_id]);
    place.within(&client, async { Ok(client.get::<DagRun>(&path, &[]).await?) }).await?;
    arguments.confirm.that(&format!("delete run `{run_id}` of `{dag_id}`, its logs and values"))?;
    let work = async {
        match client.delete(&path).await {
            Err(Error::Refused { status: 400 | 409, detail }) => {
                Err(Failure::failed(detail).hint(format!("`flowctl runs cancel {dag_id} {run_id}` stops it")).into())
            }
            done => Ok(done?),
        }
    };
    place.within(&client, work).await?;
    anstream::eprintln!("run `{run_id}` of `{dag_id}` is deleted");
    Ok(ExitCode::SUCCESS)
}
