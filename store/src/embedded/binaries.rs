//! Where PostgreSQL's programs are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// The oldest major version that the SQL of this crate runs on.
const OLDEST: u32 = 14;

/// A directory with `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// Looks in `FLOWCTL_POSTGRES_BIN` (`named`), then for the newest of the system's packages, then in `path`. When
    /// there is none, and this build has the feature `embedded-postgres`, its own is unpacked for `home`.
    pub fn find(named: Option<&Path>, path: Option<&OsStr>, home: &Path) -> Result<Self, ClusterError> {
        if let Some(directory) = named {
            return Self::at(directory).ok_or_else(|| ClusterError::BadBinaries(directory.to_owned()));
        }
        let packages = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
        let newest = packages.filter_map(|entry| Self::at(&entry.path().join("bin"))).max_by_key(|found| found.major);
        let on_path = || std::env::split_paths(path?).find_map(|directory| Self::at(&directory));
        newest.or_else(on_path).map_or_else(|| Self::baked(home), Ok)
    }

    /// Those of the binary, beside the cluster that they are for: where the user that runs it can reach them.
    #[cfg(feature = "embedded-postgres")]
    pub(super) fn baked(home: &Path) -> Result<Self, ClusterError> {
        let base = super::Cluster::base_for(home)?;
        let directory = super::archive::unpack(base.parent().unwrap_or(home))?;
        Self::at(&directory).ok_or_else(|| ClusterError::CannotRun { reason: refusal(&directory), directory })
    }

    #[cfg(not(feature = "embedded-postgres"))]
    pub(super) const fn baked(_home: &Path) -> Result<Self, ClusterError> {
        Err(ClusterError::NoBinaries)
    }

    fn at(directory: &Path) -> Option<Self> {
        if !["initdb", "pg_ctl", "postgres"].iter().all(|program| directory.join(program).is_file()) {
            return None;
        }
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        (major >= OLDEST).then(|| Self { directory: directory.to_owned(), major })
    }
}

/// Why a `postgres` does not run here: the dynamic linker names the library that is missing.
#[cfg(feature = "embedded-postgres")]
fn refusal(directory: &Path) -> String {
    match Command::new(directory.join("postgres")).arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// `15` of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` and of `postgres (PostgreSQL) 19devel`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(major_version("nonsense"), None);
    }

    #[test]
    fn a_named_directory_without_postgres_is_refused_by_name() {
        let error = Binaries::find(Some(Path::new("/does/not/exist")), None, Path::new("/nowhere")).unwrap_err();
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }
}
