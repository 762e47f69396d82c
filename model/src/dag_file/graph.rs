//! From names in `depends_on` and `flow` to edges between tasks. An edge to a group goes to its roots (the tasks
//! without an upstream inside it), an edge from a group comes from its leaves.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::node::{Node, Place};
use super::problems::{Problems, did_you_mean};
use super::{cycles, flow, read};
use crate::dag::{Task, TaskGroup};
use crate::ids::TaskIndex;
use crate::trigger_rule::TriggerRule;

/// Two groups of a thousand tasks in a row are a million edges; a file that asks for more is a mistake.
const MAX_EDGES: usize = 1_000_000;
/// Looking for the nearest name among thousands takes its time; after this many, hints help nobody.
const MAX_HINTS: usize = 20;
/// Edges of a cycle that are named.
const MAX_NAMED: usize = 20;

/// A task or a group, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Task(usize),
    Group(usize),
}

/// A group and the tasks in it, those of inner groups included.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) spec: TaskGroup,
    pub(super) parent: Option<usize>,
    pub(super) at: Place,
    pub(super) tasks: Range<usize>,
}

/// `downstream` wants to come after what is named `upstream`, seen from the group `scope`. An implied wish names a task
/// in full, and is nobody's mistake when there is none.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) upstream: String,
    pub(super) downstream: Item,
    pub(super) scope: Option<usize>,
    pub(super) at: Place,
    pub(super) is_implied: bool,
    /// It is to be a setup of `downstream`, which is a teardown.
    pub(super) is_setup: bool,
}

/// All tasks and groups of a file, and what they want to come after.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) tasks: Vec<(Arc<Task>, Place)>,
    pub(super) groups: Vec<Group>,
    pub(super) wishes: Vec<Wish>,
}

/// One task before another, and where the file says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) at: Place,
}

/// Resolves all edges and writes them into the tasks.
pub(super) fn resolve(
    mut layout: Layout,
    flow: Option<&Node>,
    problems: &mut Problems,
) -> (Vec<Arc<Task>>, Vec<TaskGroup>) {
    let mut edges = Resolver::new(&layout, problems).edges(flow, problems);
    edges.sort_unstable();
    edges.dedup_by_key(|edge| (edge.from, edge.to));
    if let Some(cycle) = cycles::find(layout.tasks.len(), &edges) {
        report_cycle(&cycle, &layout, problems);
    }
    for edge in &edges {
        let upstream = TaskIndex(u32::try_from(edge.from).unwrap_or(u32::MAX));
        Arc::make_mut(&mut layout.tasks[edge.to].0).upstream.push(upstream);
    }
    check_setups(&layout, &edges, problems);
    let tasks = layout.tasks.into_iter().map(|(task, _)| task).collect();
    (tasks, layout.groups.into_iter().map(|group| group.spec).collect())
}

/// What a setup made is only sure to be there for tasks that run because it succeeded.
fn check_setups(layout: &Layout, edges: &[Edge], problems: &mut Problems) {
    for edge in edges {
        let (from, to) = (&layout.tasks[edge.from].0, &layout.tasks[edge.to].0);
        if from.setup && to.teardown.is_none() && to.trigger_rule != TriggerRule::AllSuccess {
            let message = format!(
                "`{}` follows the setup `{}`, so its `trigger_rule` must be `all_success`, not `{}`",
                to.task_id, from.task_id, to.trigger_rule
            );
            problems.error(edge.at, message);
        }
    }
}

fn report_cycle(cycle: &[Edge], layout: &Layout, problems: &mut Problems) {
    let name = |task: usize| &layout.tasks[task].0.task_id;
    let named: Vec<String> = cycle
        .iter()
        .take(MAX_NAMED)
        .map(|edge| format!("`{}` >> `{}` (line {})", name(edge.from), name(edge.to), edge.at.line))
        .collect();
    let more = cycle.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let at = cycle.first().map_or_else(Place::default, |edge| edge.at);
    if let [edge] = cycle {
        problems.error(at, format!("task `{}` depends on itself", name(edge.from)));
    } else {
        problems.error(at, format!("the tasks form a cycle: {}{more}", named.join(", ")));
    }
}

struct Resolver<'l> {
    layout: &'l Layout,
    names: HashMap<&'l str, Item>,
    hints: usize,
}

