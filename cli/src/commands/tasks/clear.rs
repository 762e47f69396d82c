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
    /// Of those, only what runs now: it is stopped and starts over.
    #[arg(long, conflicts_with = "only_failed")]
    only_running: bool,
    /// And the same in runs of earlier logical dates.
    #[arg(long)]
    past: bool,
    /// And the same in runs of later logical dates.
    #[arg(long)]
    future: bool,
    /// The runs go on with the DAG's newest version; else with the one that each started with.
    #[arg(long)]
    latest_version: bool,
    /// Clears nothing when one of them runs.
    #[arg(long, conflicts_with = "only_running")]
    refuse_running: bool,
    /// Says what would start over, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Clears tasks of a run, and prints what starts over.
pub(super) async fn run(globals: &Globals, arguments: &Clear) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    for task_id in &arguments.task_ids {
        // A name that does not exist clears nothing of the others; one of the newest version only may be new.
        if !arguments.latest_version {
            let look = async { Ok(super::find(&client, dag_id, &run_id, task_id, arguments.map_index).await?) };
            Place::task(dag_id, &run_id, task_id).within(&client, look).await?;
        }
    }
    let path = ["dags", dag_id, "clearTaskInstances"];
    let affected: TaskInstanceCollection = client.post(&path, &body(arguments, &run_id)).await?;
    cleared::show(globals.output(), &affected, arguments.dry_run)?;
    Ok(ExitCode::SUCCESS)
}

fn body(arguments: &Clear, run_id: &str) -> ClearTaskInstancesBody {
    ClearTaskInstancesBody {
        dry_run: arguments.dry_run,
        start_date: None,
        end_date: None,
        only_failed: arguments.only_failed,
        only_running: arguments.only_running,
        reset_dag_runs: true,
        task_ids: Some(arguments.task_ids.iter().map(|task_id| selector(task_id, arguments.map_index)).collect()),
        dag_run_id: Some(run_id.to_owned()),
        include_upstream: arguments.upstream,
        include_downstream: !arguments.only,
        include_future: arguments.future,
        include_past: arguments.past,
        run_on_latest_version: arguments.latest_version,
        prevent_running_task: arguments.refuse_running,
        note: None,
    }
}

fn selector(task_id: &str, map_index: Option<u32>) -> TaskSelector {
    match map_index {
        Some(index) => TaskSelector::Element(task_id.to_owned(), index.cast_signed()),
        None => TaskSelector::Task(task_id.to_owned()),
    }
}
