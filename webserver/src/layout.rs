//! Where the boxes and lines of a DAG's graph go: pure, and the same for every run of a version.
//!
//! Left to right. Up to [`DAGRE_LIMIT`] tasks by dugong (dagre's algorithm: routed edges, groups as boxes); beyond
//! that, and should dugong fail, by layers in a plain grid, which is linear in the size of the DAG.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dugong::graphlib::{Graph, GraphOptions};
use dugong::{EdgeLabel, GraphLabel, NodeLabel, RankDir};
use model::dag::Dag;

/// dugong takes about 0.1 s for so many tasks and half a second for three times as many.
const DAGRE_LIMIT: usize = 1_500;
/// Height of a task's box in pixels: two lines of text.
pub const NODE_HEIGHT: f64 = 44.0;
/// Widths of boxes in pixels; longer names are cut.
const NARROWEST: f64 = 150.0;
const WIDEST: f64 = 320.0;
/// What a box has beside its name: the sign of its state and some air.
const PADDING: f64 = 52.0;
/// Layouts kept; the oldest versions are recomputed in milliseconds.
const CACHED: usize = 128;

/// A laid-out graph, in pixels from its top left corner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// Width of everything.
    pub width: f64,
    /// Height of everything.
    pub height: f64,
    /// One box per task, in the DAG's order.
    pub nodes: Vec<NodeBox>,
    /// One path per dependency.
    pub edges: Vec<Edge>,
    /// One box per task group, outer before inner.
    pub groups: Vec<GroupBox>,
}

/// A task's box.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeBox {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub width: f64,
}

/// A dependency.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Upstream task, as an index into the nodes.
    pub from: usize,
    /// Downstream task.
    pub to: usize,
    /// The `d` of an SVG path.
    pub path: String,
}

/// A task group's box.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBox {
    /// Its id.
    pub group_id: String,
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Layouts by DAG version; versions never change.
#[derive(Debug, Default)]
pub struct Layouts(Mutex<HashMap<i64, Arc<Layout>>>);

impl Layouts {
    /// The layout of a version, computed once.
    pub fn of(&self, version_id: i64, dag: &Dag) -> Arc<Layout> {
        if let Some(layout) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&version_id) {
            return Arc::clone(layout);
        }
        let computed = Arc::new(layout(dag));
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(version_id, Arc::clone(&computed));
        computed
    }
}

/// Lays out a DAG.
pub fn layout(dag: &Dag) -> Layout {
    if dag.tasks.len() > DAGRE_LIMIT {
        return layered(dag);
    }
    dagre(dag).unwrap_or_else(|| layered(dag))
}

/// What is written into a task's box: its id without its group's, cut to the box.
pub fn label(task: &model::dag::Task) -> String {
    let name = name(task);
    let mut left = WIDEST - PADDING;
    let fits = |character: &char| {
        left -= text_width(*character);
        left >= 0.0
    };
    let shown: String = name.chars().take_while(fits).collect();
    if shown.len() == name.len() { shown } else { format!("{}…", shown.trim_end()) }
}

fn name(task: &model::dag::Task) -> &str {
    task.group
        .as_deref()
        .and_then(|group| task.task_id.strip_prefix(group))
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(&task.task_id)
}

/// Of a text of 13 px: Hangul, Kanji and emoji are wide.
fn text_width(character: char) -> f64 {
    if u32::from(character) >= 0x1100 { 13.0 } else { 7.6 }
}

/// Width of a task's box.
fn box_width(task: &model::dag::Task) -> f64 {
    let width: f64 = name(task).chars().map(text_width).sum();
    (width + PADDING).clamp(NARROWEST, WIDEST).round()
}

fn node_id(position: usize) -> String {
    format!("t{position}")
}

