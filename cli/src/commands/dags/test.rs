//! `flowctl dags test`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use model::state::DagRunState;
use worker::WorkerConfig;

use crate::commands::conf;
use crate::commands::when::{self, When};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::test_run::{self, TestRun};
use crate::{config, local_dags};

/// One run in the foreground, without database or server.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Id of a DAG in the DAG folder, or the path of its file.
    dag: String,
    /// The date that the run is about [default: now]; without an offset in the DAG's time zone.
    #[arg(long, value_name = "D", value_parser = when::parse)]
    date: Option<When>,
    /// What the run is triggered with: a JSON object, `@FILE`, or `@-` for stdin.
    #[arg(long, value_name = "JSON")]
    conf: Option<String>,
    /// Runs only these tasks, or the tasks of these groups, in their order; what others would have pushed is missing.
    #[arg(long = "task", value_name = "T", num_args = 1..)]
    tasks: Vec<String>,
}

/// Makes the run.
pub(super) async fn run(globals: &Globals, arguments: &Test) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    settings.start_log();
    let local = local_dags::find(&settings, &arguments.dag)?;
    let logical_date = arguments.date.map(|when| local.instant(when)).transpose()?;
    let conf = arguments.conf.as_deref().map(conf::read).transpose()?.unwrap_or_default();
    let params = model::dag_file::params::merge(&local.dag, &conf).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
        Failure::usage(format!("the params of `{}` are not met: {}", local.dag.dag_id, lines.join("; ")))
    })?;
    let dag = if arguments.tasks.is_empty() {
        local.dag
    } else {
        test_run::only(&local.dag, &arguments.tasks).map_err(|name| {
            let known: Vec<&str> = local.dag.tasks.iter().map(|task| task.task_id.as_str()).collect();
            Failure::not_found(format!("no task or group `{name}` in `{}`", local.dag.dag_id))
                .hint(format!("its tasks are {}", known.join(", ")))
        })?
    };
    let home = tempfile::Builder::new().prefix("flowctl-test-").tempdir().context("no folder for the run")?;
    let own = WorkerConfig::new(home.path());
    let worker =
        WorkerConfig { home: own.home, run_folder: own.run_folder, executor_id: own.executor_id, ..settings.worker() };
    let test = TestRun {
        dag,
        file: local.file,
        logical_date,
        conf,
        params,
        limits: settings.limits,
        notifications: settings.notifications(),
        worker,
        places: settings.places()?,
    };
    let state = test_run::run(test).await?;
    Ok(if state == DagRunState::Success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
