//! `flowctl workers`: the processes that run attempts.

use std::process::ExitCode;

use api::{Worker, WorkerCollection};
use clap::Subcommand;

use crate::client::{Client, Error};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Workers {
    /// Schedulers with their local executors: which one runs attempts, how many, and which stand by.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Has a worker take no new attempts until it is undrained or restarted; what runs in it goes on.
    Drain {
        /// Its id, or the beginning of it, or its machine.
        #[arg(value_name = "WORKER")]
        worker: String,
        /// Lets it take attempts again.
        #[arg(long)]
        undo: bool,
    },
    /// Forgets a worker that is gone.
    Remove {
        /// Its id, or the beginning of it, or its machine.
        #[arg(value_name = "WORKER")]
        worker: String,
    },
}

const COLUMNS: [Column<Worker>; 7] = [
    Column { title: "id", cell: |worker| worker.id.as_str().into() },
    Column { title: "hostname", cell: |worker| worker.hostname.as_str().into() },
    Column { title: "pid", cell: |worker| worker.pid.to_string().into() },
    Column { title: "state", cell: |worker| worker.state.as_str().into() },
    Column { title: "attempts", cell: |worker| worker.attempts.to_string().into() },
    Column { title: "started", cell: |worker| moment(Some(worker.start_date)).into() },
    Column { title: "heard of", cell: |worker| moment(Some(worker.latest_heartbeat)).into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Workers) -> anyhow::Result<ExitCode> {
    let client = globals.client()?;
    match verb {
        Workers::List { page } => {
            let (workers, total) = page.of::<WorkerCollection>(&client, &["workers"], &[]).await?;
            globals.output().list(&workers, &COLUMNS, total)?;
        }
        Workers::Drain { worker, undo } => {
            let worker = find(&client, &worker).await?;
            let verb = if undo { "undrain" } else { "drain" };
            client.post_empty(&["workers", &worker.id, verb]).await.map_err(refused)?;
            let then = if undo {
                "takes attempts again"
            } else {
                "takes no new attempts; `flowctl workers list` shows those that it has"
            };
            anstream::eprintln!("worker `{}` of {} {then}", worker.id, worker.hostname);
        }
        Workers::Remove { worker } => {
            let worker = find(&client, &worker).await?;
            client.delete(&["workers", &worker.id]).await.map_err(refused)?;
            anstream::eprintln!("worker `{}` of {} is forgotten", worker.id, worker.hostname);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Refused { status: 409, detail } => Failure::failed(detail).into(),
        error => error.into(),
    }
}

/// The one worker that is meant.
async fn find(client: &Client, wanted: &str) -> anyhow::Result<Worker> {
    let workers = client.all::<WorkerCollection>(&["workers"], &[]).await?;
    let total = workers.len();
    let mut meant = workers.into_iter().filter(|worker| worker.id.starts_with(wanted) || worker.hostname == wanted);
    let failure = match (meant.next(), meant.count()) {
        (Some(worker), 0) => return Ok(worker),
        (Some(_), others) => Failure::usage(format!("`{wanted}` may be any of {} workers", others + 1)),
        (None, _) => Failure::not_found(format!("no worker `{wanted}`; `flowctl workers list` shows {total}")),
    };
    Err(failure.hint("`flowctl workers list` shows their ids").into())
}
