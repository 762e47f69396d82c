//! `flowctl dags diff`.

use std::process::ExitCode;

use api::DagVersionDiff;
use clap::Args;

use crate::commands::place::{DagArgument, Place};
use crate::globals::Globals;
use crate::output::{Format, print};

/// Between which versions of which DAG.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    dag: DagArgument,
    /// The older version [default: the one before the newer].
    #[arg(value_name = "V1")]
    base: Option<i32>,
    /// The newer version [default: the newest].
    #[arg(value_name = "V2")]
    version: Option<i32>,
    /// Of what flowctl understood, with defaults applied, instead of the file's text.
    #[arg(long)]
    normalized: bool,
}

/// Prints a unified diff; nothing when both are the same.
pub(super) async fn run(globals: &Globals, arguments: &Diff) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let mut query = vec![("normalized", arguments.normalized.to_string())];
    query.extend(arguments.base.map(|base| ("base", base.to_string())));
    query.extend(arguments.version.map(|version| ("version_number", version.to_string())));
    let work = async { Ok(client.get::<DagVersionDiff>(&["dags", dag_id, "diff"], &query).await?) };
    let diff = Place::dag(dag_id).within(&client, work).await?;
    match globals.output().format() {
        Format::Json | Format::Yaml => globals.output().data(&diff)?,
        Format::Table | Format::Plain if diff.diff.is_empty() => {
            anstream::eprintln!("versions {} and {} of `{dag_id}` are the same", diff.base, diff.version_number);
        }
        Format::Table | Format::Plain => print(diff.diff.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
