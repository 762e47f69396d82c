//! `flowctl tasks list`: read from the text of the DAG's file, which the API has, with the language itself.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use model::dag::{Dag, Task};
use model::dag_file::{Defaults, parse};
use serde::Serialize;

use crate::commands::dags::source;
use crate::commands::place::{DagArgument, Place};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Column, Page};

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    dag: DagArgument,
    /// The version; default: the newest.
    #[arg(long, value_name = "N")]
    version: Option<i32>,
    #[command(flatten)]
    page: Page,
}

/// A task as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    task_id: String,
    operator: &'static str,
    depends_on: Vec<String>,
    trigger_rule: String,
    retries: u32,
}

const COLUMNS: [Column<Listed>; 5] = [
    Column { title: "task_id", cell: |task| task.task_id.as_str().into() },
    Column { title: "operator", cell: |task| task.operator.into() },
    Column { title: "depends_on", cell: |task| task.depends_on.join(", ").into() },
    Column { title: "trigger_rule", cell: |task| task.trigger_rule.as_str().into() },
    Column { title: "retries", cell: |task| task.retries.to_string().into() },
];

/// Prints all tasks of a DAG.
pub(super) async fn run(globals: &Globals, arguments: &List) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let work = async { Ok(source::load(&client, dag_id, arguments.version).await?) };
    let source = Place::dag(dag_id).within(&client, work).await?;
    let text = source.content.with_context(|| format!("the text of `{dag_id}` was not kept"))?;
    // The time zone only moves dates, which are not listed.
    let parsed = parse(&text, dag_id, &Defaults { timezone: "UTC".to_owned() });
    let dag = parsed.map_err(|_| {
        Failure::failed(format!("this version of flowctl does not understand the file of `{dag_id}`"))
            .hint(format!("`flowctl dags source {dag_id}` prints it"))
    })?;
    let all = &dag.dag.tasks;
    let tasks: Vec<_> = arguments.page.cut(all).map(|task| listed(&dag.dag, task)).collect();
    globals.output().list(&tasks, &COLUMNS, all.len() as u64)?;
    Ok(ExitCode::SUCCESS)
}

fn listed(dag: &Dag, task: &Task) -> Listed {
    Listed {
        task_id: task.task_id.clone(),
        operator: task.operator.name(),
        depends_on: task.upstream.iter().map(|index| dag.task(*index).task_id.clone()).collect(),
        trigger_rule: task.trigger_rule.to_string(),
        retries: task.retries,
    }
}
