//! A PostgreSQL of the benchmark's own, with the settings that `flowctl standalone` uses: fsync is on.

use std::path::PathBuf;

use anyhow::Result;
use store::Store;
use store::embedded::{Binaries, EmbeddedPostgres};
use tempfile::TempDir;

/// A migrated, empty database, and the home it lives in.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) home: TempDir,
    embedded: EmbeddedPostgres,
}

impl Database {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self> {
        let home = tempfile::Builder::new()
            .prefix("flowctl-bench-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let named = std::env::var_os("FLOWCTL_POSTGRES_BIN").map(PathBuf::from);
        let binaries = Binaries::find(named.as_deref(), std::env::var_os("PATH").as_deref())?;
        let embedded = EmbeddedPostgres::start(home.path(), binaries).await?;
        let store = Store::connect(&embedded.url()).await?;
        store.migrate().await?;
        Ok(Self { store, home, embedded })
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> Result<()> {
        self.store.close().await;
        Ok(self.embedded.stop().await?)
    }
}
