//! Each service from the settings.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use scheduler::ports::Clock;
use scheduler::processor::ProcessorConfig;
use scheduler::service::{DagProcessorConfig, SchedulerConfig, SystemClock};
use store::Store;
use store::event_log::By;
use tokio::net::TcpListener;
use uuid::Uuid;
use webserver::doors::Doors;
use webserver::layout::Layouts;
use webserver::oidc::Oidc;
use webserver::pages::{Hub, Pages};
use worker::WorkerConfig;

use crate::config::Settings;
use crate::failure::Failure;

/// This process, as the database knows it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    id: Uuid,
    hostname: String,
}

/// Names this process.
#[expect(clippy::disallowed_methods, reason = "the process names itself")]
pub(crate) fn process() -> Process {
    Process { id: Uuid::new_v4(), hostname: hostname() }
}

/// The name of this machine.
pub(crate) fn hostname() -> String {
    let hostname = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    hostname.unwrap_or_else(|_| "localhost".to_owned())
}

/// The application's clock.
pub(crate) fn clock() -> Timestamp {
    SystemClock.now()
}

/// A scheduler.
pub(crate) fn scheduler(
    settings: &Settings,
    process: Process,
    with_dag_processor: bool,
) -> anyhow::Result<SchedulerConfig> {
    Ok(SchedulerConfig {
        id: process.id,
        hostname: process.hostname,
        home: settings.home.clone(),
        dags_folder: settings.dags_folder.clone(),
        default_timezone: settings.default_timezone.clone(),
        dags_are_paused_at_creation: settings.dags_are_paused_at_creation,
        limits: settings.limits,
        worker: WorkerConfig { run_folder: worker::run_folder(&settings.home), ..settings.worker() },
        notifications: settings.notifications(),
        places: settings.places()?,
        with_dag_processor,
    })
}

/// A DAG processor in a process of its own.
pub(crate) fn dag_processor(settings: &Settings, process: Process) -> DagProcessorConfig {
    DagProcessorConfig {
        id: process.id,
        hostname: process.hostname,
        processor: ProcessorConfig {
            folder: settings.dags_folder.clone(),
            defaults: settings.dag_defaults(),
            are_paused_at_creation: settings.dags_are_paused_at_creation,
        },
    }
}

/// What the web server shows.
pub(crate) async fn pages(settings: &Settings, store: &Store) -> anyhow::Result<Pages> {
    let oidc = settings.oidc()?.map(Oidc::new).transpose().context("the identity provider cannot be asked")?;
    let is_https = settings.base_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    let doors = Doors::new(store.clone(), clock).with_oidc(oidc).over_https(is_https);
    doors.check_vouched_roles().await.map_err(|problem| {
        let hint = "correct it, or make the role first: start without it, then `flowctl roles create ROLE`";
        Failure::usage(problem.to_string()).hint(hint)
    })?;
    Ok(Pages {
        store: store.clone(),
        doors,
        home: settings.home.clone(),
        dags_folder: settings.dags_folder.display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: settings.limits,
        clock,
        hub: Hub::default(),
        layouts: Arc::new(Layouts::default()),
        trusted_proxies: settings.trusted_proxies.clone(),
        settings: settings.shown.clone().into(),
    })
}

/// The web server's socket.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "something else listens there".to_owned(),
            _ => error.to_string(),
        };
        Failure::failed(format!("port {} of {} cannot be used: {why}", address.port(), address.ip()))
            .hint("stop what uses it, or choose another with --port or webserver.bind")
            .into()
    })
}

/// Who runs this command beside the database, for the audit log: the account of the machine.
pub(crate) fn by() -> By {
    let account = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    By::local(account.filter(|account| !account.is_empty()).unwrap_or_else(|| "unknown".to_owned()), clock())
}
