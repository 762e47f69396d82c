//! `flowctl tasks state` and `states-for-run`.

use std::process::ExitCode;

use api::{TaskInstance, TaskInstanceCollection};
use clap::Args;

use super::TaskArguments;
use crate::commands::place::{Place, RunArguments};
use crate::globals::Globals;
use crate::output::{Cell, Column, Format, Page, moment, print, span};

/// Of which run.
#[derive(Debug, Args)]
pub(crate) struct StatesForRun {
    #[command(flatten)]
    run: RunArguments,
    /// Only task instances in this state; may be repeated.
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    #[command(flatten)]
    page: Page,
}

/// The columns of task instances.
pub(super) const COLUMNS: [Column<TaskInstance>; 7] = [
    Column { title: "task_id", cell: |instance| instance.task_id.as_str().into() },
    Column { title: "map_index", cell: |instance| instance.map_index.to_string().into() },
    Column { title: "state", cell: |instance| Cell::state(state(instance), state(instance)) },
    Column { title: "try", cell: |instance| instance.try_number.to_string().into() },
    Column { title: "started", cell: |instance| moment(instance.start_date).into() },
    Column { title: "ended", cell: |instance| moment(instance.end_date).into() },
    Column { title: "duration", cell: |instance| span(instance.duration).into() },
];

fn state(instance: &TaskInstance) -> &str {
    instance.state.as_deref().unwrap_or("none")
}

/// Prints one word, and what somebody remarked on the task instance.
pub(super) async fn one(globals: &Globals, arguments: &TaskArguments) -> anyhow::Result<ExitCode> {
    let instance = arguments.load(&globals.client()?).await?;
    match globals.output().format() {
        Format::Table | Format::Plain => {
            print(state(&instance))?;
            if let Some(note) = &instance.note {
                anstream::eprintln!("note: {note}");
            }
        }
        Format::Json | Format::Yaml => globals.output().data(&instance)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a page of task instances.
pub(super) async fn all(globals: &Globals, arguments: &StatesForRun) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let path = ["dags", dag_id, "dagRuns", &run_id, "taskInstances"];
    let query: Vec<_> = arguments.states.iter().map(|state| ("state", state.clone())).collect();
    let page = arguments.page.of::<TaskInstanceCollection>(&client, &path, &query);
    let (instances, total) = Place::run(dag_id, &run_id).within(&client, page).await?;
    globals.output().list(&instances, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}
