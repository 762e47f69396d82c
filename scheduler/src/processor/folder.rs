//! What is in the DAG folder, and what changed there since the last look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::WalkBuilder;

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// In bytes.
    pub size: u64,
    /// Which file it is.
    pub inode: u64,
    /// Why nothing can be read there: a loop of links, a folder that may not be entered.
    pub problem: Option<String>,
}

impl Stamp {
    fn of_problem(problem: String) -> Self {
        Self { modified: None, size: 0, inode: 0, problem: Some(problem) }
    }
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

/// Lists the DAG files of a folder: `*.yaml` and `*.yml` at any depth, links followed, without what `.flowctlignore`
/// leaves out. A loop of links, a folder that may not be entered and a link of a DAG file to nowhere are listed with
/// their problem. Paths that are not UTF-8 are passed over.
pub(super) fn list(folder: &Path) -> Result<Listing, FolderError> {
    std::fs::read_dir(folder).map_err(|source| FolderError { folder: folder.to_owned(), source })?;
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .build();
    let entry = |found: Result<ignore::DirEntry, ignore::Error>| match found {
        Ok(entry) => stamp(folder, &entry),
        Err(error) => problem(folder, &error),
    };
    Ok(walk.filter_map(entry).collect())
}

fn problem(folder: &Path, error: &ignore::Error) -> Option<(String, Stamp)> {
    let (path, message) = match bare(error) {
        ignore::Error::Loop { ancestor, child } => {
            (child, format!("this link leads back to {}, a folder it is in", ancestor.display()))
        }
        ignore::Error::WithPath { path, err } => {
            let reason = bare(err);
            let is_gone = reason.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            // A link to nowhere matters only where a DAG file should be.
            if is_gone && (!is_yaml(path) || path.symlink_metadata().is_err()) {
                return None;
            }
            (path, format!("it cannot be read: {reason}"))
        }
        _ => return None,
    };
    let relative = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
    Some((relative, Stamp::of_problem(message)))
}

/// An error without how deep it was.
fn bare(error: &ignore::Error) -> &ignore::Error {
    if let ignore::Error::WithDepth { err, .. } = error { bare(err) } else { error }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn stamp(folder: &Path, entry: &ignore::DirEntry) -> Option<(String, Stamp)> {
    use std::os::unix::fs::MetadataExt;
    if !is_yaml(entry.path()) || entry.file_type().is_none_or(|kind| kind.is_dir()) {
        return None;
    }
    let path = entry.path().strip_prefix(folder).ok()?.to_str()?.to_owned();
    let metadata = entry.metadata().ok();
    let stamp = metadata.map_or(Stamp { modified: None, size: 0, inode: 0, problem: None }, |metadata| Stamp {
        problem: None,
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

impl Difference {
    /// What is below something that cannot be read now is not gone: nobody knows. Whether there was any.
    pub(super) fn spare_hidden(&mut self, after: &Listing) -> bool {
        let hidden: Vec<String> =
            after.iter().filter(|(_, stamp)| stamp.problem.is_some()).map(|(path, _)| format!("{path}/")).collect();
        let before = self.gone.len();
        self.gone.retain(|path| !hidden.iter().any(|folder| path.starts_with(folder)));
        self.gone.len() < before
    }
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
        assert_eq!(listing.keys().collect::<Vec<_>>(), ["a.yaml", "deep/er/b.yml", "deep/loop"]);
        let problem = listing["deep/loop"].problem.as_deref().unwrap();
        assert!(problem.starts_with("this link leads back to /"), "{problem}");
    }

    #[test]
    fn a_link_to_nowhere_is_a_problem_where_a_dag_file_should_be() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.txt"] {
            std::os::unix::fs::symlink("/does/not/exist", folder.path().join(name)).unwrap();
        }
        let listing = list(folder.path()).unwrap();
        assert_eq!(listing.keys().collect::<Vec<_>>(), ["a.yaml"]);
        assert!(listing["a.yaml"].problem.as_deref().unwrap().contains("No such file"), "{listing:?}");
    }

    #[test]
    fn what_is_below_a_folder_that_cannot_be_read_is_not_gone() {
        let known = Stamp { modified: None, size: 1, inode: 1, problem: None };
        let before = Listing::from([("in/a.yaml".to_owned(), known.clone()), ("b.yaml".to_owned(), known)]);
        let after = Listing::from([("in".to_owned(), Stamp::of_problem("it cannot be read".to_owned()))]);
        let mut difference = difference(&before, &after);
        assert!(difference.spare_hidden(&after));
        assert_eq!(difference.gone, ["b.yaml"]);
    }

    #[test]
    fn a_written_file_is_changed_and_a_removed_one_gone() {
        let stamp = |size| Stamp { modified: None, size, inode: 1, problem: None };
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
