//! `flowctl dags pause` and `unpause`.

use std::process::ExitCode;

use api::{Dag, DagPatchBody};
use clap::Args;

use crate::commands::place::Place;
use crate::globals::Globals;

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The DAGs.
    #[arg(required = true, value_name = "DAG")]
    dag_ids: Vec<String>,
}

/// Pauses or activates DAGs; stops at the first that cannot be.
pub(super) async fn run(globals: &Globals, arguments: &Pause, is_paused: bool) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    for dag_id in &arguments.dag_ids {
        let work = async { Ok(client.patch::<Dag>(&["dags", dag_id], &DagPatchBody { is_paused }).await?) };
        let dag = Place::dag(dag_id).within(&client, work).await?;
        anstream::eprintln!("`{}` is {}", dag.dag_id, if dag.is_paused { "paused" } else { "active" });
    }
    Ok(ExitCode::SUCCESS)
}
