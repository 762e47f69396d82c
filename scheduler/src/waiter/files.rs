//! Whether a file is there.

use std::io::ErrorKind;
use std::path::Path;

use super::Seen;

/// A file, or a folder with something in it.
pub(super) fn look(path: &Path) -> Seen {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => match std::fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Seen::Met(Vec::new()),
            Ok(false) => Seen::NotYet("the folder is empty".to_owned()),
            Err(error) => Seen::NotYet(format!("the folder cannot be read: {error}")),
        },
        Ok(_) => Seen::Met(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotFound => Seen::NotYet("it does not exist".to_owned()),
        Err(error) => Seen::NotYet(format!("it cannot be looked at: {error}")),
    }
}
