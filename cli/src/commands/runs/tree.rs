//! A run as a tree: groups are branches, task instances are leaves.

use api::{Callback, DagRun, DagRunWaiting, TaskInstance};
use jiff::Timestamp;

use super::show::Shown;
use crate::output::{Cell, Target, glyph, moment, span, table};

/// A branch with its leaves, in the order in which they were met.
#[derive(Debug, Default)]
struct Branch<'a> {
    below: Vec<(&'a str, Node<'a>)>,
}

#[derive(Debug)]
enum Node<'a> {
    Group(Branch<'a>),
    /// Position of the task instance.
    Leaf(usize),
}

/// A line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Twig {
    /// Rails, a corner, a name.
    pub(crate) label: String,
    /// What it stands for.
    pub(crate) of: Of,
}

/// What a line of the tree stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Of {
    /// A group.
    Group {
        /// Its full id.
        path: String,
        /// What is below it has no lines.
        is_folded: bool,
        /// Positions of the task instances below it, on any level.
        below: Vec<usize>,
    },
    /// The task instance at this position.
    Instance(usize),
}

impl<'a> Branch<'a> {
    /// Puts a task instance where its id says: `group.task` is `task` below `group`.
    fn plant(&mut self, id: &'a str, position: usize) {
        let Some((group, rest)) = id.split_once('.') else {
            self.below.push((id, Node::Leaf(position)));
            return;
        };
        for (name, node) in &mut self.below {
            if let Node::Group(branch) = node
                && *name == group
            {
                return branch.plant(rest, position);
            }
        }
        let mut branch = Self::default();
        branch.plant(rest, position);
        self.below.push((group, Node::Group(branch)));
    }

    fn leaves(&self, found: &mut Vec<usize>) {
        for (_, node) in &self.below {
            match node {
                Node::Group(branch) => branch.leaves(found),
                Node::Leaf(position) => found.push(*position),
            }
        }
    }

    fn grow(&self, at: Depth<'_>, instances: &[TaskInstance], is_folded: &dyn Fn(&str) -> bool, twigs: &mut Vec<Twig>) {
        let Depth { path, indent } = at;
        for (position, (name, node)) in self.below.iter().enumerate() {
            let is_last = position + 1 == self.below.len();
            let (corner, rail) = if is_last { ("└─", "   ") } else { ("├─", "│  ") };
            let name = match node {
                Node::Group(_) => (*name).to_owned(),
                Node::Leaf(leaf) => with_element(name, &instances[*leaf]),
            };
            let label = format!("{indent}{corner} {name}");
            match node {
                Node::Leaf(leaf) => twigs.push(Twig { label, of: Of::Instance(*leaf) }),
                Node::Group(branch) => {
                    let path = format!("{path}{name}");
                    let mut below = Vec::new();
                    branch.leaves(&mut below);
                    let is_closed = is_folded(&path);
                    twigs.push(Twig { label, of: Of::Group { path: path.clone(), is_folded: is_closed, below } });
                    if !is_closed {
                        let inner = Depth { path: &format!("{path}."), indent: &format!("{indent}{rail}") };
                        branch.grow(inner, instances, is_folded, twigs);
                    }
                }
            }
        }
    }
}

/// Where a branch is.
#[derive(Debug, Clone, Copy)]
struct Depth<'a> {
    /// Ids of the groups around it, each with a dot.
    path: &'a str,
    /// Rails of the groups around it.
    indent: &'a str,
}

/// The lines of the tree of those task instances that are kept, without what is below folded groups.
pub(crate) fn twigs(
    instances: &[TaskInstance],
    keeps: impl Fn(&TaskInstance) -> bool,
    is_folded: impl Fn(&str) -> bool,
) -> Vec<Twig> {
    let mut root = Branch::default();
    for (position, instance) in instances.iter().enumerate().filter(|(_, instance)| keeps(instance)) {
        root.plant(&instance.task_id, position);
    }
    let mut twigs = Vec::new();
    root.grow(Depth { path: "", indent: "" }, instances, &is_folded, &mut twigs);
    twigs
}

/// Draws a run for a terminal.
pub(super) fn draw(shown: &Shown, target: Target) -> String {
    let instances = &shown.task_instances;
    let rows = twigs(instances, |_| true, |_| false).into_iter().map(|Twig { label, of }| match of {
        Of::Group { .. } => vec![label.into()],
        Of::Instance(position) => leaf(label, shown, &instances[position]),
    });
    format!("{}\n\n{}", heading(shown, target), table(&["task", "state", "try", "duration", "why"], rows, target))
}

