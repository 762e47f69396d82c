//! The picture of a DAG as a file of its own: the same layout as on its page, with the colours in it.

use std::fmt::Write;

use model::dag::Dag;

use crate::layout::{NODE_HEIGHT, label, layout};

/// Light, and dark where the viewer prefers that.
const STYLE: &str = "
text{font-family:system-ui,sans-serif;font-size:13px;fill:#1f2430}
.detail,.gname{font-size:11px;fill:#667085}
.box{fill:#fff;stroke:#cbd2dc}.group{fill:#f5f7fa;stroke:#d8dee8;stroke-dasharray:4 3}
.edge{fill:none;stroke:#98a2b3;stroke-width:1.3}#arrow path{fill:#98a2b3}
@media(prefers-color-scheme:dark){text{fill:#e6e9ef}.detail,.gname{fill:#98a2b3}.box{fill:#1d2330;stroke:#3a4356}
.group{fill:#161b26;stroke:#2c3445}}";

/// An SVG document.
pub fn svg(dag: &Dag) -> String {
    let layout = layout(dag);
    let (width, height) = (layout.width, layout.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\">\n<title>{}</title>\n<style>{STYLE}\n</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" \
         refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
        escape(&dag.dag_id)
    );
    for group in &layout.groups {
        let _ = writeln!(
            svg,
            "<rect class=\"group\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\"/><text class=\"gname\" x=\"{}\" y=\"{}\">{}</text>",
            group.x,
            group.y,
            group.width,
            group.height,
            group.x + 8.0,
            group.y + 13.0,
            escape(&group.group_id)
        );
    }
    for edge in &layout.edges {
        let _ = writeln!(svg, "<path class=\"edge\" d=\"{}\" marker-end=\"url(#arrow)\"/>", edge.path);
    }
    for (node, task) in layout.nodes.iter().zip(&dag.tasks) {
        let _ = writeln!(
            svg,
            "<g><title>{}</title><rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{NODE_HEIGHT}\" rx=\"9\"/>\
             <text x=\"{}\" y=\"{}\">{}</text><text class=\"detail\" x=\"{}\" y=\"{}\">{}</text></g>",
            escape(&task.task_id),
            node.x,
            node.y,
            node.width,
            node.x + 14.0,
            node.y + 19.0,
            escape(&label(task)),
            node.x + 14.0,
            node.y + 34.0,
            task.operator.name()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn each_task_edge_and_group_is_drawn() {
        let text = "dag_id: a\ntasks:\n  - group: g\n    tasks:\n      - {id: x, empty: {}}\n  - {id: y, empty: {}, depends_on: g}\n";
        let defaults = model::dag_file::Defaults { timezone: "UTC".to_owned() };
        let parsed = model::dag_file::parse(text, "a", &defaults).unwrap();
        let drawn = svg(&parsed.dag);
        assert_eq!((drawn.matches("class=\"box\"").count(), drawn.matches("class=\"edge\"").count()), (2, 1));
        assert!(drawn.contains(">g</text>") && drawn.contains("<title>g.x</title>"), "{drawn}");
        assert!(drawn.starts_with("<svg xmlns=") && drawn.ends_with("</svg>\n"));
    }
}
