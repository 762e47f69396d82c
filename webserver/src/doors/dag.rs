//! Pausing, and skipping runs.

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
