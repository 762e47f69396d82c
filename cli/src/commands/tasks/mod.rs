//! `flowctl tasks`.

mod clear;
pub(super) mod cleared;
mod disable;
mod list;
mod logs;
mod mark;
mod rendered;
mod state;
mod why;

use std::process::ExitCode;

use api::TaskInstance;
use clap::{Args, Subcommand};

use super::place::{Place, RunArguments};
use crate::client::{Client, Error};
use crate::globals::Globals;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// The tasks of a DAG, as its newest version has them.
    List(list::List),
    /// The state of a task in a run.
    State(TaskArguments),
    /// The states of all tasks in a run.
    StatesForRun(state::StatesForRun),
    /// Lets tasks of a run, and what follows them, start over.
    Clear(clear::Clear),
    /// Gives a task in a run the end that you say it has.
    Mark(mark::Mark),
    /// Has a task skipped when its turn comes, in one run or until further notice.
    Disable(disable::Disable),
    /// Lets a disabled task run again when its turn comes.
    Enable(disable::Disable),
    /// The disabled tasks of a DAG.
    Disabled(disable::List),
    /// The log of an attempt: of the newest one, unless another is named.
    Logs(logs::Logs),
    /// What the templates of a task became in its newest attempt.
    Rendered(TaskArguments),
    /// Why a task is not running.
    Why(TaskArguments),
}

/// The positional arguments that name a task in a run.
#[derive(Debug, Args)]
pub(crate) struct TaskArguments {
    #[command(flatten)]
    run: RunArguments,
    /// The task.
    #[arg(value_name = "TASK")]
    task_id: String,
    /// Element of a mapped task.
    #[arg(long, value_name = "I", default_value_t = -1, allow_negative_numbers = true)]
    map_index: i32,
}

impl TaskArguments {
    /// The task instance.
    async fn load(&self, client: &Client) -> anyhow::Result<TaskInstance> {
        let run_id = self.run.resolve(client).await?;
        let (dag_id, task_id) = (&self.run.dag_id, &self.task_id);
        let work = async { Ok(get(client, dag_id, &run_id, task_id, self.map_index).await?) };
        Place::task(dag_id, &run_id, task_id).within(client, work).await
    }
}

/// Gets a task instance.
pub(crate) async fn get(
    client: &Client,
    dag_id: &str,
    run_id: &str,
    task_id: &str,
    map_index: i32,
) -> Result<TaskInstance, Error> {
    let path = ["dags", dag_id, "dagRuns", run_id, "taskInstances", task_id];
    match map_index {
        ..0 => client.get(&path, &[]).await,
        index => client.get(&[&path[..], &[&index.to_string()]].concat(), &[]).await,
    }
}

/// Makes sure that there is such a task, and such an element of it if one is named.
async fn find(
    client: &Client,
    dag_id: &str,
    run_id: &str,
    task_id: &str,
    map_index: Option<u32>,
) -> Result<TaskInstance, Error> {
    if let Some(map_index) = map_index {
        return get(client, dag_id, run_id, task_id, map_index.cast_signed()).await;
    }
    match get(client, dag_id, run_id, task_id, -1).await {
        // A task that is expanded has elements only.
        Err(error @ Error::NotFound { .. }) => get(client, dag_id, run_id, task_id, 0).await.map_err(|_| error),
        found => found,
    }
}

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Tasks) -> anyhow::Result<ExitCode> {
    match verb {
        Tasks::List(arguments) => list::run(globals, &arguments).await,
        Tasks::State(arguments) => state::one(globals, &arguments).await,
        Tasks::StatesForRun(arguments) => state::all(globals, &arguments).await,
        Tasks::Clear(arguments) => clear::run(globals, &arguments).await,
        Tasks::Mark(arguments) => mark::run(globals, &arguments).await,
        Tasks::Disable(arguments) => disable::disable(globals, &arguments).await,
        Tasks::Enable(arguments) => disable::enable(globals, &arguments).await,
        Tasks::Disabled(arguments) => disable::list(globals, &arguments).await,
        Tasks::Logs(arguments) => logs::run(globals, &arguments).await,
        Tasks::Rendered(arguments) => rendered::run(globals, &arguments).await,
        Tasks::Why(arguments) => why::run(globals, &arguments).await,
    }
}
