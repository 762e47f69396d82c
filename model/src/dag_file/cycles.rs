//! Cycles, named edge by edge.

use super::graph::Edge;

/// One cycle among the edges, as edges in walking order; nothing when there is none.
pub(super) fn find(tasks: usize, edges: &[Edge]) -> Option<Vec<Edge>> {
    let mut incoming = vec![0_usize; tasks];
    let mut outgoing = vec![Vec::new(); tasks];
    for edge in edges {
        incoming[edge.to] += 1;
        outgoing[edge.from].push(edge);
    }
    let mut ready: Vec<usize> = (0..tasks).filter(|task| incoming[*task] == 0).collect();
    while let Some(task) = ready.pop() {
        for edge in &outgoing[task] {
            incoming[edge.to] -= 1;
            if incoming[edge.to] == 0 {
                ready.push(edge.to);
            }
        }
    }
    // Whatever still has incoming edges has an upstream in the same state: walking up must come back.
    let start = (0..tasks).find(|task| incoming[*task] > 0)?;
    let mut seen_at = vec![None; tasks];
    let mut path: Vec<Edge> = Vec::new();
    let mut upstream = vec![None; tasks];
    for edge in edges.iter().filter(|edge| incoming[edge.from] > 0) {
        upstream[edge.to].get_or_insert(*edge);
    }
    let mut task = start;
    loop {
        if let Some(position) = seen_at[task] {
            let mut cycle = path.split_off(position);
            cycle.reverse();
            return Some(cycle);
        }
        seen_at[task] = Some(path.len());
        let edge: Edge = upstream[task]?;
        path.push(edge);
        task = edge.from;
    }
}
