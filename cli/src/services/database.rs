//! The database: whose it is, whether it answers, and whether its schema is the right one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use store::Store;
use store::embedded::{Binaries, ClusterError, EmbeddedPostgres};
use store::schema::SchemaState;

use crate::config::Settings;
use crate::failure::Failure;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the wait is told again.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Connects, waiting for a database that does not answer yet. What waiting cannot cure (a wrong password, a database
/// that does not exist) is an error at once.
pub(crate) async fn connect(url: &str, patience: Duration) -> anyhow::Result<Store> {
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let Err(error) = Store::probe(url).await else {
            return Store::connect(url).await.context("the database cannot be reached");
        };
        let reason = chain(&error);
        if !error.may_pass() || started.elapsed() >= patience {
            let hint = "is PostgreSQL running, and is FLOWCTL_DATABASE_URL (database.url) right?";
            return Err(Failure::failed(reason).hint(hint).into());
        }
        if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            let left = patience.saturating_sub(started.elapsed()).as_secs();
            anstream::eprintln!("{reason}; trying for {left} s more");
            told = Some(Instant::now());
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            result = super::signalled() => {
                result?;
                return Err(Failure::failed("stopped while waiting for the database").into());
            }
        }
    }
}

/// An error and its first cause: those below only say the same again.
fn chain(error: &dyn std::error::Error) -> String {
    let innermost = std::iter::successors(error.source(), |cause| cause.source()).last();
    innermost.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// An error that says what to do when the schema is not this program's.
pub(crate) async fn require_migrated(store: &Store) -> anyhow::Result<()> {
    let failure = match store.schema_state().await.context("the database's schema cannot be read")? {
        SchemaState::UpToDate => return Ok(()),
        SchemaState::Behind(missing) => {
            let count = missing.len();
            Failure::failed(format!("the database's schema lacks {count} migration(s), the first is {}", missing[0]))
                .hint("`flowctl db migrate` brings it up to date; services do not do that by themselves")
        }
        SchemaState::Ahead(versions) => {
            Failure::failed(format!("the database was migrated by a newer flowctl ({})", list(&versions)))
                .hint("run the flowctl that migrated it, or a newer one")
        }
        SchemaState::Changed(versions) => Failure::failed(format!(
            "the database was migrated by another build of flowctl: {} differ",
            list(&versions)
        ))
        .hint("run the flowctl that migrated it, or start with an empty database"),
    };
    Err(failure.into())
}

/// Versions of migrations for people.
pub(crate) fn list(versions: &[i64]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Starts the database of a home.
pub(crate) async fn embedded(home: &Path) -> anyhow::Result<EmbeddedPostgres> {
    Ok(EmbeddedPostgres::start(home, binaries(home)?).await?)
}

fn binaries(home: &Path) -> Result<Binaries, ClusterError> {
    let named = std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from);
    Binaries::find(named.as_deref(), std::env::var_os("PATH").as_deref(), home)
}

/// The database for a command that needs no server.
#[derive(Debug)]
pub(crate) struct Access {
    /// The database.
    pub store: Store,
    /// Its address.
    pub url: String,
    /// The home's own database, when this command had to start it.
    started: Option<EmbeddedPostgres>,
}

impl Access {
    /// Whether somebody else runs the database, and so perhaps flowctl's services.
    pub(crate) const fn is_running_elsewhere(&self) -> bool {
        self.started.is_none()
    }

    /// Stops what was started.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.store.close().await;
        match self.started {
            Some(embedded) => Ok(embedded.stop().await?),
            None => Ok(()),
        }
    }
}

/// The configured database, or the home's own: the running one of a standalone, else started for this command.
pub(crate) async fn access(settings: &Settings) -> anyhow::Result<Access> {
    if let Some(url) = &settings.database_url {
        let store = connect(url, Duration::ZERO).await?.with_keys(settings.keyring()?);
        return Ok(Access { store, url: url.clone(), started: None });
    }
    let home = &settings.home;
    if !EmbeddedPostgres::exists(home)? {
        let failure =
            Failure::failed(format!("there is no database: none is named, and none is below {}", home.display()));
        return Err(failure.hint("set FLOWCTL_DATABASE_URL, or start `flowctl standalone` once").into());
    }
    // The other process may only just have started.
    let (url, started, patience) = match EmbeddedPostgres::start(home, binaries(home)?).await {
        Ok(embedded) => (embedded.url(), Some(embedded), Duration::ZERO),
        Err(ClusterError::InUse { .. }) => {
            (EmbeddedPostgres::url_of(home, binaries(home)?)?, None, settings.database_connect_timeout)
        }
        Err(error) => return Err(error.into()),
    };
    let store = connect(&url, patience).await?.with_keys(settings.keyring()?);
    Ok(Access { store, url, started })
}
