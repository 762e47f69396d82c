//! `flowctl dags trigger`.

use std::process::ExitCode;

use api::{DagRun, TriggerDagRunBody};
use clap::Args;
use scheduler::ports::Clock;
use scheduler::service::SystemClock;
use serde_json::{Map, Value};

use crate::client::{Client, Error};
use crate::commands::conf;
use crate::commands::place::{DagArgument, Place};
use crate::commands::runs::{exit_code, wait};
use crate::commands::when::{self, When};
use crate::failure::{Code, Failure};
use crate::globals::Globals;
use crate::output::{Cell, moment};

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct Trigger {
    #[command(flatten)]
    dag: DagArgument,
    /// Parameters of the run: a JSON object, or `@FILE` with one (`@-`: stdin).
    #[arg(long, value_name = "JSON|@FILE")]
    conf: Option<String>,
    /// Its name [default: `manual__` and the logical date].
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// The date it is about; without an offset in the DAG's time zone [default: now].
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    logical_date: Option<When>,
    /// A remark.
    #[arg(long)]
    note: Option<String>,
    /// Waits until the run has ended; the exit code is the run's: 0 when it succeeded, 1 when it failed.
    #[arg(long)]
    wait: bool,
    /// While waiting, prints the tasks' logs as they grow.
    #[arg(long, requires = "wait")]
    logs: bool,
}

/// Starts a run, and waits for it if that was asked for.
pub(super) async fn run(globals: &Globals, arguments: Trigger) -> anyhow::Result<ExitCode> {
    let conf = arguments.conf.as_deref().map(conf::read).transpose()?;
    let client = globals.client()?;
    let dag_id = &arguments.dag.dag_id;
    let run = Place::dag(dag_id).within(&client, trigger(&client, &arguments, conf)).await?;
    let run_id = &run.dag_run_id;
    if !arguments.wait {
        print(globals, &run)?;
        anstream::eprintln!("`flowctl runs watch {dag_id} {run_id}` follows it");
        return Ok(ExitCode::SUCCESS);
    }
    anstream::eprintln!("triggered run `{run_id}` of `{dag_id}`");
    let ended = wait::run(&client, dag_id, run_id, arguments.logs).await?;
    // With --logs stdout is for the logs; without, a format that was asked for is meant for something.
    if let Some(run) = ended.as_ref().filter(|_| !arguments.logs && globals.output.is_some()) {
        print(globals, run)?;
    }
    Ok(exit_code(dag_id, run_id, ended.as_ref()))
}

fn print(globals: &Globals, run: &DagRun) -> anyhow::Result<()> {
    let fields = [
        ("dag_id", run.dag_id.as_str().into()),
        ("dag_run_id", run.dag_run_id.as_str().into()),
        ("logical_date", moment(run.logical_date).into()),
        ("state", Cell::state(&run.state, run.state.as_str())),
    ];
    globals.output().entry(run, &fields)
}

async fn trigger(client: &Client, arguments: &Trigger, conf: Option<Map<String, Value>>) -> anyhow::Result<DagRun> {
    let dag_id = &arguments.dag.dag_id;
    let logical_date = match arguments.logical_date {
        Some(when) => when.resolve(client, dag_id).await?,
        None => SystemClock.now(),
    };
    let body = TriggerDagRunBody {
        dag_run_id: arguments.run_id.clone(),
        logical_date: Some(logical_date),
        conf,
        note: arguments.note.clone(),
        ..TriggerDagRunBody::default()
    };
    let refused = match client.post(&["dags", dag_id, "dagRuns"], &body).await {
        Ok(run) => return Ok(run),
        Err(Error::Refused { status: 409, detail }) => Failure::new(Code::Failed, detail).hint(format!(
            "`flowctl runs list {dag_id}` shows what is there; choose another --run-id and --logical-date, or \
             `flowctl runs clear` lets the old run start over"
        )),
        Err(Error::Refused { status: 400 | 422, detail }) => {
            Failure::usage(format!("`{dag_id}` cannot run so: {detail}"))
                .hint(format!("`flowctl dags details {dag_id}` shows its params"))
        }
        Err(error) => return Err(error.into()),
    };
    Err(refused.into())
}
