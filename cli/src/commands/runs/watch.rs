//! `flowctl runs watch`.

use std::process::ExitCode;

use api::DagRun;
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

/// In a terminal, draws the tree in the place of the one before. The end is not drawn: it is to stay.
async fn redraw(client: &Client, dag_id: &str, run_id: &str) -> anyhow::Result<Option<DagRun>> {
    let picture = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    picture.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let ended = follow(client, dag_id, run_id, async |run: &DagRun| {
        if !picture.is_hidden() && !has_ended(run) {
            let shown = Shown::load(client, run.clone()).await?;
            picture.set_message(tree::draw(&shown, Target::Stderr));
        }
        Ok(())
    })
    .await;
    picture.finish_and_clear();
    ended
}
