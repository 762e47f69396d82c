//! `flowctl tasks mark`.

use std::process::ExitCode;

use api::{PatchTaskInstanceBody, TaskInstanceCollection};
use clap::{Args, ValueEnum};

use super::TaskArguments;
use super::state::COLUMNS;
use crate::commands::place::Place;
use crate::failure::Failure;
use crate::globals::Globals;

/// An end that a person gives a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    Success,
    Failed,
    Skipped,
}

/// Which task, and how it ended.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Mark {
    #[command(flatten)]
    task: TaskArguments,
    /// Its end. An attempt that runs is stopped; what failed behind it is looked at again.
    #[arg(value_enum)]
    state: End,
    /// And what it depends on.
    #[arg(long)]
    upstream: bool,
    /// And what depends on it.
    #[arg(long)]
    downstream: bool,
    /// And the same in runs of earlier logical dates.
    #[arg(long)]
    past: bool,
    /// And the same in runs of later logical dates.
    #[arg(long)]
    future: bool,
    /// Says what would be marked, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Marks a task, and prints what is marked.
pub(super) async fn run(globals: &Globals, arguments: &Mark) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, task_id) = (&arguments.task.run.dag_id, &arguments.task.task_id);
    let run_id = arguments.task.run.resolve(&client).await?;
    let state = match arguments.state {
        End::Success => "success",
        End::Failed => "failed",
        End::Skipped => "skipped",
    };
    let body = PatchTaskInstanceBody {
        new_state: Some(state.to_owned()),
        note: None,
        include_upstream: arguments.upstream,
        include_downstream: arguments.downstream,
        include_future: arguments.future,
        include_past: arguments.past,
    };
    let element = arguments.task.map_index.to_string();
    let mut path = vec!["dags", dag_id, "dagRuns", &run_id, "taskInstances", task_id];
    if arguments.task.map_index >= 0 {
        path.push(&element);
    }
    if arguments.dry_run {
        path.push("dry_run");
    }
    let work = async { Ok(client.patch::<TaskInstanceCollection>(&path, &body).await?) };
    let marked = Place::task(dag_id, &run_id, task_id).within(&client, work).await?;
    if marked.task_instances.is_empty() {
        return Err(Failure::failed(format!("nothing to mark: `{task_id}` is {state} already")).into());
    }
    anstream::eprintln!("{} {state}:", if arguments.dry_run { "would be marked" } else { "marked" });
    globals.output().list(&marked.task_instances, &COLUMNS, marked.total_entries)?;
    Ok(ExitCode::SUCCESS)
}
