//! `flowctl runs show`.

use std::process::ExitCode;

use api::{
    Callback, CallbackCollection, DagRun, DagRunWaiting, MissedDeadline, MissedDeadlineCollection, TaskInstance,
    TaskInstanceCollection,
};
use jiff::Timestamp;
use scheduler::ports::Clock;
use scheduler::service::SystemClock;
use serde::Serialize;

use super::tree;
use crate::client::{Client, Error};
use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;
use crate::output::{Format, Output, Target, print, print_plain};

/// A run with everything that is shown of it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) dag_run: DagRun,
    pub(super) task_instances: Vec<TaskInstance>,
    pub(super) waiting: DagRunWaiting,
    pub(super) missed_deadlines: Vec<MissedDeadline>,
    /// Messages that were given up.
    pub(super) failed_callbacks: Vec<Callback>,
    /// When it was loaded.
    #[serde(skip)]
    pub(super) at: Timestamp,
}

impl Shown {
    /// Loads what belongs to a run.
    pub(super) async fn load(client: &Client, dag_run: DagRun) -> Result<Self, Error> {
        let path = ["dags", &dag_run.dag_id, "dagRuns", &dag_run.dag_run_id];
        let waiting = client.get_own(&[&path[..], &["waiting"]].concat(), &[]).await?;
        let task_instances =
            client.all::<TaskInstanceCollection>(&[&path[..], &["taskInstances"]].concat(), &[]).await?;
        let path = [&path[..], &["missedDeadlines"]].concat();
        let missed_deadlines = client.get_own::<MissedDeadlineCollection>(&path, &[]).await?.missed_deadlines;
        let of_run = [("dag_id", dag_run.dag_id.clone()), ("dag_run_id", dag_run.dag_run_id.clone())];
        let query = [&of_run[..], &[("state", "failed".to_owned())]].concat();
        let failed_callbacks = match client.all::<CallbackCollection>(&["callbacks"], &query).await {
            Err(Error::NoOperation { .. }) => Vec::new(),
            found => found?,
        };
        Ok(Self { dag_run, task_instances, waiting, missed_deadlines, failed_callbacks, at: SystemClock.now() })
    }
}

/// Prints one run.
pub(super) async fn run(globals: &Globals, arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.dag_id, arguments.resolve(&client).await?);
    let work = async {
        let dag_run = client.get(&["dags", dag_id, "dagRuns", &run_id], &[]).await?;
        Ok(Shown::load(&client, dag_run).await?)
    };
    let shown = Place::run(dag_id, &run_id).within(&client, work).await?;
    show(globals.output(), &shown)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a run: the tree for people, a line per task instance for programs.
pub(super) fn show(output: Output, shown: &Shown) -> anyhow::Result<()> {
    match output.format() {
        Format::Table => print(&tree::draw(shown, Target::Stdout)),
        Format::Plain => {
            let rows: Vec<_> = shown.task_instances.iter().map(|instance| tree::line(shown, instance)).collect();
            print_plain(rows)
        }
        Format::Json | Format::Yaml => output.data(shown),
    }
}