fn dagre(dag: &Dag) -> Option<Layout> {
    let mut graph: Graph<NodeLabel, EdgeLabel, GraphLabel> =
        Graph::new(GraphOptions { multigraph: false, compound: true, ..Default::default() });
    graph.set_graph(GraphLabel {
        rankdir: RankDir::LR,
        nodesep: 18.0,
        ranksep: 56.0,
        edgesep: 10.0,
        marginx: 16.0,
        marginy: 16.0,
        ..Default::default()
    });
    let used: Vec<_> = dag.groups.iter().filter(|group| has_tasks(dag, &group.group_id)).collect();
    for group in &used {
        graph.set_node(format!("g{}", group.group_id), NodeLabel::default());
    }
    for (position, task) in dag.tasks.iter().enumerate() {
        let size = NodeLabel { width: box_width(task), height: NODE_HEIGHT, ..Default::default() };
        graph.set_node(node_id(position), size);
    }
    for group in &used {
        if let Some(parent) = &group.parent {
            graph.set_parent(format!("g{}", group.group_id), format!("g{parent}"));
        }
    }
    for (position, task) in dag.tasks.iter().enumerate() {
        if let Some(group) = &task.group {
            graph.set_parent(node_id(position), format!("g{group}"));
        }
        for upstream in &task.upstream {
            let label = EdgeLabel { minlen: 1, weight: 1.0, ..Default::default() };
            graph.set_edge_with_label(node_id(upstream.at()), node_id(position), label);
        }
    }
    dugong::layout(&mut graph).ok()?;

    let mut result = Layout::default();
    for position in 0..dag.tasks.len() {
        let node = graph.node(&node_id(position))?;
        let (x, y) = (node.x? - node.width / 2.0, node.y? - node.height / 2.0);
        result.nodes.push(NodeBox { x: x.round(), y: y.round(), width: node.width });
    }
    for (to, task) in dag.tasks.iter().enumerate() {
        for upstream in &task.upstream {
            let edge = graph.edge(&node_id(upstream.at()), &node_id(to), None)?;
            let (start, end) = (&result.nodes[upstream.at()], &result.nodes[to]);
            let path = smooth(&route(start, end, edge.points.iter().map(|point| (point.x, point.y))));
            result.edges.push(Edge { from: upstream.at(), to, path });
        }
    }
    for group in &used {
        let node = graph.node(&format!("g{}", group.group_id))?;
        result.groups.push(GroupBox {
            group_id: group.group_id.clone(),
            x: (node.x? - node.width / 2.0).round(),
            y: (node.y? - node.height / 2.0 - 6.0).round(),
            width: node.width.round(),
            height: (node.height + 12.0).round(),
        });
    }
    finish(&mut result);
    Some(result)
}

