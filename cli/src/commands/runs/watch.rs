//! `flowctl runs watch`.

use std::io::IsTerminal;
use std::process::ExitCode;

use api::DagRun;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::follow::follow;
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
    if arguments.logs {
        return wait::run(&client, dag_id, &run_id, true).await;
    }
    let mut last = None;
    let code = if std::io::stderr().is_terminal() {
        redraw(&client, dag_id, &run_id, &mut last).await?
    } else {
        follow(&client, dag_id, &run_id, async |run: &DagRun| {
            last = Some(run.clone());
            Ok(())
        })
        .await?
    };
    if let Some(run) = last.filter(|run| run.end_date.is_some()) {
        show(globals.output(), &Shown::load(&client, run).await?)?;
    }
    Ok(code)
}

/// Draws the tree in the place of the one before.
async fn redraw(client: &Client, dag_id: &str, run_id: &str, last: &mut Option<DagRun>) -> anyhow::Result<ExitCode> {
    let picture = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    picture.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let code = follow(client, dag_id, run_id, async |run: &DagRun| {
        let shown = Shown::load(client, run.clone()).await?;
        picture.set_message(tree::draw(&shown, Target::Stderr));
        picture.tick();
        *last = Some(shown.dag_run);
        Ok(())
    })
    .await;
    picture.finish_and_clear();
    code
}
