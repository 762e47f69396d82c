//! `flowctl standalone`: database, scheduler and web server in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use model::limits::Limits;
use scheduler::ports::Clock;
use scheduler::service::{SchedulerConfig, SystemClock};
use store::Store;
use store::embedded::{Binaries, EmbeddedPostgres, HomeLock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use webserver::doors::{Doors, first_account};
use webserver::layout::Layouts;
use webserver::pages::{Hub, Pages};
use worker::WorkerConfig;

/// The example DAGs, as they stand in `dags/`.
const EXAMPLES: [(&str, &str); 2] = [
    ("simple_tutorial.yaml", include_str!("../../dags/simple_tutorial.yaml")),
    ("simple_tutorial.py", include_str!("../../dags/simple_tutorial.py")),
];

/// Everything in one process with a database of its own.
#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Folder of the DAG files [default: `dags` below the home].
    #[arg(long, env = "FLOWCTL_DAGS_FOLDER")]
    dags: Option<PathBuf>,
    /// Where the database, logs and scratch files are [default: ~/.flowctl].
    #[arg(long, env = "FLOWCTL_HOME")]
    home: Option<PathBuf>,
    /// Port of the web server, on 127.0.0.1.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Does not put example DAGs into a new DAG folder.
    #[arg(long)]
    no_examples: bool,
}

/// Runs until Ctrl-C.
pub(crate) async fn run(arguments: Standalone) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("FLOWCTL_LOG").unwrap_or_else(|_| "warn,scheduler=info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let home = match arguments.home {
        Some(home) => home,
        None => std::env::home_dir().context("there is no home directory: name one with --home")?.join(".flowctl"),
    };
    std::fs::create_dir_all(&home).with_context(|| format!("the home {} cannot be made", home.display()))?;
    let home = home.canonicalize().with_context(|| format!("the home {} cannot be used", home.display()))?;
    let dags_folder = prepare_dags(&arguments.dags.unwrap_or_else(|| home.join("dags")), arguments.no_examples)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            bail!("port {} cannot be used ({error}): stop what uses it, or choose another with --port", arguments.port)
        }
    };
    if let Ok(url) = std::env::var("FLOWCTL_DATABASE_URL") {
        // Two processes on one home would end each other's tasks.
        let _home = HomeLock::take(&home)?;
        return serve(&home, dags_folder, &url, listener).await;
    }
    let named = std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from);
    let binaries = Binaries::find(named.as_deref(), std::env::var_os("PATH").as_deref())?;
    let embedded = EmbeddedPostgres::start(&home, binaries).await?;
    let result = serve(&home, dags_folder, &embedded.url(), listener).await;
    embedded.stop().await?;
    result
}

fn prepare_dags(folder: &Path, no_examples: bool) -> anyhow::Result<PathBuf> {
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).with_context(|| format!("the DAG folder {} cannot be made", folder.display()))?;
    if is_new && !no_examples {
        for (name, text) in EXAMPLES {
            std::fs::write(folder.join(name), text)
                .with_context(|| format!("the example {name} cannot be written to {}", folder.display()))?;
        }
    }
    folder.canonicalize().with_context(|| format!("the DAG folder {} cannot be used", folder.display()))
}

async fn serve(home: &Path, dags_folder: PathBuf, url: &str, listener: TcpListener) -> anyhow::Result<()> {
    let store = Store::connect(url).await?;
    store.migrate().await.context("the database cannot be brought up to date")?;
    let password = first_account(&store, std::env::var("FLOWCTL_ADMIN_PASSWORD").ok()).await?;
    let address = listener.local_addr()?;
    anstream::println!("flowctl is at http://{address}");
    anstream::println!("DAG files go into {}", dags_folder.display());
    if let Some(password) = password {
        anstream::println!("first login: admin / {password}   (shown this once)");
    }
    let stop = CancellationToken::new();
    let clock: fn() -> Timestamp = || SystemClock.now();
    let pages = Pages {
        store: store.clone(),
        doors: Doors::new(store.clone(), clock),
        home: home.to_owned(),
        dags_folder: dags_folder.display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        limits: Limits::default(),
        clock,
        hub: Hub::default(),
        layouts: Arc::new(Layouts::default()),
    };
    #[expect(clippy::disallowed_methods, reason = "the process names itself")]
    let id = Uuid::new_v4();
    let config = SchedulerConfig {
        id,
        hostname: nix::unistd::gethostname()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned()),
        home: home.to_owned(),
        dags_folder,
        default_timezone: "UTC".to_owned(),
        dags_are_paused_at_creation: false,
        limits: Limits::default(),
        worker: WorkerConfig::new(home),
    };
    let scheduling = tokio::spawn(scheduler::service::run(store.clone(), config, stop.clone()));
    let serving = tokio::spawn(webserver::serve(pages, listener, stop.clone()));
    signalled().await?;
    anstream::eprintln!("stopping; once more to stop at once");
    stop.cancel();
    tokio::select! {
        result = async { (scheduling.await, serving.await) } => {
            result.0??;
            result.1??;
        }
        result = signalled() => result?,
    }
    store.close().await;
    Ok(())
}

async fn signalled() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}
