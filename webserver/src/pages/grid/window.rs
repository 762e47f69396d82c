//! Which part of the grid is shown, as the address gives it.

use std::fmt::Write;

use super::super::format::{dag_href, segment};

/// How many columns one may choose; the second unless the address says otherwise.
pub(super) const COLUMNS: [i64; 4] = [10, 25, 50, 100];

/// The window as the address gives it.
#[derive(Debug, Clone, Default)]
pub(in crate::pages) struct Window {
    pub(in crate::pages) runs: Option<i64>,
    pub(in crate::pages) offset: i64,
    pub(in crate::pages) row: usize,
    pub(in crate::pages) search: String,
}

impl Window {
    /// How many runs are shown: one of the numbers that may be chosen.
    pub(super) fn columns(&self) -> i64 {
        let asked = self.runs.unwrap_or(COLUMNS[1]);
        COLUMNS.into_iter().find(|columns| *columns >= asked).unwrap_or(COLUMNS[3])
    }

    /// The address.
    pub(super) fn href(&self, dag_id: &str) -> String {
        let mut href = format!("{}?tab=grid", dag_href(dag_id));
        if self.columns() != COLUMNS[1] {
            let _ = write!(href, "&runs={}", self.columns());
        }
        if self.offset > 0 {
            let _ = write!(href, "&offset={}", self.offset);
        }
        if self.row > 0 {
            let _ = write!(href, "&row={}", self.row);
        }
        if !self.search.is_empty() {
            let _ = write!(href, "&search={}", segment(&self.search));
        }
        href
    }
}