fn heading(shown: &Shown, target: Target) -> String {
    let run = &shown.dag_run;
    let state = format!("{} {}", glyph(&run.state), run.state);
    let mut rows = vec![
        vec!["run".into(), format!("{} of {}", run.dag_run_id, run.dag_id).into()],
        vec!["state".into(), Cell::state(&run.state, state)],
        vec!["logical_date".into(), moment(run.logical_date).into()],
        vec!["duration".into(), span(run_seconds(run, shown.at)).into()],
    ];
    rows.extend(remarks(shown).into_iter().map(|(name, text)| vec![name.into(), text.into()]));
    table(&[], rows, target)
}

/// What there is to say of a run beside its state and its times: what it waits for, what was late, what was not
/// delivered, and a person's note.
pub(crate) fn remarks(shown: &Shown) -> Vec<(&'static str, String)> {
    let mut remarks: Vec<_> = shown.waiting.reason.iter().map(|reason| ("why", reason.clone())).collect();
    remarks.extend(shown.missed_deadlines.iter().map(|missed| {
        let of = missed.task_id.as_deref().map(|task_id| format!(" by {}", element(task_id, missed.map_index)));
        ("missed deadline", format!("{}{}", moment(Some(missed.deadline)), of.unwrap_or_default()))
    }));
    remarks.extend(shown.failed_callbacks.iter().map(|callback| {
        let Callback { callback_id, event, channel, last_error, .. } = callback;
        let of = callback.task_id.as_deref().map(|task_id| format!(" of {}", element(task_id, callback.map_index)));
        let (of, error) = (of.unwrap_or_default(), last_error.as_deref().unwrap_or("its process died"));
        let told = format!("{event}{of}, over {channel}: {error} (flowctl callbacks show {callback_id})");
        ("not delivered", told)
    }));
    remarks.extend(shown.dag_run.note.iter().map(|note| ("note", note.clone())));
    remarks
}

/// A task, or an element of a mapped one.
pub(crate) fn element(task_id: &str, map_index: i32) -> String {
    if map_index < 0 { task_id.to_owned() } else { format!("{task_id}[{map_index}]") }
}

/// The last part of a task's id, with its element if it is mapped.
fn with_element(name: &str, instance: &TaskInstance) -> String {
    match &instance.rendered_map_index {
        _ if instance.map_index < 0 => name.to_owned(),
        Some(element) => format!("{name}[{element}]"),
        None => format!("{name}[{}]", instance.map_index),
    }
}

fn leaf(label: String, shown: &Shown, instance: &TaskInstance) -> Vec<Cell> {
    let state = state(instance);
    vec![
        label.into(),
        Cell::state(state, format!("{} {state}", glyph(state))),
        tries(instance).into(),
        span(seconds(instance, shown.at)).into(),
        why(&shown.waiting, instance).into(),
    ]
}

/// How long a run took, or takes so far.
pub(crate) fn run_seconds(run: &DagRun, now: Timestamp) -> Option<f64> {
    run.duration.or(so_far(&run.state, run.start_date, now))
}

/// How long a task instance took, or takes so far.
pub(crate) fn seconds(instance: &TaskInstance, now: Timestamp) -> Option<f64> {
    instance.duration.or(so_far(state(instance), instance.start_date, now))
}

/// Seconds since the start of what runs.
fn so_far(state: &str, start: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    start.filter(|_| state == "running").map(|start| now.duration_since(start).as_secs_f64().max(0.0))
}

/// Task, map index, state, try, seconds, why: for programs.
pub(super) fn line(shown: &Shown, instance: &TaskInstance) -> Vec<Cell> {
    vec![
        instance.task_id.as_str().into(),
        instance.map_index.to_string().into(),
        state(instance).into(),
        instance.try_number.to_string().into(),
        instance.duration.map(|seconds| seconds.to_string()).unwrap_or_default().into(),
        why(&shown.waiting, instance).into(),
    ]
}

/// Its state; `none` before the scheduler has looked at it.
pub(crate) fn state(instance: &TaskInstance) -> &str {
    instance.state.as_deref().unwrap_or("none")
}

/// `2 of 3`; a dash before the first.
pub(crate) fn tries(instance: &TaskInstance) -> String {
    match instance.try_number {
        0 => "–".to_owned(),
        tried => format!("{tried} of {}", tried.max(instance.max_tries + 1)),
    }
}

