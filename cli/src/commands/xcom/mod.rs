//! `flowctl xcom`.

mod write;

use std::process::ExitCode;

use api::{XCom, XComCollection, XComEntry};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::place::{Place, RunArguments};
use crate::client::Error;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Column, Format, Page, moment, print};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Xcoms {
    /// What the tasks of a run left for others, without the values.
    List(List),
    /// One value, as JSON; a string as it is unless `-o json` asks for quotes.
    Get(Get),
    /// Sets a value, as if the task had left it; what ran already does not run again.
    Set(write::Set),
    /// Deletes a value.
    Delete(write::Which),
}

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    run: RunArguments,
    /// The task; default: all tasks.
    #[arg(value_name = "TASK")]
    task_id: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    run: RunArguments,
    /// The task that pushed it.
    #[arg(value_name = "TASK")]
    task_id: String,
    /// Its key.
    #[arg(value_name = "KEY", default_value = "return_value")]
    key: String,
    /// Element of a mapped task.
    #[arg(long, value_name = "I", default_value_t = -1, allow_negative_numbers = true)]
    map_index: i32,
}

const COLUMNS: [Column<XComEntry>; 4] = [
    Column { title: "task_id", cell: |entry| entry.task_id.as_str().into() },
    Column { title: "map_index", cell: |entry| entry.map_index.to_string().into() },
    Column { title: "key", cell: |entry| entry.key.as_str().into() },
    Column { title: "pushed", cell: |entry| moment(Some(entry.timestamp)).into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Xcoms) -> anyhow::Result<ExitCode> {
    match verb {
        Xcoms::List(arguments) => list(globals, arguments).await,
        Xcoms::Get(arguments) => get(globals, arguments).await,
        Xcoms::Set(arguments) => write::set(globals, &arguments).await,
        Xcoms::Delete(arguments) => write::delete(globals, &arguments).await,
    }
}

async fn list(globals: &Globals, arguments: List) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let task_id = arguments.task_id.as_deref();
    let path = ["dags", dag_id, "dagRuns", &run_id, "taskInstances", task_id.unwrap_or("~"), "xcomEntries"];
    let place = task_id.map_or(Place::run(dag_id, &run_id), |task_id| Place::task(dag_id, &run_id, task_id));
    let (entries, total) = place.within(&client, arguments.page.of::<XComCollection>(&client, &path, &[])).await?;
    globals.output().list(&entries, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}

async fn get(globals: &Globals, arguments: Get) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let task_id = &arguments.task_id;
    let path = ["dags", dag_id, "dagRuns", &run_id, "taskInstances", task_id, "xcomEntries", &arguments.key];
    let query = [("map_index", arguments.map_index.to_string())];
    let place = Place::task(dag_id, &run_id, task_id);
    let found = place.within(&client, async { Ok(client.get::<XCom>(&path, &query).await?) }).await;
    let xcom = found.map_err(|error| missing(error, dag_id, &run_id, task_id, &arguments.key))?;
    match (globals.output().format(), &xcom.value) {
        (Format::Table | Format::Plain, Value::String(text)) => print(text)?,
        _ => globals.output().data(&xcom.value)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What to say when the task left nothing of that name.
fn missing(error: anyhow::Error, dag_id: &str, run_id: &str, task_id: &str, key: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(Error::NotFound { .. }) => {
            let all = format!("`flowctl xcom list {dag_id} {run_id} {task_id}` shows what it left");
            Failure::not_found(format!("`{task_id}` left no `{key}`")).hint(all).into()
        }
        _ => error,
    }
}