impl<'l> Resolver<'l> {
    fn new(layout: &'l Layout, problems: &mut Problems) -> Self {
        let mut names: HashMap<&str, (Item, Place)> = HashMap::new();
        let tasks = layout.tasks.iter().enumerate().map(|(n, (task, at))| (task.task_id.as_str(), Item::Task(n), *at));
        let groups =
            layout.groups.iter().enumerate().map(|(n, group)| (group.spec.group_id.as_str(), Item::Group(n), group.at));
        for (name, item, at) in tasks.chain(groups) {
            if let Some((_, first)) = names.get(name) {
                problems.error(at, format!("the id `{name}` is taken (line {})", first.line));
            } else {
                names.insert(name, (item, at));
            }
        }
        Self { layout, names: names.into_iter().map(|(name, (item, _))| (name, item)).collect(), hints: 0 }
    }

    fn edges(mut self, flow: Option<&Node>, problems: &mut Problems) -> Vec<Edge> {
        let mut pairs: Vec<(Item, Item, Place)> = Vec::new();
        for wish in &self.layout.wishes {
            let upstream = if wish.is_implied {
                self.names.get(wish.upstream.as_str()).copied().filter(|item| matches!(item, Item::Task(_)))
            } else {
                self.item(&wish.upstream, wish.scope, wish.at, problems)
            };
            if let Some(upstream) = upstream {
                let is_setup = |item: Item| matches!(item, Item::Task(task) if self.layout.tasks[task].0.setup);
                if wish.is_setup && !is_setup(upstream) {
                    let help = Some("a setup is a task with `setup: true`".to_owned());
                    problems.error_with_help(wish.at, format!("`{}` is not a setup", wish.upstream), help);
                }
                pairs.push((upstream, wish.downstream, wish.at));
            }
        }
        for (line, node) in flow.map(|node| read::texts(node, "flow", problems)).unwrap_or_default() {
            match flow::arrows(&line) {
                Ok(arrows) => arrows.iter().for_each(|arrow| self.arrow(arrow, node.at, &mut pairs, problems)),
                Err(message) => problems.error(node.at, message),
            }
        }
        self.expand(pairs, problems)
    }

