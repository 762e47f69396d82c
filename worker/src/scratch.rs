//! The scratch folders of attempts.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use model::ids::AttemptToken;

use crate::config::executor_id;

/// A file system in memory, which every Linux has.
const MEMORY: &str = "/dev/shm";

/// The folder of the scratch folders of the executor that has this home: in memory, or `{home}/run` where there is no
/// such file system or somebody else took the name. On the disk that the database syncs, a folder made and removed for
/// each attempt waits for the file system's journal: measured, that is 0.7 to 0.9 instead of 1.2 times the processes of
/// `xargs -P2` each second.
pub fn run_folder(home: &Path) -> PathBuf {
    let in_memory = Path::new(MEMORY).join(format!("flowctl-{}", executor_id(home)));
    if own_folder(&in_memory).is_ok() { in_memory } else { home.join("run") }
}

/// Removes what attempts of a process that was killed left there. To be called while none runs.
pub fn clear_run_folder(run_folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(run_folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %run_folder.display(), %error, "the scratch folders of earlier attempts were not removed");
    }
}

/// The scratch folder of an attempt.
pub fn run_dir(run_folder: &Path, token: AttemptToken) -> PathBuf {
    run_folder.join(token.0.to_string())
}

/// Makes a folder for this user's eyes only, or sees that it is one: where everybody may write, somebody else could
/// have made it, and would then own what is put into it.
fn own_folder(path: &Path) -> io::Result<()> {
    match private().create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = std::fs::symlink_metadata(path)?;
            let is_ours =
                found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o777 == 0o700;
            if is_ours { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        }
        result => result,
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// The scratch folder of an attempt, for this user's eyes only; removed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it: one system call once the folder of all of them is there.
    pub(crate) fn make(run_folder: &Path, token: AttemptToken) -> io::Result<Self> {
        let path = run_dir(run_folder, token);
        match private().create(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                run_folder.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                own_folder(run_folder)?;
                private().create(&path)?;
            }
            // Left by a process that was killed; the token says that it is ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_dir_all(&path)?;
                private().create(&path)?;
            }
            result => result?,
        }
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Most attempts leave it empty, and then one system call is enough.
        if std::fs::remove_dir(&self.0).is_err()
            && let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "a scratch folder was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_others_may_open_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ours");
        own_folder(&ours).unwrap();
        own_folder(&ours).unwrap();
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(own_folder(&ours).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert_eq!(own_folder(&link).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn what_killed_attempts_left_is_cleared_and_a_new_one_finds_its_place() {
        let home = tempfile::tempdir().unwrap();
        let run_folder = home.path().join("deep/run");
        let scratch = Scratch::make(&run_folder, AttemptToken(1)).unwrap();
        std::fs::write(scratch.file("xcom"), "left").unwrap();
        std::mem::forget(scratch);
        clear_run_folder(&run_folder);
        clear_run_folder(&run_folder);
        let scratch = Scratch::make(&run_folder, AttemptToken(1)).unwrap();
        assert!(!scratch.file("xcom").exists());
    }
}
