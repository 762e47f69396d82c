//! `flowctl runs list`.

use std::process::ExitCode;

use api::{DagRun, DagRunCollection};
use clap::Args;

use crate::commands::place::Place;
use crate::globals::Globals;
use crate::output::{Cell, Column, Page, moment, span};

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The DAG; default: all DAGs.
    #[arg(value_name = "DAG")]
    dag_id: Option<String>,
    /// Only runs in this state; may be repeated.
    #[arg(long = "state", value_name = "STATE", value_parser = ["queued", "running", "success", "failed"])]
    states: Vec<String>,
    #[command(flatten)]
    page: Page,
}

const COLUMNS: [Column<DagRun>; 6] = [
    Column { title: "dag_id", cell: |run| run.dag_id.as_str().into() },
    Column { title: "run_id", cell: |run| run.dag_run_id.as_str().into() },
    Column { title: "state", cell: |run| Cell::state(&run.state, run.state.as_str()) },
    Column { title: "logical_date", cell: |run| moment(run.logical_date).into() },
    Column { title: "started", cell: |run| moment(run.start_date).into() },
    Column { title: "duration", cell: |run| span(run.duration).into() },
];

/// Prints a page of runs.
pub(super) async fn run(globals: &Globals, arguments: &List) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    // `~` is the API's word for all DAGs.
    let dag_id = arguments.dag_id.as_deref().unwrap_or("~");
    let mut query = vec![("order_by", "-id".to_owned())];
    query.extend(arguments.states.iter().map(|state| ("state", state.clone())));
    let path = ["dags", dag_id, "dagRuns"];
    let page = arguments.page.of::<DagRunCollection>(&client, &path, &query);
    let (runs, total) = Place::dag(dag_id).within(&client, page).await?;
    globals.output().list(&runs, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}
