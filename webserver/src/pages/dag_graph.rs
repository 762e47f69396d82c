//! The graph of one version of a DAG, coloured by the DAG's newest run.

use std::collections::HashMap;
use std::sync::Arc;

use model::dag::Dag;
use store::read::pages::{DagDetails, RunRow};

use super::format::{dag_href, task_href, words};
use super::graph::{self, About};
use super::{PageError, Pages};
use crate::layout::Layout;

/// The picture, and what it shows in words.
pub(super) async fn draw(pages: &Pages, dag: &Dag, row: &DagDetails) -> Result<(String, String), PageError> {
    let newest = pages.store.pages_runs(&row.dag_id, "", 1, 0).await?.into_iter().next();
    let task_ids: Vec<_> = dag.tasks.iter().map(|task| task.task_id.clone()).collect();
    let cells = match &newest {
        Some(run) => pages.store.pages_grid(&[run.id], &task_ids).await?,
        None => Vec::new(),
    };
    let states: HashMap<&str, &str> = cells.iter().map(|cell| (cell.task_id.as_str(), cell.state.as_str())).collect();
    let layout = lay_out(pages, row.version_id, dag).await;
    let svg = graph::svg(dag, &layout, |position| {
        let task = &dag.tasks[position];
        let state = states.get(task.task_id.as_str()).copied().unwrap_or("none");
        let href = match &newest {
            Some(run) if states.contains_key(task.task_id.as_str()) || is_waiting(run, row.version_number) => {
                task_href(&row.dag_id, &run.run_id, &task.task_id, -1)
            }
            _ => format!("{}?tab=code#L{}", dag_href(&row.dag_id), task.line),
        };
        About {
            state: state.to_owned(),
            href,
            title: format!("{} · {} · {}", task.task_id, task.operator.name(), task.trigger_rule),
            detail: if newest.is_some() {
                format!("{} · {}", task.operator.name(), words(state))
            } else {
                task.operator.name().to_owned()
            },
        }
    })?;
    let note = newest.map_or_else(
        || format!("{} tasks; no run yet", dag.tasks.len()),
        |run| format!("{} tasks, coloured by the newest run, {}", dag.tasks.len(), run.run_id),
    );
    Ok((svg, note))
}

/// Whether a run of this version has not started: it has no task instances yet, but their pages.
pub(super) fn is_waiting(run: &RunRow, version_number: i32) -> bool {
    run.started_at.is_none() && run.version_number == version_number
}

/// The layout of a version. A big one takes half a second of computing, which is no work for an async thread.
pub(super) async fn lay_out(pages: &Pages, version_id: i64, dag: &Dag) -> Arc<Layout> {
    let (layouts, owned) = (Arc::clone(&pages.layouts), dag.clone());
    match tokio::task::spawn_blocking(move || layouts.of(version_id, &owned)).await {
        Ok(layout) => layout,
        Err(problem) => {
            tracing::error!(error = %problem, "the graph of DAG {} could not be laid out", dag.dag_id);
            Arc::default()
        }
    }
}
