//! `flowctl tasks clear`.

use std::process::ExitCode;

use api::{ClearTaskInstancesBody, TaskInstanceCollection, TaskSelector};
use clap::Args;

use super::cleared;
use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;

/// What of which run.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Clear {
    #[command(flatten)]
    run: RunArguments,
    /// The tasks.
    #[arg(required = true, value_name = "TASK")]
    task_ids: Vec<String>,
    /// Only this element of the tasks, which are mapped.
    #[arg(long, value_name = "I")]
    map_index: Option<u32>,
    /// Only these, not what depends on them.
    #[arg(long)]
    only: bool,
    /// Also what they depend on.
    #[arg(long)]
    upstream: bool,
    /// Of those, only what failed, and what did not run because of that.
    #[arg(long)]
    only_failed: bool,
    /// Says what would start over, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Clears tasks of a run, and prints what starts over.
pub(super) async fn run(globals: &Globals, arguments: &Clear) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    for task_id in &arguments.task_ids {
        // A name that does not exist clears nothing of the others.
        let look = async { Ok(super::find(&client, dag_id, &run_id, task_id, arguments.map_index).await?) };
        Place::task(dag_id, &run_id, task_id).within(&client, look).await?;
    }
    let path = ["dags", dag_id, "clearTaskInstances"];
    let affected: TaskInstanceCollection = client.post(&path, &body(arguments, &run_id)).await?;
    cleared::show(globals.output(), &affected, arguments.dry_run)?;
    Ok(ExitCode::SUCCESS)
}

fn select(task_id: String, map_index: Option<u32>) -> TaskSelector {
    match map_index {
        Some(map_index) => TaskSelector::Element(task_id, map_index.cast_signed()),
        None => TaskSelector::Task(task_id),
    }
}

fn body(arguments: &Clear, run_id: &str) -> ClearTaskInstancesBody {
    ClearTaskInstancesBody {
        dry_run: arguments.dry_run,
        start_date: None,
        end_date: None,
        only_failed: arguments.only_failed,
        only_running: false,
        reset_dag_runs: true,
        task_ids: Some(
            arguments.task_ids.iter().cloned().map(|task_id| select(task_id, arguments.map_index)).collect(),
        ),
        dag_run_id: Some(run_id.to_owned()),
        include_upstream: arguments.upstream,
        include_downstream: !arguments.only,
        include_future: false,
        include_past: false,
        run_on_latest_version: false,
        prevent_running_task: false,
        note: None,
    }
}
