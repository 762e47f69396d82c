//! What is in the DAG folder, and what changed there since the last look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::WalkBuilder;

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// In bytes.
    pub size: u64,
    /// Which file it is.
    pub inode: u64,
}

/// DAG files by their path below the folder.
pub(super) type Listing = BTreeMap<String, Stamp>;

/// The folder itself cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the DAG folder {} cannot be read: {source}", .folder.display())]
pub struct FolderError {
    folder: PathBuf,
    source: std::io::Error,
}

/// Name of the file whose gitignore patterns leave paths out.
const IGNORE_FILE: &str = ".flowctlignore";

/// Lists the DAG files of a folder: `*.yaml` and `*.yml` at any depth, links followed (a loop of links is passed over),
/// without what `.flowctlignore` leaves out. Paths that are not UTF-8 are passed over.
pub(super) fn list(folder: &Path) -> Result<Listing, FolderError> {
    std::fs::read_dir(folder).map_err(|source| FolderError { folder: folder.to_owned(), source })?;
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .build();
    Ok(walk.filter_map(Result::ok).filter_map(|entry| stamp(folder, &entry)).collect())
}

fn stamp(folder: &Path, entry: &ignore::DirEntry) -> Option<(String, Stamp)> {
    use std::os::unix::fs::MetadataExt;
    let is_yaml = entry.path().extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if !is_yaml || entry.file_type().is_none_or(|kind| kind.is_dir()) {
        return None;
    }
    let path = entry.path().strip_prefix(folder).ok()?.to_str()?.to_owned();
    let metadata = entry.metadata().ok();
    let stamp = metadata.map_or(Stamp { modified: None, size: 0, inode: 0 }, |metadata| Stamp {
        modified: metadata.modified().ok(),
        size: metadata.len(),
        inode: metadata.ino(),
    });
    Some((path, stamp))
}

/// What changed from one listing to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Difference {
    /// New or written since.
    pub changed: Vec<String>,
    /// Not there any more.
    pub gone: Vec<String>,
}

/// Compares two listings.
pub(super) fn difference(before: &Listing, after: &Listing) -> Difference {
    Difference {
        changed: after
            .iter()
            .filter(|(path, stamp)| before.get(*path) != Some(stamp))
            .map(|(path, _)| path.clone())
            .collect(),
        gone: before.keys().filter(|path| !after.contains_key(*path)).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yaml_files_that_are_not_ignored_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a.yaml", "");
        write("deep/er/b.yml", "");
        write("deep/c.py", "");
        write("drafts/d.yaml", "");
        write(".hidden/e.yaml", "");
        write(".flowctlignore", "drafts/\n");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("deep/loop")).unwrap();
        let listing = list(folder.path()).unwrap();
        assert_eq!(listing.keys().collect::<Vec<_>>(), ["a.yaml", "deep/er/b.yml"]);
    }

    #[test]
    fn a_written_file_is_changed_and_a_removed_one_gone() {
        let stamp = |size| Stamp { modified: None, size, inode: 1 };
        let before =
            Listing::from([("a".to_owned(), stamp(1)), ("b".to_owned(), stamp(1)), ("c".to_owned(), stamp(1))]);
        let after = Listing::from([("a".to_owned(), stamp(1)), ("b".to_owned(), stamp(2)), ("d".to_owned(), stamp(1))]);
        let difference = difference(&before, &after);
        assert_eq!(difference.changed, ["b", "d"]);
        assert_eq!(difference.gone, ["c"]);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let error = list(Path::new("/does/not/exist")).unwrap_err();
        assert!(error.to_string().starts_with("the DAG folder /does/not/exist cannot be read"), "{error}");
    }
}