fn has_tasks(dag: &Dag, group_id: &str) -> bool {
    dag.tasks.iter().any(|task| {
        let group = task.group.as_deref().unwrap_or("");
        group == group_id || group.strip_prefix(group_id).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Tasks in columns by the longest way to them, in the file's order within a column.
fn layered(dag: &Dag) -> Layout {
    let layers = longest_ways(dag);
    let columns = layers.iter().max().map_or(0, |last| last + 1);
    let mut widths = vec![0.0_f64; columns];
    for (task, &layer) in dag.tasks.iter().zip(&layers) {
        widths[layer] = widths[layer].max(box_width(task));
    }
    let mut lefts = Vec::with_capacity(columns);
    let mut left = 16.0;
    for width in &widths {
        lefts.push(left);
        left += width + 56.0;
    }
    let mut tops = vec![16.0_f64; columns];
    let mut result = Layout::default();
    for &layer in &layers {
        result.nodes.push(NodeBox { x: lefts[layer], y: tops[layer], width: widths[layer] });
        tops[layer] += NODE_HEIGHT + 12.0;
    }
    for (to, task) in dag.tasks.iter().enumerate() {
        for upstream in &task.upstream {
            let (start, end) = (&result.nodes[upstream.at()], &result.nodes[to]);
            let path = smooth(&route(start, end, std::iter::empty()));
            result.edges.push(Edge { from: upstream.at(), to, path });
        }
    }
    finish(&mut result);
    result
}

/// For each task the number of edges of the longest way to it. The DAG has no cycle: its file was checked.
fn longest_ways(dag: &Dag) -> Vec<usize> {
    let downstream = dag.downstream();
    let mut open: Vec<usize> = dag.tasks.iter().map(|task| task.upstream.len()).collect();
    let mut layers = vec![0; dag.tasks.len()];
    let mut ready: Vec<usize> = (0..dag.tasks.len()).filter(|&position| open[position] == 0).collect();
    while let Some(position) = ready.pop() {
        for next in &downstream[position] {
            let at = next.at();
            layers[at] = layers[at].max(layers[position] + 1);
            open[at] -= 1;
            if open[at] == 0 {
                ready.push(at);
            }
        }
    }
    layers
}

/// Grows the picture to what is in it.
fn finish(layout: &mut Layout) {
    let right = layout.nodes.iter().map(|node| node.x + node.width);
    let group_right = layout.groups.iter().map(|group| group.x + group.width);
    layout.width = right.chain(group_right).fold(0.0, f64::max) + 16.0;
    let bottom = layout.nodes.iter().map(|node| node.y + NODE_HEIGHT);
    let group_bottom = layout.groups.iter().map(|group| group.y + group.height);
    layout.height = bottom.chain(group_bottom).fold(0.0, f64::max) + 16.0;
}

/// From the middle of a box's right side to the middle of another one's left side, around what is between them. dagre
/// leads an edge to wherever it meets the border, often the top: arrows would point past the box. Only its corners
/// between the boxes count.
fn route(start: &NodeBox, end: &NodeBox, points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let (from, to) = (start.x + start.width, end.x);
    let first = (from, start.y + NODE_HEIGHT / 2.0);
    let last = (to, end.y + NODE_HEIGHT / 2.0);
    let between = points.filter(|(x, _)| *x > from + 8.0 && *x < to - 8.0);
    std::iter::once(first).chain(between).chain(std::iter::once(last)).collect()
}

/// A curve through the points that leaves and arrives horizontally.
fn smooth(points: &[(f64, f64)]) -> String {
    use std::fmt::Write;
    let Some(((first_x, first_y), rest)) = points.split_first().map(|(first, rest)| (*first, rest)) else {
        return String::new();
    };
    let mut path = format!("M{first_x:.1} {first_y:.1}");
    let mut previous = (first_x, first_y);
    for &(x, y) in rest {
        let middle = f64::midpoint(previous.0, x);
        let _ = write!(path, "C{middle:.1} {:.1} {middle:.1} {y:.1} {x:.1} {y:.1}", previous.1);
        previous = (x, y);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dag(tasks: &[(&str, Option<&str>, &[u32])]) -> Dag {
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(task_id, group, upstream)| {
                json!({"task_id": task_id, "group": group, "upstream": upstream, "operator": "empty",
                    "trigger_rule": "all_success", "retries": 0, "retry_delay": {"millis": 0}, "priority_weight": 1,
                    "do_xcom_push": true, "line": 1})
            })
            .collect();
        let value = json!({"dag_id": "d", "owner": "o", "schedule": "none", "timezone": "UTC", "catchup": false,
            "tasks": tasks, "groups": [{"group_id": "g"}, {"group_id": "unused"}]});
        serde_json::from_value(value).expect("a DAG")
    }

    #[test]
    fn downstream_tasks_are_right_of_their_upstreams() {
        let laid = layout(&dag(&[("a", None, &[]), ("b", None, &[0]), ("c", None, &[0]), ("d", None, &[1, 2])]));
        assert_eq!(laid.edges.len(), 4);
        for edge in &laid.edges {
            assert!(laid.nodes[edge.from].x + laid.nodes[edge.from].width < laid.nodes[edge.to].x);
            assert!(edge.path.starts_with('M'));
        }
    }

    #[test]
    fn a_group_is_a_box_around_its_tasks_and_an_empty_one_is_not_drawn() {
        let laid = layout(&dag(&[("g.a", Some("g"), &[]), ("g.b", Some("g"), &[0]), ("c", None, &[1])]));
        assert_eq!(laid.groups.len(), 1);
        let group = &laid.groups[0];
        for node in &laid.nodes[..2] {
            assert!(group.x <= node.x && node.x + node.width <= group.x + group.width);
            assert!(group.y <= node.y && node.y + NODE_HEIGHT <= group.y + group.height);
        }
    }

    #[test]
    fn boxes_do_not_overlap_in_the_plain_grid_either() {
        let laid = layered(&dag(&[("a", None, &[]), ("b", None, &[0]), ("c", None, &[0])]));
        assert!((laid.nodes[1].x - laid.nodes[2].x).abs() < 1.0);
        assert!((laid.nodes[1].y - laid.nodes[2].y).abs() >= NODE_HEIGHT);
    }

    #[test]
    fn a_name_that_is_too_long_for_its_box_is_cut() {
        let long = "작업".repeat(30);
        let dag = dag(&[(&long, None, &[]), ("g.short", Some("g"), &[])]);
        assert_eq!(label(&dag.tasks[1]), "short");
        let cut = label(&dag.tasks[0]);
        assert!(cut.ends_with('…') && cut.chars().count() < 25, "{cut}");
    }

    #[test]
    fn an_edge_leaves_to_the_right_and_arrives_from_the_left() {
        let laid = layout(&dag(&[("a", None, &[]), ("b", None, &[]), ("c", None, &[0, 1])]));
        for edge in &laid.edges {
            let (start, end) = (&laid.nodes[edge.from], &laid.nodes[edge.to]);
            let middle = |node: &NodeBox| node.y + NODE_HEIGHT / 2.0;
            assert!(edge.path.starts_with(&format!("M{:.1} {:.1}", start.x + start.width, middle(start))));
            assert!(edge.path.ends_with(&format!("{:.1} {:.1}", end.x, middle(end))));
        }
    }

    #[test]
    fn a_dag_without_tasks_has_an_empty_picture() {
        assert!(layout(&dag(&[])).nodes.is_empty());
    }

    #[test]
    fn a_layout_is_computed_once_per_version() {
        let layouts = Layouts::default();
        let dag = dag(&[("a", None, &[])]);
        assert!(Arc::ptr_eq(&layouts.of(1, &dag), &layouts.of(1, &dag)));
    }
}