    fn arrow(&mut self, arrow: &flow::Arrow, at: Place, pairs: &mut Vec<(Item, Item, Place)>, problems: &mut Problems) {
        let mut items =
            |ids: &[String]| -> Vec<Item> { ids.iter().filter_map(|id| self.item(id, None, at, problems)).collect() };
        let (from, to) = (items(&arrow.from), items(&arrow.to));
        pairs.extend(from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to, at))));
    }

    /// What a name means: looked for in the group where it stands, then in those around it.
    fn item(&mut self, name: &str, scope: Option<usize>, at: Place, problems: &mut Problems) -> Option<Item> {
        let mut group = scope;
        while let Some(position) = group {
            let around = &self.layout.groups[position];
            if let Some(item) = self.names.get(format!("{}.{name}", around.spec.group_id).as_str()) {
                return Some(*item);
            }
            group = around.parent;
        }
        if let Some(item) = self.names.get(name) {
            return Some(*item);
        }
        self.hints += 1;
        let hint = if self.hints > MAX_HINTS { None } else { self.nearest(name, scope) };
        problems.error_with_help(at, format!("there is no task or group `{name}`"), hint);
        None
    }

    fn nearest(&self, name: &str, scope: Option<usize>) -> Option<String> {
        let prefix = scope.map(|group| format!("{}.", self.layout.groups[group].spec.group_id)).unwrap_or_default();
        let mut names: Vec<&str> =
            self.names.keys().map(|known| known.strip_prefix(prefix.as_str()).unwrap_or(known)).collect();
        names.sort_unstable();
        did_you_mean(name, names.into_iter())
    }

    /// The groups around an item, outermost first.
    fn around(&self, item: Item) -> Vec<usize> {
        let mut group = match item {
            Item::Task(_) => self.layout.groups.iter().rposition(|group| self.holds(group, item)),
            Item::Group(group) => self.layout.groups[group].parent,
        };
        let mut around = Vec::new();
        while let Some(position) = group {
            around.push(position);
            group = self.layout.groups[position].parent;
        }
        around.reverse();
        around
    }

    fn holds(&self, group: &Group, item: Item) -> bool {
        match item {
            Item::Task(task) => group.tasks.contains(&task),
            Item::Group(inner) => self
                .around(Item::Group(inner))
                .iter()
                .any(|outer| std::ptr::eq(&raw const self.layout.groups[*outer], group)),
        }
    }

    /// Inner edges first, because they decide what the leaves and roots of a group are.
    fn expand(&self, mut pairs: Vec<(Item, Item, Place)>, problems: &mut Problems) -> Vec<Edge> {
        if !self.layout.groups.is_empty() {
            let common =
                |a: Item, b: Item| self.around(a).iter().zip(&self.around(b)).take_while(|(a, b)| a == b).count();
            pairs.sort_by_cached_key(|(from, to, _)| std::cmp::Reverse(common(*from, *to)));
        }
        let mut ends = Ends::new(self.layout);
        let mut edges = Vec::new();
        for (from, to, at) in pairs {
            if let Some(group) = self.within(from, to) {
                problems
                    .error(at, format!("a dependency between the group `{group}` and what is in it makes no sense"));
                continue;
            }
            let (leaves, roots) = (ends.leaves(from, &self.layout.groups), ends.roots(to, &self.layout.groups));
            if edges.len() + leaves.len() * roots.len() > MAX_EDGES {
                problems.error(at, format!("the DAG has more than {MAX_EDGES} dependencies"));
                break;
            }
            for from in &leaves {
                for to in &roots {
                    ends.join(*from, *to);
                    edges.push(Edge { from: *from, to: *to, at });
                }
            }
        }
        edges
    }

    fn within(&self, a: Item, b: Item) -> Option<&str> {
        let inside = |outer: Item, inner: Item| match outer {
            Item::Group(group) => {
                let group = &self.layout.groups[group];
                (outer != inner && self.holds(group, inner)).then_some(group.spec.group_id.as_str())
            }
            Item::Task(_) => None,
        };
        inside(a, b).or_else(|| inside(b, a))
    }
}

/// Which tasks have followers and predecessors, to find the leaves and roots of groups.
struct Ends {
    downstream: Vec<Vec<usize>>,
    upstream: Vec<Vec<usize>>,
    teardowns: Vec<bool>,
}

impl Ends {
    fn new(layout: &Layout) -> Self {
        // Without groups nobody asks.
        let size = if layout.groups.is_empty() { 0 } else { layout.tasks.len() };
        let teardowns = layout.tasks.iter().take(size).map(|(task, _)| task.teardown.is_some()).collect();
        Self { downstream: vec![Vec::new(); size], upstream: vec![Vec::new(); size], teardowns }
    }

    fn join(&mut self, from: usize, to: usize) {
        if let (Some(downstream), Some(upstream)) = (self.downstream.get_mut(from), self.upstream.get_mut(to)) {
            downstream.push(to);
            upstream.push(from);
        }
    }

    /// What comes after a group comes after its tasks, not after its teardowns, unless it has nothing else.
    fn leaves(&self, item: Item, groups: &[Group]) -> Vec<usize> {
        let leaves = Self::without(&self.downstream, item, groups);
        let Item::Group(group) = item else { return leaves };
        if !leaves.iter().any(|task| self.teardowns[*task]) {
            return leaves;
        }
        let inside = &groups[group].tasks;
        let is_followed =
            |task: usize| self.downstream[task].iter().any(|other| inside.contains(other) && !self.teardowns[*other]);
        let lasts: Vec<usize> = inside.clone().filter(|task| !self.teardowns[*task] && !is_followed(*task)).collect();
        if lasts.is_empty() { leaves } else { lasts }
    }

    fn roots(&self, item: Item, groups: &[Group]) -> Vec<usize> {
        Self::without(&self.upstream, item, groups)
    }

    fn without(neighbours: &[Vec<usize>], item: Item, groups: &[Group]) -> Vec<usize> {
        match item {
            Item::Task(task) => vec![task],
            Item::Group(group) => {
                let inside = &groups[group].tasks;
                inside.clone().filter(|task| !neighbours[*task].iter().any(|other| inside.contains(other))).collect()
            }
        }
    }
}
