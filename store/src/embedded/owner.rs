//! Whom PostgreSQL runs as: it refuses root, so root hands it to an unprivileged user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User, chown};

use super::ClusterError;

/// Users that root may hand the database to, the best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Who owns the cluster's files and runs its processes; nobody in particular when this process is not root.
#[derive(Debug, Clone)]
pub(super) struct Owner(Option<User>);

impl Owner {
    pub(super) fn choose() -> Result<Self, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
        user.map(|user| Self(Some(user))).ok_or(ClusterError::NoUser)
    }

    /// A program that runs as the owner.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self(Some(user)) = self {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    /// Creates a directory that only the owner (and root) may enter.
    pub(super) fn create_private(&self, directory: &Path) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::Directory { directory: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        if let Self(Some(user)) = self {
            chown(directory, Some(user.uid), Some(user.gid)).map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }

    /// The same where anybody may write: what is there already must be a directory of ours, not a link to elsewhere.
    pub(super) fn create_private_among_strangers(&self, directory: &Path) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::Directory { directory: directory.to_owned(), source };
        match std::fs::create_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let found = std::fs::symlink_metadata(directory).map_err(failed)?;
                let is_ours = found.uid() == Uid::effective().as_raw()
                    || self.0.as_ref().is_some_and(|user| found.uid() == user.uid.as_raw());
                if !found.is_dir() || !is_ours {
                    return Err(failed(std::io::Error::other("somebody else made it")));
                }
            }
            result => result.map_err(failed)?,
        }
        self.create_private(directory)
    }

    /// Whether the owner can reach what is below `directory`: each directory above it lets others pass.
    pub(super) fn may_pass(&self, directory: &Path) -> bool {
        let Self(Some(user)) = self else { return true };
        let passes = |directory: &PathBuf| {
            std::fs::metadata(directory)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0 || metadata.uid() == user.uid.as_raw())
        };
        directory.ancestors().map(Path::to_owned).collect::<Vec<_>>().iter().filter(|path| path.exists()).all(passes)
    }
}
