//! Marking task instances, running a run again with another conf, disabling tasks.

use model::dag::Dag;
use model::ids::{DagRunKey, TaskIndex};
use serde_json::{Map, Value};
use store::dag_run::{ClearError, ClearRuns, ClearSelection, Cleared, DeleteError, TaskInstanceEnd};

use super::dag_run::{check_text, refused};
use super::{ActionError, Doors, LoggedIn, unavailable};

impl Doors {
    /// Gives task instances the end that somebody says they have, or says whose it would be; there may be none.
    pub async fn mark_task_instances(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        runs: &ClearRuns,
        chosen: &ClearSelection,
        end: TaskInstanceEnd,
    ) -> Result<Vec<(DagRunKey, TaskIndex, i32)>, ActionError> {
        let marked = self.store.mark_task_instances(dag_id, runs, chosen, end, &self.by(who)).await;
        marked.map_err(|error| match error {
            error @ ClearError::NoLogicalDate(_) => ActionError::Invalid(error.to_string()),
            error @ ClearError::Running(_) => ActionError::Conflict(error.to_string()),
            ClearError::Store(error) => error.into(),
        })
    }

    /// Remarks on task instances; an empty remark takes it away.
    pub async fn note_task_instances(
        &self,
        who: &LoggedIn,
        keys: &[(DagRunKey, TaskIndex, i32)],
        note: &str,
    ) -> Result<(), ActionError> {
        check_text("note", note)?;
        self.store.note_task_instances(keys, note, &self.by(who)).await?;
        Ok(())
    }

    /// Deletes the instances of a task, or one element, of a run that has ended; which elements.
    pub async fn delete_task_instances(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: Option<i32>,
    ) -> Result<Vec<i32>, ActionError> {
        let deleted = self.store.delete_task_instances(dag_id, run_id, task_id, map_index, &self.by(who)).await;
        deleted.map_err(|error| match error {
            DeleteError::Store(error) => error.into(),
            error @ (DeleteError::Unfinished(_) | DeleteError::Element(_)) => ActionError::Conflict(error.to_string()),
        })
    }

    /// Lets a run start over from its beginning with keys of its conf changed; a null takes one away.
    pub async fn rerun(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: &str,
        changes: Map<String, Value>,
        on_latest_version: bool,
    ) -> Result<Cleared, ActionError> {
        let missing = || ActionError::NotFound(format!("no run `{run_id}` of DAG `{dag_id}`"));
        let run = self.store.pages_run(dag_id, run_id).await.map_err(unavailable)?.ok_or_else(missing)?;
        let pinned: Dag = serde_json::from_value(run.spec).map_err(unavailable)?;
        let dag = if on_latest_version { self.store.current_dag(dag_id).await?.unwrap_or(pinned) } else { pinned };
        let mut conf = run.conf.as_object().cloned().unwrap_or_default();
        for (name, value) in changes {
            if value.is_null() {
                conf.shift_remove(&name);
            } else {
                conf.insert(name, value);
            }
        }
        let params = model::dag_file::params::merge(&dag, &conf).map_err(refused)?;
        let selection = ClearSelection { on_latest_version, conf: Some((conf, params)), ..ClearSelection::default() };
        let cleared = self.clear_task_instances(who, dag_id, &ClearRuns::One(run_id.to_owned()), &selection).await?;
        if cleared.keys.is_empty() {
            return Err(ActionError::Conflict(format!("run `{run_id}` has not started; nothing was changed")));
        }
        Ok(cleared)
    }

    /// Has a task skipped when its turn comes, in one run or in all until further notice. False: it is so already.
    pub async fn disable_task(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: Option<&str>,
        task_id: &str,
    ) -> Result<bool, ActionError> {
        Ok(self.store.disable_task(dag_id, run_id, task_id, &self.by(who)).await?)
    }

    /// Lets a disabled task run again when its turn comes.
    pub async fn enable_task(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: Option<&str>,
        task_id: &str,
    ) -> Result<(), ActionError> {
        if self.store.enable_task(dag_id, run_id, task_id, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no disabled task `{task_id}` of DAG `{dag_id}`")))
    }
}
