//! `flowctl xcom set` and `delete`.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use api::XCom;
use clap::Args;
use serde_json::{Value, json};

use super::missing;
use crate::client::{Client, Error};
use crate::commands::place::{Place, RunArguments};
use crate::failure::Failure;
use crate::globals::Globals;

/// Which.
#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    run: RunArguments,
    /// The task that has it.
    #[arg(value_name = "TASK")]
    task_id: String,
    /// Its key.
    #[arg(value_name = "KEY")]
    key: String,
    /// Element of a mapped task.
    #[arg(long, value_name = "I", default_value_t = -1, allow_negative_numbers = true)]
    map_index: i32,
}

/// What to set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// JSON; what is none is a string. `@FILE`: what is in the file, `@-`: stdin.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
}

/// Sets a value, whether or not there is one.
pub(super) async fn set(globals: &Globals, arguments: &Set) -> anyhow::Result<ExitCode> {
    let value = read(&arguments.value)?;
    let client = globals.client()?;
    let which = &arguments.which;
    let run_id = which.run.resolve(&client).await?;
    let place = Place::task(&which.run.dag_id, &run_id, &which.task_id);
    let xcom = place.within(&client, async { Ok(put(&client, which, &run_id, value).await?) }).await?;
    anstream::eprintln!("`{}` of `{}` is {}", xcom.entry.key, xcom.entry.task_id, xcom.value);
    Ok(ExitCode::SUCCESS)
}

async fn put(client: &Client, which: &Which, run_id: &str, value: Value) -> Result<XCom, Error> {
    let entries = ["dags", &which.run.dag_id, "dagRuns", run_id, "taskInstances", &which.task_id, "xcomEntries"];
    let entry = [&entries[..], &[which.key.as_str()]].concat();
    match client.patch(&entry, &json!({ "value": value, "map_index": which.map_index })).await {
        Err(Error::NotFound { .. }) => {
            let create = json!({ "key": which.key, "value": value, "map_index": which.map_index });
            client.post(&entries, &create).await
        }
        done => done,
    }
}

/// Deletes a value.
pub(super) async fn delete(globals: &Globals, which: &Which) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id, task_id) = (&which.run.dag_id, which.run.resolve(&client).await?, &which.task_id);
    let path = ["dags", dag_id, "dagRuns", &run_id, "taskInstances", task_id, "xcomEntries", &which.key];
    let query = [("map_index", which.map_index.to_string())];
    let work = async { Ok(client.delete_one(&path, &query).await?) };
    let done = Place::task(dag_id, &run_id, task_id).within(&client, work).await;
    done.map_err(|error| missing(error, dag_id, &run_id, task_id, &which.key))?;
    anstream::eprintln!("`{}` of `{task_id}` is deleted", which.key);
    Ok(ExitCode::SUCCESS)
}

/// `7`, `{"a": 1}`, `any text`, `@FILE`, `@-`.
fn read(argument: &str) -> anyhow::Result<Value> {
    let text = match argument.strip_prefix('@') {
        None => argument.to_owned(),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("stdin cannot be read")?;
            text
        }
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("the file {file} cannot be read: {error}")))?,
    };
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
