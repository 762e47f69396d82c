//! Pausing, marking, deleting DAGs, reading their files again, and skipping runs.

use store::dag::{DagDeletion, FavoriteChange};

use super::{ActionError, Doors, LoggedIn};

/// Beyond this the times of the runs that follow would have to be looked for too long.
const MOST_SKIPPED: u32 = 1000;

impl Doors {
    /// Pauses or activates a DAG.
    pub async fn set_paused(&self, who: &LoggedIn, dag_id: &str, is_paused: bool) -> Result<(), ActionError> {
        if self.store.set_paused(dag_id, is_paused, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no DAG `{dag_id}`")))
    }

    /// Pauses or activates several DAGs.
    pub async fn set_all_paused(&self, who: &LoggedIn, dag_ids: &[String], is_paused: bool) -> Result<(), ActionError> {
        Ok(self.store.set_all_paused(dag_ids, is_paused, &self.by(who)).await?)
    }

    /// Marks a DAG for a person.
    pub async fn mark_favorite(&self, who: &LoggedIn, dag_id: &str) -> Result<(), ActionError> {
        match self.store.mark_favorite(dag_id, &self.by(who)).await? {
            FavoriteChange::Changed => Ok(()),
            FavoriteChange::Unchanged => Err(ActionError::Exists(format!("DAG `{dag_id}` is a favorite already"))),
            FavoriteChange::NoDag => Err(ActionError::NotFound(format!("no DAG `{dag_id}`"))),
        }
    }

    /// Takes a person's mark of a DAG back.
    pub async fn unmark_favorite(&self, who: &LoggedIn, dag_id: &str) -> Result<(), ActionError> {
        match self.store.unmark_favorite(dag_id, &self.by(who)).await? {
            FavoriteChange::Changed => Ok(()),
            FavoriteChange::Unchanged => Err(ActionError::Conflict("Dag is not marked as favorite".to_owned())),
            FavoriteChange::NoDag => Err(ActionError::NotFound(format!("no DAG `{dag_id}`"))),
        }
    }

    /// Deletes a DAG with its history. The files of its logs are the caller's to remove.
    pub async fn delete_dag(&self, who: &LoggedIn, dag_id: &str) -> Result<(), ActionError> {
        match self.store.delete_dag(dag_id, &self.by(who)).await? {
            DagDeletion::Deleted => Ok(()),
            DagDeletion::Running => {
                Err(ActionError::Conflict(format!("Task instances of dag with id: '{dag_id}' are still running")))
            }
            DagDeletion::Busy => Err(ActionError::Conflict(format!(
                "Runs of dag with id: '{dag_id}' are created faster than they can be deleted: pause it first"
            ))),
        }
    }

    /// Has the DAG processor read a file again; its path is relative to the DAG folder.
    pub async fn read_dag_file(&self, who: &LoggedIn, file: &str) -> Result<(), ActionError> {
        if self.store.request_dag_file(file, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no DAG file `{file}`")))
    }

    /// Leaves out the next `count` scheduled runs of a DAG.
    pub async fn set_skip_next(&self, who: &LoggedIn, dag_id: &str, count: u32) -> Result<(), ActionError> {
        if count > MOST_SKIPPED {
            return Err(ActionError::Invalid(format!(
                "up to {MOST_SKIPPED} runs can be skipped; a DAG that is not to run is paused"
            )));
        }
        if self.store.set_skip_next(dag_id, count, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no DAG `{dag_id}`")))
    }
}
