//! `flowctl runs watch`.

use std::collections::HashMap;
use std::process::ExitCode;

use api::{DagRun, TaskInstance, TaskInstanceCollection};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::follow::{exit_code, follow, has_ended};
use super::show::{Shown, show};
use super::{tree, wait};
use crate::client::Client;
use crate::commands::place::RunArguments;
use crate::globals::Globals;
use crate::output::Target;

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    run: RunArguments,
    /// Prints the tasks' logs as they grow, instead of the tree.
    #[arg(long)]
    logs: bool,
}

/// Shows a run until it has ended; then prints it as `runs show` does.
pub(super) async fn run(globals: &Globals, arguments: &Watch) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, run_id) = (&arguments.run.dag_id, arguments.run.resolve(&client).await?);
    let ended = if arguments.logs {
        wait::run(&client, dag_id, &run_id, true).await?
    } else {
        let ended = redraw(&client, dag_id, &run_id).await?;
        if let Some(run) = &ended {
            show(globals.output(), &Shown::load(&client, run.clone()).await?)?;
        }
        ended
    };
    Ok(exit_code(dag_id, &run_id, ended.as_ref()))
}

/// In a terminal, draws the tree in the place of the one before; the end is not drawn: it is to stay. Otherwise tells
/// each change of a state in a line.
async fn redraw(client: &Client, dag_id: &str, run_id: &str) -> anyhow::Result<Option<DagRun>> {
    let picture = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    picture.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut told = Told::default();
    let ended = follow(client, dag_id, run_id, async |run: &DagRun| {
        if picture.is_hidden() {
            let path = ["dags", dag_id, "dagRuns", run_id, "taskInstances"];
            for line in told.changes(&client.all::<TaskInstanceCollection>(&path, &[]).await?) {
                anstream::eprintln!("{line}");
            }
        } else if !has_ended(run) {
            let shown = Shown::load(client, run.clone()).await?;
            picture.set_message(tree::draw(&shown, Target::Stderr));
        }
        Ok(())
    })
    .await;
    picture.finish_and_clear();
    ended
}

/// The states that were told already, by task and element.
#[derive(Debug, Default)]
struct Told(HashMap<(String, i32), String>);

impl Told {
    /// A line for each state that is new.
    fn changes(&mut self, instances: &[TaskInstance]) -> Vec<String> {
        let mut lines = Vec::new();
        for instance in instances {
            let Some(state) = &instance.state else { continue };
            let last = self.0.insert((instance.task_id.clone(), instance.map_index), state.clone());
            if last.as_ref() != Some(state) {
                lines.push(format!("{}: {state}", tree::element(&instance.task_id, instance.map_index)));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::Told;
    use crate::commands::runs::tree::instance;

    #[test]
    fn each_state_is_told_once_and_what_was_not_looked_at_yet_not_at_all() {
        let mut told = Told::default();
        let look = |state| [instance("a", -1, state, (1, 0), None), instance("b", 2, "running", (1, 0), None)];
        assert_eq!(told.changes(&look("none")), ["b[2]: running"]);
        assert_eq!(told.changes(&look("running")), ["a: running"]);
        assert_eq!(told.changes(&look("running")), [] as [String; 0]);
        assert_eq!(told.changes(&look("success")), ["a: success"]);
    }
}
