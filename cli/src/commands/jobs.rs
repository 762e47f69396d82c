//! `flowctl jobs`: what the processes of the deployment do.

use std::process::ExitCode;

use api::{Job, JobCollection};
use clap::Subcommand;

use crate::globals::Globals;
use crate::output::{Column, Page, moment};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// Schedulers, triggerers and DAG processors, those that ended too; the newest first.
    List {
        /// Only those that live.
        #[arg(long)]
        alive: bool,
        /// On this machine.
        #[arg(long, value_name = "HOST")]
        hostname: Option<String>,
        /// Of this kind: `SchedulerJob`, `TriggererJob` or `DagProcessorJob`.
        #[arg(long, value_name = "KIND")]
        job_type: Option<String>,
        #[command(flatten)]
        page: Page,
    },
}

const COLUMNS: [Column<Job>; 7] = [
    Column { title: "id", cell: |job| job.id.to_string().into() },
    Column { title: "kind", cell: |job| job.job_type.as_deref().unwrap_or("–").into() },
    Column { title: "state", cell: |job| job.state.as_deref().unwrap_or("–").into() },
    Column { title: "hostname", cell: |job| job.hostname.as_deref().unwrap_or("–").into() },
    Column { title: "executor", cell: |job| job.executor_class.as_deref().unwrap_or("–").into() },
    Column { title: "started", cell: |job| moment(job.start_date).into() },
    Column { title: "heard of", cell: |job| moment(job.latest_heartbeat).into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Jobs) -> anyhow::Result<ExitCode> {
    let Jobs::List { alive, hostname, job_type, page } = verb;
    let mut query = vec![("order_by", "-start_date".to_owned())];
    query.extend(alive.then(|| ("is_alive", "true".to_owned())));
    query.extend(hostname.map(|hostname| ("hostname", hostname)));
    query.extend(job_type.map(|kind| ("job_type", kind)));
    let (jobs, total) = page.of::<JobCollection>(&globals.client()?, &["jobs"], &query).await?;
    globals.output().list(&jobs, &COLUMNS, total)?;
    Ok(ExitCode::SUCCESS)
}
