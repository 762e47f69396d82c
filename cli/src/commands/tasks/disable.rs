//! `flowctl tasks disable`, `enable` and `disabled`.

use std::process::ExitCode;

use api::{DisableTaskBody, DisabledTask, DisabledTaskCollection};
use clap::Args;

use crate::commands::place::{DagArgument, Place, RunArguments};
use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// Which task.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    dag: DagArgument,
    /// The task.
    #[arg(value_name = "TASK")]
    task_id: String,
    /// Only in this run (`latest`: the newest); else in all, until further notice.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

impl Disable {
    async fn run_id(&self, client: &crate::client::Client) -> anyhow::Result<Option<String>> {
        let Some(run_id) = self.run.clone() else { return Ok(None) };
        let run = RunArguments { dag_id: self.dag.dag_id.clone(), run_id };
        run.resolve(client).await.map(Some)
    }
}

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    dag: DagArgument,
    #[command(flatten)]
    page: Page,
}

const COLUMNS: [Column<DisabledTask>; 4] = [
    Column { title: "task_id", cell: |task| task.task_id.as_str().into() },
    Column { title: "run", cell: |task| task.dag_run_id.as_deref().unwrap_or("all").into() },
    Column { title: "disabled_by", cell: |task| task.disabled_by.as_str().into() },
    Column { title: "since", cell: |task| moment(Some(task.disabled_at)).into() },
];

/// Disables a task.
pub(super) async fn disable(globals: &Globals, arguments: &Disable) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let body = DisableTaskBody { task_id: arguments.task_id.clone(), dag_run_id: arguments.run_id(&client).await? };
    let work = async { Ok(client.post::<DisabledTaskCollection>(&["dags", dag_id, "disabledTasks"], &body).await?) };
    Place::dag(dag_id).within(&client, work).await?;
    let scope = body.dag_run_id.map_or("until further notice".to_owned(), |run_id| format!("in run `{run_id}`"));
    anstream::eprintln!("`{}` of `{dag_id}` is disabled {scope}: it is skipped when its turn comes", body.task_id);
    Ok(ExitCode::SUCCESS)
}

/// Enables a task.
pub(super) async fn enable(globals: &Globals, arguments: &Disable) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, task_id) = (&arguments.dag.dag_id, &arguments.task_id);
    let query: Vec<_> = arguments.run_id(&client).await?.map(|run_id| ("dag_run_id", run_id)).into_iter().collect();
    let work = async { Ok(client.delete_one(&["dags", dag_id, "disabledTasks", task_id], &query).await?) };
    Place::dag(dag_id).within(&client, work).await?;
    anstream::eprintln!("`{task_id}` of `{dag_id}` is enabled; clear what was skipped to run it");
    Ok(ExitCode::SUCCESS)
}

/// Lists the disabled tasks of a DAG.
pub(super) async fn list(globals: &Globals, arguments: &List) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let work = async { Ok(client.get::<DisabledTaskCollection>(&["dags", dag_id, "disabledTasks"], &[]).await?) };
    let found = Place::dag(dag_id).within(&client, work).await?;
    let page: Vec<_> = arguments.page.cut(&found.disabled_tasks).cloned().collect();
    globals.output().list(&page, &COLUMNS, found.total_entries)?;
    Ok(ExitCode::SUCCESS)
}
