//! What `flowctl login` and a local standalone leave for the commands that follow: the file `client.json` in the home.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The server when nothing names one.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// A server and a token for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// Its URL, without a path.
    pub(crate) server: String,
    /// For `Authorization: Bearer`.
    pub(crate) token: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Whether they are for this server.
    pub(crate) fn is_for(&self, server: &str) -> bool {
        self.server.trim_end_matches('/') == server.trim_end_matches('/')
    }
}

/// Where they are.
pub(crate) fn file(home: &Path) -> PathBuf {
    home.join("client.json")
}

/// What was left, if anything.
pub(crate) fn read(home: &Path) -> anyhow::Result<Option<Credentials>> {
    let file = file(home);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    serde_json::from_str(&text)
        .map(Some)
        .with_context(|| format!("{} is not what `flowctl login` writes: remove it and log in again", file.display()))
}

/// Leaves credentials, readable by their owner only, in place of what was there.
pub(crate) fn leave(home: &Path, server: &str, token: &str) -> anyhow::Result<()> {
    let file = file(home);
    let credentials = Credentials { server: server.trim_end_matches('/').to_owned(), token: token.to_owned() };
    write(home, &file, &serde_json::to_string_pretty(&credentials)?)
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn write(home: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(home)?;
    // Beside it and then in its place: a reader sees the old one or the new one, whole.
    let beside = file.with_extension(format!("json.{}", std::process::id()));
    let mut open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    // One that a crash left keeps the mode it had.
    open.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    open.write_all(text.as_bytes())?;
    std::fs::rename(&beside, file)
}

/// Removes them; false when there were none.
pub(crate) fn remove(home: &Path) -> anyhow::Result<bool> {
    let file = file(home);
    match std::fs::remove_file(&file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("{} cannot be removed", file.display())),
    }
}
