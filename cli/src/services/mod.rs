//! The services of a deployment, each started from the [`config::Settings`]: alone by a command of its name, all in one
//! process by `flowctl standalone`.
//!
//! 1. `database` finds the database, waits for it, and says whether its schema is the right one;
//! 2. `parts` makes each service from the settings;
//! 3. `supervise` runs them until a signal, or until one of them ends by itself, which is an error.

mod database;
mod parts;
mod supervise;

pub(crate) use database::{Access, access, connect, embedded, require_migrated};
pub(crate) use parts::{bind, by, clock, dag_processor, hostname, pages, process, scheduler};
pub(crate) use supervise::{Services, signalled};

use clap::Args;
use store::embedded::HomeLock;
use webserver::doors::first_account;

use crate::config;
use crate::globals::Globals;

/// `flowctl scheduler`.
#[derive(Debug, Args)]
pub(crate) struct Scheduler {
    /// Does not read the DAG folder: `flowctl dag-processor` does that elsewhere.
    #[arg(long)]
    no_dag_processor: bool,
}

/// Runs a scheduler with the local executor until it is stopped.
pub(crate) async fn run_scheduler(globals: &Globals, arguments: &Scheduler) -> anyhow::Result<()> {
    let settings = config::load(globals, &[])?;
    settings.start_log();
    prepare_home(&settings.home)?;
    // Two executors on one home would end each other's tasks.
    let _home = HomeLock::take(&settings.home)?;
    let store = deployment(&settings).await?;
    let mut services = Services::new();
    if !arguments.no_dag_processor {
        require_folder(&settings.dags_folder)?;
    }
    let config = scheduler(&settings, process(), !arguments.no_dag_processor)?;
    let (scheduled, stop) = (store.clone(), services.stop());
    services.spawn("scheduler", async move { Ok(::scheduler::service::run(scheduled, config, stop).await?) });
    tell("scheduler");
    let result = services.run().await;
    store.close().await;
    result
}

/// Runs a web server until it is stopped.
pub(crate) async fn run_webserver(globals: &Globals, port: Option<u16>) -> anyhow::Result<()> {
    let settings = with_port(globals, port, &[])?;
    settings.start_log();
    prepare_home(&settings.home)?;
    let listener = bind(settings.bind).await?;
    let store = deployment(&settings).await?;
    // Before an account is made whose password is told once.
    let pages = pages(&settings, &store).await?;
    let password = first_account(&store, std::env::var("FLOWCTL_ADMIN_PASSWORD").ok(), clock()).await?;
    anstream::println!("flowctl is at http://{}", listener.local_addr()?);
    if let Some(password) = password {
        anstream::println!("first login: admin / {password}   (shown this once)");
    }
    let mut services = Services::new();
    let stop = services.stop();
    services.spawn("web server", async move { Ok(webserver::serve(pages, listener, stop).await?) });
    let result = services.run().await;
    store.close().await;
    result
}

/// Reads the DAG folder until it is stopped.
pub(crate) async fn run_dag_processor(globals: &Globals) -> anyhow::Result<()> {
    let settings = config::load(globals, &[])?;
    settings.start_log();
    require_folder(&settings.dags_folder)?;
    let store = deployment(&settings).await?;
    let mut services = Services::new();
    let (config, processed, stop) = (dag_processor(&settings, process()), store.clone(), services.stop());
    services
        .spawn("DAG processor", async move { Ok(::scheduler::service::process_dags(processed, config, stop).await?) });
    tell("DAG processor");
    let result = services.run().await;
    store.close().await;
    result
}

/// The settings, with a port from the command line over that of `webserver.bind`.
pub(crate) fn with_port(
    globals: &Globals,
    port: Option<u16>,
    flags: &[config::Flag],
) -> anyhow::Result<config::Settings> {
    let mut settings = config::load(globals, flags)?;
    if let Some(port) = port {
        settings.bind.set_port(port);
    }
    Ok(settings)
}

async fn deployment(settings: &config::Settings) -> anyhow::Result<store::Store> {
    let store = connect(settings.required_database()?, settings.database_connect_timeout).await?;
    require_migrated(&store).await?;
    Ok(store.with_keys(settings.keyring()?))
}

fn tell(service: &str) {
    anstream::println!("the {service} runs (process {}); Ctrl-C stops it", std::process::id());
}

/// Makes the home if it is not there, and sees whether files can be written to it.
pub(crate) fn prepare_home(home: &std::path::Path) -> anyhow::Result<()> {
    let probe = home.join(format!(".writable-{}", std::process::id()));
    let written = std::fs::create_dir_all(home).and_then(|()| std::fs::write(&probe, ""));
    let _ = std::fs::remove_file(&probe);
    written.map_err(|error| {
        let failure =
            crate::failure::Failure::failed(format!("the home {} cannot be written to: {error}", home.display()));
        failure.hint("choose another with --home or FLOWCTL_HOME, or make it writable for this user").into()
    })
}

/// The DAG folder must be there, and be one.
pub(crate) fn require_folder(folder: &std::path::Path) -> anyhow::Result<()> {
    let problem = match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => match std::fs::read_dir(folder) {
            Ok(_) => return Ok(()),
            Err(error) => format!("the DAG folder {} cannot be read: {error}", folder.display()),
        },
        Ok(_) => format!("the DAG folder {} is not a folder", folder.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("the DAG folder {} does not exist", folder.display())
        }
        Err(error) => format!("the DAG folder {} cannot be used: {error}", folder.display()),
    };
    let hint = "create it, or name another with --dags, FLOWCTL_DAGS_FOLDER or core.dags_folder";
    Err(crate::failure::Failure::failed(problem).hint(hint).into())
}
