//! The scratch folder of an attempt.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use model::ids::AttemptToken;

/// `{home}/run/{token}`: the scratch folder of an attempt.
pub fn run_dir(home: &Path, token: AttemptToken) -> PathBuf {
    home.join("run").join(token.0.to_string())
}

/// `{home}/run/{token}/`, for this user's eyes only; removed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it: one system call once `{home}/run` is there.
    pub(crate) fn make(home: &Path, token: AttemptToken) -> io::Result<Self> {
        let all = home.join("run");
        let path = run_dir(home, token);
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match builder.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&all)?;
                builder.create(&path)?;
            }
            // Left by a process that was killed; the token says that it is ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_dir_all(&path)?;
                builder.create(&path)?;
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
