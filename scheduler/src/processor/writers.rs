//! Files that somebody is writing: not to be read before they are closed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};

/// A file that was not written for this long is read although nobody said that it was closed: a hint may get lost.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// The files that were written and not closed since, each with the time of its last write. Shared with the watcher.
#[derive(Debug, Clone, Default)]
pub(super) struct Writers(Arc<Mutex<HashMap<PathBuf, Instant>>>);

impl Writers {
    fn open(&self) -> MutexGuard<'_, HashMap<PathBuf, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the file system says; false when that is no reason to look at the folder.
    pub(super) fn note(&self, event: &notify::Event) -> bool {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => {
                let now = Instant::now();
                self.open().extend(event.paths.iter().map(|path| (path.clone(), now)));
                true
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let mut open = self.open();
                for path in &event.paths {
                    open.remove(path);
                }
                true
            }
            EventKind::Access(_) => false,
            _ => true,
        }
    }

    /// Takes those of the `changed` paths below `folder` out that are still being written.
    pub(super) fn take_unfinished(&self, folder: &Path, changed: &mut Vec<String>) -> Vec<String> {
        let mut open = self.open();
        open.retain(|_, written| written.elapsed() < FORGOTTEN);
        let (unfinished, finished) =
            std::mem::take(changed).into_iter().partition(|path| open.contains_key(&folder.join(path)));
        *changed = finished;
        unfinished
    }
}
