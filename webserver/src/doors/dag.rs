//! Pausing.

use super::{ActionError, Doors, LoggedIn};

impl Doors {
    /// Pauses or activates a DAG.
    pub async fn set_paused(&self, who: &LoggedIn, dag_id: &str, is_paused: bool) -> Result<(), ActionError> {
        who.may_change()?;
        if self.store.set_paused(dag_id, is_paused).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no DAG `{dag_id}`")))
    }
}
