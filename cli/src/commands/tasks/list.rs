//! `flowctl tasks list`: of the newest version as the API lists them; of an older one, which it does not list, as the text of
//! the DAG's file says.

use std::process::ExitCode;

use anyhow::Context;
use api::TaskCollection;
use clap::Args;
use model::dag::{Dag, Task};
use model::dag_file::{Defaults, parse};
use serde::Serialize;

use crate::client::Client;
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
#[derive(Debug, Clone, Serialize)]
struct Listed {
    task_id: String,
    operator: String,
    depends_on: Vec<String>,
    trigger_rule: String,
    /// The API's numbers are so.
    retries: f64,
}

const COLUMNS: [Column<Listed>; 5] = [
    Column { title: "task_id", cell: |task| task.task_id.as_str().into() },
    Column { title: "operator", cell: |task| task.operator.as_str().into() },
    Column { title: "depends_on", cell: |task| task.depends_on.join(", ").into() },
    Column { title: "trigger_rule", cell: |task| task.trigger_rule.as_str().into() },
    Column { title: "retries", cell: |task| task.retries.to_string().into() },
];

/// Prints all tasks of a DAG.
pub(super) async fn run(globals: &Globals, arguments: &List) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let all = match arguments.version {
        None => newest(&client, dag_id).await?,
        Some(version) => of_version(&client, dag_id, version).await?,
    };
    let tasks: Vec<_> = arguments.page.cut(&all).cloned().collect();
    globals.output().list(&tasks, &COLUMNS, all.len() as u64)?;
    Ok(ExitCode::SUCCESS)
}

async fn newest(client: &Client, dag_id: &str) -> anyhow::Result<Vec<Listed>> {
    let work = async { Ok(client.get::<TaskCollection>(&["dags", dag_id, "tasks"], &[]).await?) };
    let tasks = Place::dag(dag_id).within(client, work).await?.tasks;
    Ok(tasks.iter().map(|task| told(&tasks, task)).collect())
}

/// The API says what depends on a task, and not what it depends on.
fn told(all: &[api::Task], task: &api::Task) -> Listed {
    let leads_here = |other: &&api::Task| {
        let downstream = other.downstream_task_ids.iter().flatten();
        task.task_id.as_ref().is_some_and(|task_id| downstream.into_iter().any(|id| id == task_id))
    };
    Listed {
        task_id: task.task_id.clone().unwrap_or_default(),
        operator: task.operator_name.clone().unwrap_or_default(),
        depends_on: all.iter().filter(leads_here).filter_map(|other| other.task_id.clone()).collect(),
        trigger_rule: task.trigger_rule.clone().unwrap_or_default(),
        retries: task.retries.unwrap_or_default(),
    }
}

async fn of_version(client: &Client, dag_id: &str, version: i32) -> anyhow::Result<Vec<Listed>> {
    let work = async { Ok(source::load(client, dag_id, Some(version)).await?) };
    let source = Place::dag(dag_id).within(client, work).await?;
    let text = source.content.with_context(|| format!("the text of `{dag_id}` was not kept"))?;
    // The time zone only moves dates, which are not listed.
    let parsed = parse(&text, dag_id, &Defaults { timezone: "UTC".to_owned() });
    let dag = parsed.map_err(|_| {
        Failure::failed(format!("this version of flowctl does not understand the file of `{dag_id}`"))
            .hint(format!("`flowctl dags source {dag_id} --version {version}` prints it"))
    })?;
    let mut tasks: Vec<_> = dag.dag.tasks.iter().map(|task| written(&dag.dag, task)).collect();
    // The order of the API.
    tasks.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    Ok(tasks)
}

fn written(dag: &Dag, task: &Task) -> Listed {
    let mut depends_on: Vec<_> = task.upstream.iter().map(|index| dag.task(*index).task_id.clone()).collect();
    depends_on.sort();
    Listed {
        task_id: task.task_id.clone(),
        operator: task.operator.name().to_owned(),
        depends_on,
        trigger_rule: task.trigger_rule.to_string(),
        retries: f64::from(task.retries),
    }
}