/// Why a task instance waits, or why it ended so; empty when there is nothing to say.
pub(crate) fn why<'a>(waiting: &'a DagRunWaiting, instance: &TaskInstance) -> &'a str {
    let is_it = |waiting: &&api::TaskInstanceWaiting| {
        waiting.task_id == instance.task_id && waiting.map_index == instance.map_index
    };
    waiting.task_instances.iter().find(is_it).map_or("", |waiting| waiting.reason.as_str())
}

/// A task instance of a test.
#[cfg(test)]
pub(crate) fn instance(
    task_id: &str,
    map_index: i32,
    state: &str,
    tries: (u32, u32),
    duration: Option<f64>,
) -> TaskInstance {
    let mut instance = serde_json::json!({
        "id": "", "dag_id": "etl", "dag_run_id": "a", "run_after": "2026-01-01T00:00:00Z", "task_display_name": task_id,
        "dag_display_name": "etl", "pool": "default_pool", "pool_slots": 1, "executor_config": "{}",
        "rendered_fields": {},
    });
    instance["task_id"] = task_id.into();
    instance["map_index"] = map_index.into();
    instance["state"] = if state == "none" { serde_json::Value::Null } else { state.into() };
    instance["try_number"] = tries.0.into();
    instance["max_tries"] = tries.1.into();
    instance["duration"] = duration.into();
    instance["start_date"] = "2026-01-01T00:01:30Z".into();
    serde_json::from_value(instance).expect("a task instance")
}

#[cfg(test)]
mod tests {
    use api::TaskInstanceWaiting;
    use serde_json::json;

    use super::*;

    fn shown() -> Shown {
        let run = json!({
            "dag_run_id": "a", "dag_id": "etl", "logical_date": "2026-01-01T00:00:00Z", "start_date": "2026-01-01T00:00:37Z",
            "run_after": "2026-01-01T00:00:00Z", "run_type": "manual", "state": "running", "dag_versions": [],
            "dag_display_name": "etl", "note": "첫 실행",
        });
        let reason = "it waits for `extract.orders`".to_owned();
        let waiting = TaskInstanceWaiting { task_id: "load".to_owned(), map_index: -1, waiting: None, reason };
        Shown {
            dag_run: serde_json::from_value::<DagRun>(run).expect("a run"),
            task_instances: vec![
                instance("start", -1, "success", (1, 0), Some(0.12)),
                instance("extract.orders", -1, "running", (2, 3), None),
                instance("extract.cities.one", 0, "success", (1, 0), Some(61.0)),
                instance("extract.cities.one", 1, "failed", (1, 0), Some(2.5)),
                instance("load", -1, "none", (0, 0), None),
            ],
            missed_deadlines: Vec::new(),
            failed_callbacks: Vec::new(),
            waiting: DagRunWaiting { dag_run: None, reason: None, task_instances: vec![waiting] },
            at: "2026-01-01T00:02:00Z".parse().expect("an instant"),
        }
    }

    #[test]
    fn groups_are_branches_and_task_instances_are_leaves() {
        let lines: Vec<_> = draw(&shown(), Target::Stdout).lines().map(|line| line.trim_end().to_owned()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        run           a of etl
        state         ▸ running
        logical_date  2026-01-01 00:00:00Z
        duration      1m 23s
        note          첫 실행

        TASK             STATE      TRY     DURATION  WHY
        ├─ start         ✓ success  1 of 1  120ms
        ├─ extract
        │  ├─ orders     ▸ running  2 of 4  30.0s
        │  └─ cities
        │     ├─ one[0]  ✓ success  1 of 1  1m 01s
        │     └─ one[1]  ✕ failed   1 of 1  2.5s
        └─ load          · none     –       –         it waits for `extract.orders`
        ");
    }

    #[test]
    fn a_folded_group_has_one_line_and_what_is_not_kept_has_none() {
        let instances = shown().task_instances;
        let is_kept = |instance: &TaskInstance| instance.state.as_deref() != Some("running");
        let lines: Vec<_> = twigs(&instances, is_kept, |path| path == "extract.cities")
            .into_iter()
            .map(|twig| format!("{} {:?}", twig.label, twig.of))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ├─ start Instance(0)
        ├─ extract Group { path: "extract", is_folded: false, below: [2, 3] }
        │  └─ cities Group { path: "extract.cities", is_folded: true, below: [2, 3] }
        └─ load Instance(4)
        "#);
    }

    #[test]
    fn programs_get_what_columns_of_people_leave_out() {
        let shown = shown();
        let line = line(&shown, &shown.task_instances[2]);
        assert_eq!(line, ["extract.cities.one", "0", "success", "1", "61", ""].map(Cell::from));
    }
}
