//! `flowctl dags source`.

use std::process::ExitCode;

use api::DagSource;
use clap::Args;

use crate::client::{Client, Error};
use crate::commands::place::{DagArgument, Place};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Format, print};

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct Source {
    #[command(flatten)]
    dag: DagArgument,
    /// The version; default: the newest.
    #[arg(long, value_name = "N")]
    version: Option<i32>,
}

/// Prints the text.
pub(super) async fn run(globals: &Globals, arguments: &Source) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let source =
        Place::dag(dag_id).within(&client, async { Ok(load(&client, dag_id, arguments.version).await?) }).await?;
    match globals.output().format() {
        Format::Json | Format::Yaml => globals.output().data(&source)?,
        Format::Table | Format::Plain => {
            let content =
                source.content.ok_or_else(|| Failure::not_found(format!("the text of `{dag_id}` was not kept")))?;
            print(content.trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Gets the text of a DAG's file.
pub(crate) async fn load(client: &Client, dag_id: &str, version: Option<i32>) -> Result<DagSource, Error> {
    let query: Vec<_> = version.iter().map(|version| ("version_number", version.to_string())).collect();
    client.get(&["dagSources", dag_id], &query).await
}
