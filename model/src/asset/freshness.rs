//! Whether assets are updated as often as they are to be.

use jiff::Timestamp;

use crate::duration::Duration;

/// An asset whose updates are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its row.
    pub id: i64,
    /// What it is.
    pub uri: String,
    /// How often it is to be updated.
    pub fresh_within: Duration,
    /// When it was last updated; before its first update, since when it has been watched.
    pub since: Timestamp,
    /// Whether it is known to be late.
    pub is_overdue: bool,
}

/// An asset that became late, or is no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its row.
    pub id: i64,
    /// What it is.
    pub uri: String,
    /// What it is from now on.
    pub is_overdue: bool,
    /// In words for a person.
    pub message: String,
}

impl Watched {
    /// When it is late unless it is updated before; none: beyond what can be told.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.since.checked_add(self.fresh_within.absolute()).ok()
    }
}

/// The assets whose state is another at `now`: each is told once when it becomes late, and once when it recovers.
pub fn turns(watched: &[Watched], now: Timestamp) -> Vec<Turn> {
    let turn = |asset: &Watched| {
        let is_overdue = asset.due_at().is_some_and(|at| at < now);
        (is_overdue != asset.is_overdue).then(|| Turn {
            id: asset.id,
            uri: asset.uri.clone(),
            is_overdue,
            message: if is_overdue {
                format!(
                    "asset `{}` was not updated within {:#} (fresh_within); the last update was at {:.0}",
                    asset.uri,
                    asset.fresh_within.absolute(),
                    asset.since
                )
            } else {
                format!("asset `{}` is fresh again; it was updated at {:.0}", asset.uri, asset.since)
            },
        })
    };
    watched.iter().filter_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Watched, turns};
    use crate::duration::Duration;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn watched(since: i64, is_overdue: bool) -> Watched {
        let fresh_within = Duration::from_secs(60);
        Watched { id: 1, uri: "s3://a".to_owned(), fresh_within, since: at(since), is_overdue }
    }

    #[test]
    fn an_asset_is_late_after_its_time_and_told_once() {
        assert_eq!(turns(&[watched(0, false)], at(60)), []);
        let turned = turns(&[watched(0, false)], at(61));
        assert!(turned[0].is_overdue);
        assert_eq!(
            turned[0].message,
            "asset `s3://a` was not updated within 1m (fresh_within); the last update was at 1970-01-01T00:00:00Z"
        );
        assert_eq!(turns(&[watched(0, true)], at(3600)), []);
    }

    #[test]
    fn an_update_makes_it_fresh_again_and_is_told_once() {
        let turned = turns(&[watched(100, true)], at(120));
        assert!(!turned[0].is_overdue && turned[0].message.contains("fresh again"));
        assert_eq!(turns(&[watched(100, false)], at(120)), []);
    }
}
