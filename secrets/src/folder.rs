//! A folder of files, one a value: `variables/KEY` and `connections/ID`, as Kubernetes mounts secrets.

use std::io::ErrorKind;
use std::path::Path;

use crate::Kind;

/// A file longer than this is no variable.
const MAX: u64 = 1 << 20;

/// A value, and the path of its file.
pub(crate) async fn read(folder: &Path, kind: Kind, name: &str) -> Result<Option<(String, String)>, String> {
    // A name is one file: it leads nowhere else.
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return Ok(None);
    }
    let path = folder.join(kind.folder()).join(name);
    let place = path.display().to_string();
    match tokio::fs::metadata(&path).await {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MAX => {}
        Ok(metadata) if metadata.is_file() => return Err(format!("{place} is larger than {MAX} bytes")),
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(format!("{place} cannot be read: {error}")),
    }
    let mut text =
        tokio::fs::read_to_string(&path).await.map_err(|error| format!("{place} cannot be read: {error}"))?;
    // Editors and `echo` end a file with a line end that is no part of the value.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Some((place, text)))
}
