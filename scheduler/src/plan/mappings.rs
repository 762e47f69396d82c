//! The mappings of a DAG version, derived once, and what a run knows of them.

use std::sync::Arc;

use model::dag::Dag;
use model::ids::TaskIndex;
use model::mapping::{Expand, Expansion, levels};
use model::template::check;
use model::transition::TaskInstanceEvent;

/// Empty for a DAG without mappings, which then pays nothing for them.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    pub(super) all: Vec<Mapping>,
    /// By task index: positions in `all`, outermost first.
    levels: Vec<Vec<usize>>,
    /// By task index: the mappings that wait for it.
    waiting: Vec<Vec<usize>>,
    /// By task index: direct upstream tasks that share mappings with it, and how many.
    inner: Vec<Vec<(TaskIndex, usize)>>,
}

/// A task or group that is mapped.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) expand: Expand,
    /// The tasks that it multiplies.
    pub(super) members: Vec<TaskIndex>,
    /// The tasks whose XComs it is made of: it is known once they have ended.
    pub(super) inputs: Vec<TaskIndex>,
}

impl Mappings {
    pub(super) fn new(dag: &Dag) -> Self {
        if !dag.is_mapped() {
            return Self::default();
        }
        let mut found = Self::default();
        for (index, task) in (0..).map(TaskIndex).zip(&dag.tasks) {
            let around = levels(dag, task).into_iter().map(|level| {
                let known = found.all.iter().position(|mapping| mapping.id == level.id);
                let at = known.unwrap_or_else(|| {
                    found.all.push(Mapping::new(level.id, level.expand));
                    found.all.len() - 1
                });
                found.all[at].members.push(index);
                at
            });
            let around = around.collect();
            found.levels.push(around);
        }
        for mapping in &mut found.all {
            mapping.find_inputs(dag);
        }
        found.waiting = vec![Vec::new(); dag.tasks.len()];
        for (at, mapping) in found.all.iter().enumerate() {
            mapping.inputs.iter().for_each(|input| found.waiting[input.at()].push(at));
        }
        found.inner = (0..)
            .map(TaskIndex)
            .zip(&dag.tasks)
            .map(|(index, task)| {
                let shared = task.upstream.iter().map(|upstream| (*upstream, found.shared(*upstream, index)));
                shared.filter(|(_, shared)| *shared > 0).collect()
            })
            .collect();
        found
    }

    /// The mappings around a task, outermost first.
    pub(super) fn levels(&self, task: TaskIndex) -> &[usize] {
        self.levels.get(task.at()).map_or(&[], Vec::as_slice)
    }

    /// The mappings that wait for a task.
    pub(super) fn waiting_for(&self, task: TaskIndex) -> &[usize] {
        self.waiting.get(task.at()).map_or(&[], Vec::as_slice)
    }

    /// The direct upstream tasks of which an instance of `task` depends on some instances only.
    pub(super) fn inner_upstream(&self, task: TaskIndex) -> &[(TaskIndex, usize)] {
        self.inner.get(task.at()).map_or(&[], Vec::as_slice)
    }

    /// How many mappings two tasks share.
    pub(super) fn shared(&self, one: TaskIndex, other: TaskIndex) -> usize {
        self.levels(one).iter().zip(self.levels(other)).take_while(|(one, other)| one == other).count()
    }
}

impl Mapping {
    fn new(id: &str, expand: &Expand) -> Self {
        Self { id: id.to_owned(), expand: expand.clone(), members: Vec::new(), inputs: Vec::new() }
    }

    /// The tasks that its templates name; where they compute the name, everything that comes directly before it.
    fn find_inputs(&mut self, dag: &Dag) {
        let mut is_known = true;
        for template in self.expand.templates() {
            let named = check(template).tasks;
            is_known &= !named.is_empty() || !template.contains("xcom");
            self.inputs.extend(named.iter().filter_map(|(task_id, _)| dag.index_of(task_id)));
        }
        if !is_known {
            self.inputs.extend(self.members.iter().flat_map(|member| &dag.task(*member).upstream));
            self.inputs.retain(|input| !self.members.contains(input));
        }
        self.inputs.sort_unstable();
        self.inputs.dedup();
    }
}

/// What a run knows of one of its mappings.
#[derive(Debug, Clone)]
pub(super) enum Resolution {
    /// Its inputs are not done, or nobody needs it.
    Open,
    /// Its templates are being evaluated.
    Asked,
    /// Its elements.
    Known(Arc<Expansion>),
    /// What is wrong with it.
    Wrong(String),
    /// An input ended without a value: what that makes of the tasks.
    Missing(TaskInstanceEvent),
}

impl Resolution {
    /// How many elements it has.
    pub(super) fn length(&self) -> Option<u32> {
        match self {
            Self::Known(expansion) => Some(expansion.length()),
            Self::Open | Self::Asked | Self::Wrong(_) | Self::Missing(_) => None,
        }
    }
}
