//! Changes: the requests behind `dags pause` and `trigger`, `runs cancel`, `clear` and `mark`, `tasks clear` and `mark`.

use api::{
    ClearDagRunBody, ClearTaskInstancesBody, Dag, DagPatchBody, DagRun, DagRunPatchBody, PatchTaskInstanceBody,
    TaskInstanceCollection, TaskSelector, TriggerDagRunBody,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Name;
use crate::client::{Client, Error};
use crate::commands::runs::tree::element;

/// A change that a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) enum Change {
    /// Pauses or activates a DAG.
    Pause { dag_id: String, is_paused: bool },
    /// Starts a run.
    Trigger { dag_id: String, conf: Map<String, Value>, at: Timestamp },
    /// Stops a run.
    CancelRun { dag_id: String, run_id: String },
    /// Lets what failed of a run, and what did not run because of that, start over.
    ClearFailed { dag_id: String, run_id: String },
    /// Gives a run an end.
    MarkRun { dag_id: String, run_id: String, state: &'static str },
    /// Lets a task instance start over, alone or with what follows it.
    ClearTask { name: Name, is_alone: bool },
    /// Gives a task instance an end.
    MarkTask { name: Name, state: &'static str },
}

/// What was changed.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Changed {
    /// In words.
    pub(in crate::tui) said: String,
    /// The DAG as it is now, when that was changed.
    pub(in crate::tui) dag: Option<Dag>,
    /// The run that was started.
    pub(in crate::tui) run_id: Option<String>,
}

impl Changed {
    fn said(said: String) -> Self {
        Self { said, dag: None, run_id: None }
    }
}

impl Change {
    /// What is going on while it is made.
    pub(in crate::tui) fn progress(&self) -> String {
        match self {
            Self::Pause { dag_id, is_paused: true } => format!("pausing `{dag_id}`"),
            Self::Pause { dag_id, is_paused: false } => format!("activating `{dag_id}`"),
            Self::Trigger { dag_id, .. } => format!("triggering `{dag_id}`"),
            Self::CancelRun { run_id, .. } => format!("cancelling run `{run_id}`"),
            Self::ClearFailed { run_id, .. } => format!("clearing what failed of run `{run_id}`"),
            Self::MarkRun { run_id, state, .. } => format!("marking run `{run_id}` {state}"),
            Self::ClearTask { name, .. } => format!("clearing `{}`", name.element()),
            Self::MarkTask { name, state } => format!("marking `{}` {state}", name.element()),
        }
    }

    /// The task instances that would start over.
    pub(super) async fn preview(&self, client: &Client) -> Result<Vec<String>, Error> {
        let found: TaskInstanceCollection = match self {
            Self::ClearFailed { dag_id, run_id } => {
                client.post(&["dags", dag_id, "dagRuns", run_id, "clear"], &clear_failed(true)).await?
            }
            Self::ClearTask { name, is_alone } => clear_task(client, name, *is_alone, true).await?,
            _ => TaskInstanceCollection::whole(Vec::new()),
        };
        Ok(found.task_instances.iter().map(|instance| element(&instance.task_id, instance.map_index)).collect())
    }

    /// Makes it.
    pub(super) async fn make(self, client: &Client) -> Result<Changed, Error> {
        match self {
            Self::Pause { dag_id, is_paused } => pause(client, &dag_id, is_paused).await,
            Self::Trigger { dag_id, conf, at } => trigger(client, &dag_id, conf, at).await,
            Self::CancelRun { dag_id, run_id } => {
                let path = ["dags", &dag_id, "dagRuns", &run_id, "cancel"];
                client.post::<DagRun>(&path, &serde_json::json!({})).await?;
                Ok(Changed::said(format!("run `{run_id}` is cancelled")))
            }
            Self::ClearFailed { dag_id, run_id } => {
                let path = ["dags", &dag_id, "dagRuns", &run_id, "clear"];
                client.post::<DagRun>(&path, &clear_failed(false)).await?;
                Ok(Changed::said(format!("what failed of run `{run_id}` starts over")))
            }
            Self::MarkRun { dag_id, run_id, state } => {
                let body = DagRunPatchBody { state: Some(state.to_owned()), note: None };
                client.patch::<DagRun>(&["dags", &dag_id, "dagRuns", &run_id], &body).await?;
                Ok(Changed::said(format!("run `{run_id}` is marked {state}")))
            }
            Self::ClearTask { name, is_alone } => {
                let cleared = clear_task(client, &name, is_alone, false).await?.task_instances.len();
                Ok(Changed::said(match cleared {
                    0 => "nothing was cleared: no task instance is as asked for".to_owned(),
                    1 => format!("`{}` starts over", name.element()),
                    more => format!("{more} task instances start over"),
                }))
            }
            Self::MarkTask { name, state } => mark_task(client, &name, state).await,
        }
    }
}

impl Name {
    /// The task, or the element of a mapped one.
    pub(in crate::tui) fn element(&self) -> String {
        element(&self.task_id, self.map_index)
    }
}

async fn pause(client: &Client, dag_id: &str, is_paused: bool) -> Result<Changed, Error> {
    let dag: Dag = client.patch(&["dags", dag_id], &DagPatchBody { is_paused }).await?;
    let said = format!("`{dag_id}` is {}", if dag.is_paused { "paused" } else { "active" });
    Ok(Changed { dag: Some(dag), ..Changed::said(said) })
}

async fn trigger(client: &Client, dag_id: &str, conf: Map<String, Value>, at: Timestamp) -> Result<Changed, Error> {
    let conf = Some(conf).filter(|conf| !conf.is_empty());
    let body = TriggerDagRunBody { logical_date: Some(at), conf, ..TriggerDagRunBody::default() };
    let run: DagRun = client.post(&["dags", dag_id, "dagRuns"], &body).await?;
    let said = format!("run `{}` is triggered", run.dag_run_id);
    Ok(Changed { run_id: Some(run.dag_run_id), ..Changed::said(said) })
}

fn clear_failed(dry_run: bool) -> ClearDagRunBody {
    ClearDagRunBody { dry_run, only_failed: true, run_on_latest_version: Some(false), ..ClearDagRunBody::default() }
}

async fn clear_task(
    client: &Client,
    name: &Name,
    is_alone: bool,
    dry_run: bool,
) -> Result<TaskInstanceCollection, Error> {
    let Name { dag_id, run_id, task_id, map_index } = name.clone();
    let selector = if map_index < 0 { TaskSelector::Task(task_id) } else { TaskSelector::Element(task_id, map_index) };
    let body = ClearTaskInstancesBody {
        dry_run,
        start_date: None,
        end_date: None,
        only_failed: false,
        only_running: false,
        reset_dag_runs: true,
        task_ids: Some(vec![selector]),
        dag_run_id: Some(run_id),
        include_upstream: false,
        include_downstream: !is_alone,
        include_future: false,
        include_past: false,
        run_on_latest_version: false,
        prevent_running_task: false,
        note: None,
    };
    client.post(&["dags", &dag_id, "clearTaskInstances"], &body).await
}

async fn mark_task(client: &Client, name: &Name, state: &str) -> Result<Changed, Error> {
    let body = PatchTaskInstanceBody { new_state: Some(state.to_owned()), ..PatchTaskInstanceBody::default() };
    let element = name.map_index.to_string();
    let mut path = vec!["dags", &name.dag_id, "dagRuns", &name.run_id, "taskInstances", &name.task_id];
    if name.map_index >= 0 {
        path.push(&element);
    }
    let marked: TaskInstanceCollection = client.patch(&path, &body).await?;
    let name = name.element();
    Ok(Changed::said(match marked.task_instances.len() {
        0 => format!("nothing was marked: `{name}` is {state} already"),
        _ => format!("`{name}` is marked {state}"),
    }))
}
