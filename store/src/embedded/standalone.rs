//! The database of `flowctl standalone`: under its home, as long as it runs.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sqlx::{Connection, PgConnection};

use super::binaries::Binaries;
use super::cluster::{Cluster, ClusterError};

/// Name of the database in the cluster.
const DATABASE: &str = "flowctl";

/// What PostgreSQL says while it starts up or recovers.
const CANNOT_CONNECT_NOW: &str = "57P03";
/// How often to look whether it is ready.
const LOOK: Duration = Duration::from_millis(20);

/// The home is this process's: the lock ends with the process, however it ends.
#[derive(Debug)]
pub struct HomeLock(#[expect(dead_code, reason = "held, not read")] Flock<File>);

/// How long the lock of a process that has ended may last.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// A running cluster, and the lock on its home.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    cluster: Cluster,
    _lock: HomeLock,
}

impl EmbeddedPostgres {
    /// Locks the home, then starts its cluster (or takes over one that outlived a killed flowctl). `fsync` stays on:
    /// what is acknowledged is on the disk.
    pub async fn start(home: &Path, binaries: Binaries) -> Result<Self, ClusterError> {
        let lock = HomeLock::take(home)?;
        let cluster = Cluster::new(binaries, Cluster::base_for(home)?, &["max_wal_size=2GB"])?;
        start(&cluster).await?;
        let embedded = Self { cluster, _lock: lock };
        embedded.create_database().await?;
        Ok(embedded)
    }

    /// Whether a home has a database, running or not.
    pub fn exists(home: &Path) -> Result<bool, ClusterError> {
        Ok(Cluster::base_for(home)?.join("data").join("PG_VERSION").exists())
    }

    /// The address that the database of a home has while another process runs it.
    pub fn url_of(home: &Path, binaries: Binaries) -> Result<String, ClusterError> {
        Ok(Cluster::new(binaries, Cluster::base_for(home)?, &[])?.url(DATABASE))
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.cluster.url(DATABASE)
    }

    /// Stops the cluster and gives the home back.
    pub async fn stop(self) -> Result<(), ClusterError> {
        let cluster = self.cluster.clone();
        tokio::task::spawn_blocking(move || cluster.stop())
            .await
            .map_err(|error| ClusterError::Program { program: "pg_ctl".to_owned(), output: error.to_string() })?
    }

    /// Connects once it is ready. One that was taken over may still be recovering, or be on its way down: then it is
    /// started again.
    async fn connect(&self) -> Result<PgConnection, ClusterError> {
        let mut was_going_down = false;
        loop {
            match PgConnection::connect(&self.cluster.url("postgres")).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(CANNOT_CONNECT_NOW) => {
                    tokio::time::sleep(LOOK).await;
                }
                Err(sqlx::Error::Io(_)) if !was_going_down => {
                    was_going_down = true;
                    start(&self.cluster).await?;
                }
                result => return Ok(result?),
            }
        }
    }

    async fn create_database(&self) -> Result<(), ClusterError> {
        let mut connection = self.connect().await?;
        let exists: bool =
            sqlx::query_scalar("-- database.exists\nSELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(DATABASE)
                .fetch_one(&mut connection)
                .await?;
        if !exists {
            sqlx::query("-- database.create\nCREATE DATABASE flowctl").execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

async fn start(cluster: &Cluster) -> Result<(), ClusterError> {
    let cluster = cluster.clone();
    tokio::task::spawn_blocking(move || cluster.start())
        .await
        .map_err(|error| ClusterError::Program { program: "pg_ctl".to_owned(), output: error.to_string() })?
}

impl HomeLock {
    /// Takes it, or says which process has it. One that has ended may hold it a moment longer: in a child that it was
    /// starting, until that child is another program.
    pub fn take(home: &Path) -> Result<Self, ClusterError> {
        let failed = |source| ClusterError::Directory { directory: home.to_owned(), source };
        std::fs::create_dir_all(home).map_err(failed)?;
        let path = home.join("standalone.lock");
        let started = Instant::now();
        loop {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
            let (mut file, reason) = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut lock) => {
                    lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
                    write!(lock, "{}", std::process::id()).map_err(failed)?;
                    return Ok(Self(lock));
                }
                Err(refused) => refused,
            };
            if reason != Errno::EWOULDBLOCK {
                return Err(failed(reason.into()));
            }
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            if super::server::is_alive(&pid) || started.elapsed() > LAST_MOMENT {
                return Err(ClusterError::InUse { home: home.to_owned(), pid });
            }
            std::thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    fn binaries() -> Binaries {
        Binaries::find(None, std::env::var_os("PATH").as_deref()).unwrap()
    }

    #[tokio::test]
    async fn a_second_flowctl_with_the_same_home_is_refused_by_name() {
        let home = home();
        let first = EmbeddedPostgres::start(home.path(), binaries()).await.unwrap();
        let error = EmbeddedPostgres::start(home.path(), binaries()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
        first.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_outlived_its_flowctl_is_taken_over_with_what_was_committed() {
        let home = home();
        let first = EmbeddedPostgres::start(home.path(), binaries()).await.unwrap();
        let mut connection = PgConnection::connect(&first.url()).await.unwrap();
        sqlx::raw_sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
            .execute(&mut connection)
            .await
            .unwrap();
        // What `kill -9` leaves behind: the lock is gone, the server is not.
        drop(first);
        let second = EmbeddedPostgres::start(home.path(), binaries()).await.unwrap();
        let mut connection = PgConnection::connect(&second.url()).await.unwrap();
        let kept: i32 = sqlx::query_scalar("SELECT id FROM kept").fetch_one(&mut connection).await.unwrap();
        assert_eq!(kept, 7);
        connection.close().await.unwrap();
        second.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_of_another_version_is_refused_and_left_alone() {
        let home = home();
        let data = Cluster::base_for(home.path()).unwrap().join("data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("PG_VERSION"), "9\n").unwrap();
        let error = EmbeddedPostgres::start(home.path(), binaries()).await.unwrap_err();
        assert!(error.to_string().contains("was made by PostgreSQL 9"), "{error}");
        assert!(data.join("PG_VERSION").is_file());
    }
}
