//! The task instances of one task in a run: one, or one for each element of a mapping.

use model::journal::TaskInstanceRow;
use model::state::TaskInstanceState;

/// Ascending by map index. Most tasks have one instance, which then needs no memory of its own.
#[derive(Debug, Clone)]
pub(super) enum Instances {
    /// A task that is not mapped, or whose mapping is not expanded yet: map index −1.
    One(TaskInstanceRow),
    /// An expanded mapping: the instance at a position has that map index.
    Many(Vec<TaskInstanceRow>),
}

impl Instances {
    /// The rows of each of `tasks` tasks, out of all rows of a run, ascending. None when a task has none.
    pub(super) fn of_run(rows: Vec<TaskInstanceRow>, tasks: usize) -> Option<Vec<Self>> {
        let mut all: Vec<Self> = Vec::with_capacity(tasks);
        let mut rows = rows.into_iter().peekable();
        while let Some(row) = rows.next() {
            let task = row.key.task;
            if task.at() != all.len() {
                return None;
            }
            if row.key.map_index < 0 {
                all.push(Self::One(row));
                continue;
            }
            let mut many = vec![row];
            while let Some(next) = rows.next_if(|next| next.key.task == task) {
                many.push(next);
            }
            all.push(Self::Many(many));
        }
        (all.len() == tasks).then_some(all)
    }

    pub(super) const fn as_slice(&self) -> &[TaskInstanceRow] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows.as_slice(),
        }
    }

    pub(super) fn get(&self, map_index: i32) -> Option<&TaskInstanceRow> {
        match self {
            Self::One(row) => (row.key.map_index == map_index).then_some(row),
            Self::Many(rows) => rows.get(usize::try_from(map_index).ok()?),
        }
    }

    pub(super) fn get_mut(&mut self, map_index: i32) -> Option<&mut TaskInstanceRow> {
        match self {
            Self::One(row) => (row.key.map_index == map_index).then_some(row),
            Self::Many(rows) => rows.get_mut(usize::try_from(map_index).ok()?),
        }
    }

    /// The state that tells most about the task: of its first unfinished instance, or else of its first.
    pub(super) fn state(&self) -> TaskInstanceState {
        let rows = self.as_slice();
        let telling = rows.iter().find(|ti| !ti.state.is_finished()).or_else(|| rows.first());
        telling.map_or(TaskInstanceState::None, |ti| ti.state)
    }
}
