//! Files that somebody is writing: not to be read before they are complete.
//!
//! 1. Of a file that was written since the watcher began, the file system says when it is closed.
//! 2. Of one that was being written before, or where nothing is watched (network file systems), nobody knows: it is read
//!    when it was not written for a moment.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};

use super::folder::{Listing, Stamp};

/// A file that was not written for this long is read although nobody said that it was closed: a hint may get lost.
const FORGOTTEN: SignedDuration = SignedDuration::from_secs(10);
/// Who writes a file in several parts seldom rests longer between two of them.
pub(super) const SETTLED: SignedDuration = SignedDuration::from_millis(500);

/// What the file system said of files since they were looked at. Shared with the watcher.
#[derive(Debug, Clone, Default)]
pub(super) struct Writers(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// Written and not closed since; when that was seen first, if it was.
    open: HashMap<PathBuf, Option<Timestamp>>,
    /// Closed by who wrote them, or moved here.
    complete: HashSet<PathBuf>,
}

impl Writers {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the file system says; false when that is no reason to look at the folder.
    pub(super) fn note(&self, event: &notify::Event) -> bool {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => self.told().written(&event.paths),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => self.told().completed(&event.paths),
            EventKind::Access(_) => return false,
            _ => {}
        }
        true
    }

    /// Takes those of the `changed` paths below `folder` out that are still being written, or may be.
    pub(super) fn take_unfinished(
        &self,
        folder: &Path,
        listing: &Listing,
        changed: &mut Vec<String>,
        now: Timestamp,
    ) -> Vec<String> {
        let mut told = self.told();
        told.open.retain(|_, seen| now.duration_since(*seen.get_or_insert(now)).abs() < FORGOTTEN);
        let is_unfinished = |path: &String| told.is_unfinished(&folder.join(path), listing.get(path), now);
        let (unfinished, finished) = std::mem::take(changed).into_iter().partition(is_unfinished);
        *changed = finished;
        told.complete.clear();
        unfinished
    }

    /// Nothing that was completed has changed.
    pub(super) fn nothing_changed(&self) {
        self.told().complete.clear();
    }
}

impl Told {
    fn written(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.complete.remove(path);
            self.open.insert(path.clone(), None);
        }
    }

    fn completed(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.open.remove(path);
            self.complete.insert(path.clone());
        }
    }

    fn is_unfinished(&self, path: &Path, stamp: Option<&Stamp>, now: Timestamp) -> bool {
        let may_be = || stamp.is_some_and(|stamp| was_just_written(stamp, now));
        self.open.contains_key(path) || (!self.complete.contains(path) && may_be())
    }
}

/// A time that is further away on either side tells nothing: the clock of a file server, or one that was set.
fn was_just_written(stamp: &Stamp, now: Timestamp) -> bool {
    let written = stamp.modified.and_then(|written| Timestamp::try_from(written).ok());
    written.is_some_and(|written| now.duration_since(written).abs() < SETTLED)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const DATA: EventKind = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
    const MOVED_HERE: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));

    fn say(writers: &Writers, kind: EventKind) {
        assert!(writers.note(&notify::Event::new(kind).add_path(PathBuf::from("/dags/a.yaml"))));
    }

    /// Whether `a.yaml`, which changed `ago`, is read now.
    fn is_read(writers: &Writers, ago: SignedDuration, now: Timestamp) -> bool {
        let stamp = Stamp { modified: Some(SystemTime::from(now - ago)), ..Stamp::default() };
        let mut changed = vec!["a.yaml".to_owned()];
        let listing = Listing::from([("a.yaml".to_owned(), stamp)]);
        let unfinished = writers.take_unfinished(Path::new("/dags"), &listing, &mut changed, now);
        assert_eq!(changed.len() + unfinished.len(), 1);
        unfinished.is_empty()
    }

    #[test]
    fn what_was_written_since_the_watcher_began_is_read_when_it_is_closed() {
        let writers = Writers::default();
        say(&writers, DATA);
        assert!(!is_read(&writers, SignedDuration::from_secs(3), NOW));
        say(&writers, DATA);
        say(&writers, CLOSED);
        assert!(is_read(&writers, SignedDuration::ZERO, NOW));
    }

    #[test]
    fn what_is_moved_here_is_read_at_once_and_what_is_written_afterwards_is_not() {
        let writers = Writers::default();
        say(&writers, MOVED_HERE);
        assert!(is_read(&writers, SignedDuration::ZERO, NOW));
        // It says so of one look: what the next one finds was written later.
        assert!(!is_read(&writers, SignedDuration::ZERO, NOW));
        say(&writers, MOVED_HERE);
        say(&writers, DATA);
        assert!(!is_read(&writers, SignedDuration::ZERO, NOW));
    }

    #[test]
    fn what_nobody_saw_being_written_is_read_when_it_was_not_written_for_a_moment() {
        let writers = Writers::default();
        assert!(!is_read(&writers, SignedDuration::ZERO, NOW));
        assert!(!is_read(&writers, SETTLED - SignedDuration::from_nanos(1), NOW));
        assert!(is_read(&writers, SETTLED, NOW));
        assert!(is_read(&writers, SignedDuration::from_hours(-1), NOW));
    }

    #[test]
    fn a_close_that_nobody_told_is_not_waited_for() {
        let writers = Writers::default();
        let old = SignedDuration::from_hours(1);
        say(&writers, DATA);
        assert!(!is_read(&writers, old, NOW));
        assert!(!is_read(&writers, old, NOW + SignedDuration::from_secs(9)));
        // Each write begins its time anew.
        say(&writers, DATA);
        assert!(!is_read(&writers, old, NOW + SignedDuration::from_secs(11)));
        assert!(is_read(&writers, old, NOW + SignedDuration::from_secs(21)));
    }
}
