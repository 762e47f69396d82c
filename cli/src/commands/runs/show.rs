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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    pub(crate) dag_run: DagRun,
    pub(crate) task_instances: Vec<TaskInstance>,
    pub(crate) waiting: DagRunWaiting,
    pub(crate) missed_deadlines: Vec<MissedDeadline>,
    /// Messages that were given up.
    pub(crate) failed_callbacks: Vec<Callback>,
    /// When it was loaded.
    #[serde(skip)]
    pub(crate) at: Timestamp,
}

impl Shown {
    /// Loads what belongs to a run.
    pub(crate) async fn load(client: &Client, dag_run: DagRun) -> Result<Self, Error> {
        let path = ["dags", &dag_run.dag_id, "dagRuns", &dag_run.dag_run_id];
        let [waiting, instances, deadlines] =
            ["waiting", "taskInstances", "missedDeadlines"].map(|what| [&path[..], &[what]].concat());
        let (waiting, task_instances, deadlines, failed_callbacks) = tokio::try_join!(
            Box::pin(client.get_own::<DagRunWaiting>(&waiting, &[])),
            Box::pin(client.all::<TaskInstanceCollection>(&instances, &[])),
            Box::pin(client.get_own::<MissedDeadlineCollection>(&deadlines, &[])),
            Box::pin(failed_callbacks(client, &dag_run)),
        )?;
        let missed_deadlines = deadlines.missed_deadlines;
        Ok(Self { dag_run, task_instances, waiting, missed_deadlines, failed_callbacks, at: SystemClock.now() })
    }
}

async fn failed_callbacks(client: &Client, run: &DagRun) -> Result<Vec<Callback>, Error> {
    let query =
        [("dag_id", run.dag_id.clone()), ("dag_run_id", run.dag_run_id.clone()), ("state", "failed".to_owned())];
    match client.all::<CallbackCollection>(&["callbacks"], &query).await {
        Err(Error::NoOperation { .. }) => Ok(Vec::new()),
        found => found,
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
