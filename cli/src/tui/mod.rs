//! `flowctl tui`: DAGs, runs, tasks and logs in the terminal, live, against any server that speaks the API.
//!
//! 1. The shell (`shell`) waits for a key, an answer, or the passing of time;
//! 2. the state (`state`) folds that, and says what is to be asked: pure;
//! 3. the shell sends it off (`ask`), at most one request of a kind at a time, and never waits for it;
//! 4. the view (`view`) draws the state: pure.
//!
//! What a server says reaches the terminal through `text::clean` only.

mod ask;
mod keys;
mod layout;
mod shell;
mod state;
mod terminal;
mod text;
mod view;

#[cfg(test)]
mod fixtures;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;

use crate::client::Client;
use crate::commands::place::{Place, RunArguments};
use crate::failure::Failure;
use crate::globals::Globals;

/// Where to begin.
#[derive(Debug, Args)]
pub(crate) struct Tui {
    /// Opens the runs of this DAG.
    #[arg(value_name = "DAG")]
    dag_id: Option<String>,
    /// Opens this run of it: its id, or `latest` or `-` for the newest.
    #[arg(value_name = "RUN")]
    run_id: Option<String>,
}

/// Runs until a person quits.
pub(crate) async fn run(globals: &Globals, arguments: Tui) -> anyhow::Result<ExitCode> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::usage("`flowctl tui` needs a terminal as its stdin and stdout")
            .hint("`flowctl dags list`, `runs show` and `tasks logs -f` print the same for pipes and files")
            .into());
    }
    let client = globals.client()?;
    let Some(dag_id) = arguments.dag_id else { return shell::run(client, None).await };
    let Some(run_id) = arguments.run_id else {
        let look = async { Ok(client.get::<api::Dag>(&["dags", &dag_id], &[]).await?) };
        Place::dag(&dag_id).within(&client, look).await?;
        return shell::run(client, Some((&dag_id, None))).await;
    };
    let run_id = known_run(&client, &dag_id, run_id).await?;
    shell::run(client, Some((&dag_id, Some(&run_id)))).await
}

/// The id of a run, which exists.
async fn known_run(client: &Client, dag_id: &str, run_id: String) -> anyhow::Result<String> {
    let run_id = RunArguments { dag_id: dag_id.to_owned(), run_id }.resolve(client).await?;
    let path = ["dags", dag_id, "dagRuns", &run_id];
    let look = async { Ok(client.get::<api::DagRun>(&path, &[]).await?) };
    Ok(Place::run(dag_id, &run_id).within(client, look).await?.dag_run_id)
}
