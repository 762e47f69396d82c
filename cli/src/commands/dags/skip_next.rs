//! `flowctl dags skip-next`.

use std::process::ExitCode;

use api::{SkipNext, SkipNextBody};
use clap::Args;

use crate::commands::place::Place;
use crate::globals::Globals;

/// How many runs of which DAG.
#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// The DAG.
    #[arg(value_name = "DAG")]
    dag_id: String,
    /// How many of its next scheduled runs; 0 runs after all what was to be skipped.
    #[arg(value_name = "N", default_value_t = 1)]
    count: u32,
}

/// Leaves out the next runs of a schedule.
pub(super) async fn run(globals: &Globals, arguments: &Skip) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    let (dag_id, body) = (&arguments.dag_id, SkipNextBody { count: arguments.count });
    let work = async { Ok(client.put::<SkipNext>(&["dags", dag_id, "skipNext"], &body).await?) };
    let set = Place::dag(dag_id).within(&client, work).await?;
    let what = match set.count {
        0 => "skips none of its scheduled runs".to_owned(),
        1 => "skips its next scheduled run".to_owned(),
        count => format!("skips its next {count} scheduled runs"),
    };
    anstream::eprintln!("`{}` {what}", set.dag_id);
    Ok(ExitCode::SUCCESS)
}
