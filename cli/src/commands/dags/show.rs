//! `flowctl dags show`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use model::dag::Dag;
use serde::Serialize;

use crate::globals::Globals;
use crate::output::{Cell, Column, Format};
use crate::{config, local_dags};

/// Which DAG, and how.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Id of a DAG in the DAG folder, or the path of its file.
    dag: String,
    /// Writes a picture into this file instead.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// A task in the graph.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Entry {
    /// From 1: the number of tasks of the longest way to it, itself included.
    level: usize,
    task_id: String,
    group: Option<String>,
    operator: &'static str,
    trigger_rule: String,
    upstream: Vec<String>,
    downstream: Vec<String>,
}

const COLUMNS: [Column<Entry>; 5] = [
    Column { title: "level", cell: |task| Cell::from(task.level.to_string()) },
    Column { title: "task", cell: |task| Cell::from(format!("{}{}", "  ".repeat(task.level - 1), task.task_id)) },
    Column { title: "operator", cell: |task| Cell::from(task.operator) },
    Column { title: "trigger rule", cell: |task| Cell::from(task.trigger_rule.as_str()) },
    Column { title: "then", cell: |task| Cell::from(task.downstream.join(", ")) },
];

/// Prints the graph, or draws it into a file.
pub(super) fn run(globals: &Globals, arguments: &Show) -> anyhow::Result<ExitCode> {
    let settings = config::load(globals, &[])?;
    let local = local_dags::find(&settings, &arguments.dag)?;
    if let Some(file) = &arguments.svg {
        std::fs::write(file, webserver::svg::svg(&local.dag))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        anstream::eprintln!("{} tasks are drawn in {}", local.dag.tasks.len(), file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let entries = entries(&local.dag);
    let output = globals.output();
    if output.format() == Format::Table {
        let edges: usize = local.dag.tasks.iter().map(|task| task.upstream.len()).sum();
        let groups: Vec<&str> = local.dag.groups.iter().map(|group| group.group_id.as_str()).collect();
        let groups = if groups.is_empty() { String::new() } else { format!(", groups {}", groups.join(", ")) };
        anstream::eprintln!("{}: {} tasks, {edges} edges{groups}", local.dag.dag_id, local.dag.tasks.len());
    }
    if let (Some(schedule), true) = (local.dag.schedule.text(), local.dag.schedule.assets().is_some()) {
        anstream::eprintln!("schedule: {schedule}");
    }
    output.list(&entries, &COLUMNS, u64::try_from(entries.len()).unwrap_or(u64::MAX))?;
    Ok(ExitCode::SUCCESS)
}

/// The tasks by level, in the file's order within one.
fn entries(dag: &Dag) -> Vec<Entry> {
    let levels = levels(dag);
    let downstream = dag.downstream();
    let ids = |tasks: &[model::ids::TaskIndex]| tasks.iter().map(|task| dag.task(*task).task_id.clone()).collect();
    let mut entries: Vec<Entry> = dag
        .tasks
        .iter()
        .enumerate()
        .map(|(position, task)| Entry {
            level: levels[position],
            task_id: task.task_id.clone(),
            group: task.group.clone(),
            operator: task.operator.name(),
            trigger_rule: task.trigger_rule.to_string(),
            upstream: ids(&task.upstream),
            downstream: ids(&downstream[position]),
        })
        .collect();
    entries.sort_by_key(|entry| entry.level);
    entries
}

/// For each task the number of tasks of the longest way to it. There is no cycle: the file was checked.
fn levels(dag: &Dag) -> Vec<usize> {
    let downstream = dag.downstream();
    let mut open: Vec<usize> = dag.tasks.iter().map(|task| task.upstream.len()).collect();
    let mut levels = vec![1; dag.tasks.len()];
    let mut ready: Vec<usize> = (0..open.len()).filter(|&position| open[position] == 0).collect();
    while let Some(position) = ready.pop() {
        for next in downstream[position].iter().map(|next| next.at()) {
            levels[next] = levels[next].max(levels[position] + 1);
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    levels
}
