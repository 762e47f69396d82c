//! `flowctl tasks why`.

use std::process::ExitCode;

use api::{DagRunWaiting, TaskInstance};

use super::TaskArguments;
use crate::globals::Globals;
use crate::output::{Format, moment, print};

/// Prints a sentence.
pub(super) async fn run(globals: &Globals, arguments: &TaskArguments) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let instance = arguments.load(&client).await?;
    let path = ["dags", &instance.dag_id, "dagRuns", &instance.dag_run_id, "waiting"];
    let run: DagRunWaiting = client.get(&path, &[]).await?;
    let found = run
        .task_instances
        .into_iter()
        .find(|waiting| waiting.task_id == instance.task_id && waiting.map_index == instance.map_index);
    match globals.output().format() {
        Format::Json | Format::Yaml => globals.output().data(&found)?,
        Format::Table | Format::Plain => {
            print(&found.map_or_else(|| state(&instance), |waiting| waiting.reason))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to say when nothing keeps it.
fn state(instance: &TaskInstance) -> String {
    match instance.state.as_deref() {
        Some("running") => format!("it is running since {}", moment(instance.start_date)),
        Some("success") => format!("it succeeded at {}", moment(instance.end_date)),
        Some(state) => format!("it is {}", state.replace('_', " ")),
        None => "the scheduler has not looked at it yet".to_owned(),
    }
}
