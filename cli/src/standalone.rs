//! `flowctl standalone`: database, scheduler and web server in one process.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use store::Store;
use store::embedded::HomeLock;
use tokio::net::TcpListener;
use webserver::doors::{Doors, first_account};

use crate::config::Settings;
use crate::globals::Globals;
use crate::services::{self, Services};
use crate::{credentials, examples};

/// Everything in one process with a database of its own.
#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Folder of the DAG files [default: `dags` below the home, which is made if it is not there].
    #[arg(long, value_name = "DIR")]
    dags: Option<PathBuf>,
    /// Port of the web server; 0 takes a free one [default: that of webserver.bind, 8080].
    #[arg(long)]
    port: Option<u16>,
    /// Does not put example DAGs into a new DAG folder.
    #[arg(long)]
    no_examples: bool,
}

/// Runs until Ctrl-C.
pub(crate) async fn run(globals: &Globals, arguments: Standalone) -> anyhow::Result<()> {
    let flag = arguments.dags.map(|folder| ("core.dags_folder", "--dags", folder.display().to_string()));
    let mut settings = services::with_port(globals, arguments.port, flag.as_slice())?;
    settings.start_log();
    services::prepare_home(&settings.home)?;
    settings.home = settings.home.canonicalize().context("the home cannot be used")?;
    prepare_dags(&mut settings, arguments.no_examples)?;
    let listener = services::bind(settings.bind).await?;
    if let Some(url) = &settings.database_url {
        // Two processes on one home would end each other's tasks.
        let _home = HomeLock::take(&settings.home)?;
        return serve(&settings, url, listener).await;
    }
    let embedded = services::embedded(&settings.home).await?;
    let result = serve(&settings, &embedded.url(), listener).await;
    embedded.stop().await?;
    result
}

/// The folder below the home is made with the examples in it; any other must be there.
fn prepare_dags(settings: &mut Settings, no_examples: bool) -> anyhow::Result<()> {
    let folder = &settings.dags_folder;
    if !folder.exists() && *folder == settings.home.join("dags") {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the DAG folder {} cannot be made", folder.display()))?;
        if !no_examples {
            examples::write_to(folder)?;
        }
    }
    services::require_folder(folder)?;
    settings.dags_folder =
        folder.canonicalize().with_context(|| format!("the DAG folder {} cannot be used", folder.display()))?;
    Ok(())
}

async fn serve(settings: &Settings, url: &str, listener: TcpListener) -> anyhow::Result<()> {
    settings.make_key()?;
    let store = services::connect(url, settings.database_connect_timeout).await?.with_keys(settings.keyring()?);
    store.migrate().await.context("the database cannot be brought up to date")?;
    // Before an account is made whose password is told once.
    let pages = services::pages(settings, &store).await?;
    let password = first_account(&store, std::env::var("FLOWCTL_ADMIN_PASSWORD").ok(), services::clock()).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let token = leave_credentials(&store, &settings.home, &address).await?;

    let mut services = Services::new();
    let stop = services.stop();
    services.spawn("web server", async move { Ok(webserver::serve(pages, listener, stop).await?) });
    let mut config = services::scheduler(settings, services::process(), true)?;
    if settings.base_url.is_none() {
        // The port may have been a free one.
        config.notifications.links.base_url = Some(address.clone());
    }
    let (scheduled, stop) = (store.clone(), services.stop());
    services.spawn("scheduler", async move { Ok(scheduler::service::run(scheduled, config, stop).await?) });

    anstream::println!("flowctl is at {address}");
    anstream::println!("DAG files go into {}", settings.dags_folder.display());
    if let Some(password) = password {
        anstream::println!("first login: admin / {password}   (shown this once)");
    }
    let result = services.run().await;
    if let Some(token) = token {
        // It is of no use to anybody any more; when the database is gone, it expires.
        let _ = Doors::new(store.clone(), services::clock).log_out(&token).await;
    }
    store.close().await;
    result
}

/// A token for the commands of this home, in the name of the first administrator; none when there is none.
async fn leave_credentials(store: &Store, home: &Path, address: &str) -> anyhow::Result<Option<String>> {
    let accounts = store.accounts().await.context("the accounts cannot be read")?;
    let is_admin = |account: &&store::account::AccountRow| account.role == "admin" && account.disabled_at.is_none();
    let Some(account) = accounts.iter().find(is_admin) else { return Ok(None) };
    let doors = Doors::new(store.clone(), services::clock);
    let token = doors.token_for(&account.username).await.context("no token for the local command line")?;
    credentials::leave(home, address, &token)?;
    Ok(Some(token))
}
