//! `flowctl dags reserialize`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use api::{Dag, DagCollection};
use clap::Args;

use crate::client::Client;
use crate::commands::place::Place;
use crate::globals::Globals;

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Reserialize {
    /// The DAGs [default: all].
    #[arg(value_name = "DAG")]
    dag_ids: Vec<String>,
}

/// Has the files of DAGs read again.
pub(super) async fn run(globals: &Globals, arguments: &Reserialize) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    // A file may hold the only DAG of several names over time: it is asked for once.
    let files: BTreeMap<_, _> =
        load(&client, &arguments.dag_ids).await?.into_iter().map(|dag| (dag.file_token, dag.fileloc)).collect();
    for token in files.keys() {
        client.put::<Option<String>>(&["parseDagFile", token], &serde_json::json!({})).await?;
    }
    let noun = if files.len() == 1 { "file is" } else { "files are" };
    anstream::eprintln!("{} {noun} read again; `flowctl import-errors list` shows what is refused", files.len());
    Ok(ExitCode::SUCCESS)
}

async fn load(client: &Client, dag_ids: &[String]) -> anyhow::Result<Vec<Dag>> {
    if dag_ids.is_empty() {
        return Ok(client.all::<DagCollection>(&["dags"], &[]).await?);
    }
    let mut dags = Vec::new();
    for dag_id in dag_ids {
        let work = async { Ok(client.get::<Dag>(&["dags", dag_id], &[]).await?) };
        dags.push(Place::dag(dag_id).within(client, work).await?);
    }
    Ok(dags)
}
