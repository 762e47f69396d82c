//! `flowctl dags versions`.

use std::process::ExitCode;

use api::{DagVersion, DagVersionCollection};
use clap::Args;

use crate::commands::place::{DagArgument, Place};
use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    #[command(flatten)]
    dag: DagArgument,
    #[command(flatten)]
    page: Page,
}

const COLUMNS: [Column<DagVersion>; 3] = [
    Column { title: "version", cell: |version| version.version_number.to_string().into() },
    Column { title: "created", cell: |version| moment(Some(version.created_at)).into() },
    Column { title: "id", cell: |version| version.id.as_str().into() },
];

/// Prints a page of versions, newest first.
pub(super) async fn run(globals: &Globals, arguments: &Versions) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let path = ["dags", dag_id, "dagVersions"];
    let query = [("order_by", "-version_number".to_owned())];
    let page = arguments.page.of::<DagVersionCollection>(&client, &path, &query);
    let (versions, total) = Place::dag(dag_id).within(&client, page).await?;
    globals.output().list(&versions, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}
