//! The picture of a DAG, coloured by what became of its tasks.

use askama::Template;
use model::dag::Dag;

use super::PageError;
use super::format::glyph;
use crate::layout::{self, Edge, GroupBox, Layout};

/// What is written about a task in its box.
pub(super) struct About {
    pub(super) state: String,
    pub(super) href: String,
    pub(super) title: String,
    pub(super) detail: String,
}

struct NodeView {
    x: f64,
    y: f64,
    width: f64,
    label: String,
    state: String,
    sign: &'static str,
    href: String,
    title: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "graph.html")]
struct GraphView<'a> {
    width: f64,
    height: f64,
    nodes: Vec<NodeView>,
    edges: &'a [Edge],
    groups: &'a [GroupBox],
}

/// The picture as SVG. `about` is asked for each task, by its position.
pub(super) fn svg(dag: &Dag, layout: &Layout, about: impl Fn(usize) -> About) -> Result<String, PageError> {
    let nodes = layout.nodes.iter().zip(&dag.tasks).enumerate().map(|(position, (node, task))| {
        let About { state, href, title, detail } = about(position);
        NodeView {
            x: node.x,
            y: node.y,
            width: node.width,
            label: layout::label(task),
            sign: glyph(&state),
            state,
            href,
            title,
            detail,
        }
    });
    let view = GraphView {
        width: layout.width,
        height: layout.height,
        nodes: nodes.collect(),
        edges: &layout.edges,
        groups: &layout.groups,
    };
    Ok(view.render()?)
}
