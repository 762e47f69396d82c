//! `flowctl dags list`.

use std::process::ExitCode;

use api::{Dag, DagCollection};
use clap::Args;

use crate::globals::Globals;
use crate::output::{Cell, Column, Page, moment};

/// Which DAGs.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with one of these tags.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only those whose id contains this.
    #[arg(long)]
    pattern: Option<String>,
    /// Only paused ones (`true`) or active ones (`false`).
    #[arg(long)]
    paused: Option<bool>,
    #[command(flatten)]
    page: Page,
}

const COLUMNS: [Column<Dag>; 6] = [
    Column { title: "dag_id", cell: |dag| Cell::from(dag.dag_id.as_str()) },
    Column { title: "schedule", cell: |dag| Cell::from(dag.timetable_summary.as_deref().unwrap_or("–")) },
    Column {
        title: "paused",
        cell: |dag| Cell::state(if dag.is_paused { "paused" } else { "" }, yes_no(dag.is_paused)),
    },
    Column { title: "next run", cell: |dag| moment(dag.next_dagrun_run_after).into() },
    Column { title: "owner", cell: |dag| Cell::from(dag.owners.join(", ")) },
    Column {
        title: "tags",
        cell: |dag| dag.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(", ").into(),
    },
];

/// Prints a page of DAGs.
pub(super) async fn run(globals: &Globals, arguments: &List) -> anyhow::Result<ExitCode> {
    let mut query: Vec<_> = arguments.tags.iter().map(|tag| ("tags", tag.clone())).collect();
    query.extend(arguments.pattern.iter().map(|pattern| ("dag_id_pattern", pattern.clone())));
    query.extend(arguments.paused.map(|paused| ("paused", paused.to_string())));
    let (dags, total) = arguments.page.of::<DagCollection>(&globals.client()?, &["dags"], &query).await?;
    globals.output().list(&dags, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}

const fn yes_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
