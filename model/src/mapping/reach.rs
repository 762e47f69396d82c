//! What follows an element of a mapped task (or comes before it): the same element in its group, all of what is outside.

use std::collections::{BTreeMap, BTreeSet};

use super::{levels, shared, window};
use crate::dag::Dag;
use crate::ids::TaskIndex;

/// Which instances of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// All of them.
    All,
    /// Those with these map indexes.
    Elements(BTreeSet<i32>),
}

/// Everything that can be reached over `next` from some instances, without these themselves. `counts` says how many
/// elements each task has; 0 for one that is not mapped, or not expanded.
pub fn reach(
    dag: &Dag,
    counts: &[u32],
    roots: &[(TaskIndex, Option<i32>)],
    next: &[Vec<TaskIndex>],
) -> BTreeMap<TaskIndex, Reached> {
    let mut reached: BTreeMap<TaskIndex, Reached> = BTreeMap::new();
    let mut work: Vec<(TaskIndex, Option<i32>)> = roots.to_vec();
    while let Some((task, map_index)) = work.pop() {
        for other in &next[task.at()] {
            let elements = map_index.and_then(|map_index| beside(dag, counts, (task, map_index), *other));
            match (elements, reached.entry(*other).or_insert_with(|| Reached::Elements(BTreeSet::new()))) {
                (_, Reached::All) => {}
                (None, all) => {
                    *all = Reached::All;
                    work.push((*other, None));
                }
                (Some(elements), Reached::Elements(known)) => {
                    let fresh: Vec<i32> = elements.filter(|element| known.insert(*element)).collect();
                    work.extend(fresh.into_iter().map(|element| (*other, Some(element))));
                }
            }
        }
    }
    reached
}

/// The instances of another task that belong to an element; none: all of them, or it cannot be told.
fn beside(
    dag: &Dag,
    counts: &[u32],
    (task, map_index): (TaskIndex, i32),
    other: TaskIndex,
) -> Option<std::ops::Range<i32>> {
    let (own, theirs) = (levels(dag, dag.task(task)), levels(dag, dag.task(other)));
    let shared = shared(&own, &theirs);
    let index = u32::try_from(map_index).ok().filter(|_| shared > 0)?;
    let (own_count, other_count) = (counts[task.at()], counts[other.at()]);
    if own_count == 0 || other_count == 0 {
        None
    } else if shared == own.len() && other_count.is_multiple_of(own_count) {
        Some(window(index, 1, other_count / own_count))
    } else if shared == theirs.len() && own_count.is_multiple_of(other_count) {
        Some(window(index, own_count / other_count, 1))
    } else {
        None
    }
}
