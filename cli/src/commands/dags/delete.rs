//! `flowctl dags delete`.

use std::process::ExitCode;

use api::{Dag, DagRunCollection};
use clap::Args;

use crate::client::Error;
use crate::commands::confirm::Confirm;
use crate::commands::place::{DagArgument, Place};
use crate::failure::Failure;
use crate::globals::Globals;

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    dag: DagArgument,
    #[command(flatten)]
    confirm: Confirm,
}

/// Deletes a DAG with its history.
pub(super) async fn run(globals: &Globals, arguments: &Delete) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let place = Place::dag(dag_id);
    let look = async {
        client.get::<Dag>(&["dags", dag_id], &[]).await?;
        Ok(client.list::<DagRunCollection>(&["dags", dag_id, "dagRuns"], &[], 1, 0).await?.1)
    };
    let runs = place.within(&client, look).await?;
    let noun = if runs == 1 { "run" } else { "runs" };
    arguments.confirm.that(&format!("delete DAG `{dag_id}` with its {runs} {noun}, their logs and values"))?;
    let work = async {
        match client.delete(&["dags", dag_id]).await {
            Err(Error::Refused { status: 409, detail }) => Err(Failure::failed(detail)
                .hint(format!(
                    "`flowctl runs list {dag_id} --state running` shows them, `flowctl runs cancel` stops one"
                ))
                .into()),
            done => Ok(done?),
        }
    };
    place.within(&client, work).await?;
    anstream::eprintln!(
        "`{dag_id}` is deleted; while its file is in the DAG folder, it comes back without its history"
    );
    Ok(ExitCode::SUCCESS)
}
