//! Values that programs keep beside task instances and assets.

use jiff::Timestamp;
use serde_json::Value;
use store::state::StateOwner;

use super::{ActionError, Doors, LoggedIn};

impl Doors {
    /// Sets a value beside a task instance.
    pub async fn set_task_state(
        &self,
        who: &LoggedIn,
        owner: &StateOwner,
        key: &str,
        value: &Value,
        expires_at: Option<Timestamp>,
    ) -> Result<(), ActionError> {
        Ok(self.store.set_task_state(owner, key, value, expires_at, &self.by(who)).await?)
    }

    /// Changes a value beside a task instance; false when it is not there.
    pub async fn change_task_state(
        &self,
        who: &LoggedIn,
        owner: &StateOwner,
        key: &str,
        value: &Value,
    ) -> Result<bool, ActionError> {
        Ok(self.store.change_task_state(owner, key, value, &self.by(who)).await?)
    }

    /// Deletes one value beside a task instance, or all; with `of_all` those of all elements of its task.
    pub async fn delete_task_states(
        &self,
        who: &LoggedIn,
        owner: &StateOwner,
        key: Option<&str>,
        of_all: bool,
    ) -> Result<(), ActionError> {
        Ok(self.store.delete_task_states(owner, key, of_all, &self.by(who)).await?)
    }

    /// Sets a value beside an asset; false when there is no such asset.
    pub async fn set_asset_state(
        &self,
        who: &LoggedIn,
        asset_id: i64,
        key: &str,
        value: &Value,
    ) -> Result<bool, ActionError> {
        Ok(self.store.set_asset_state(asset_id, key, value, &self.by(who)).await?)
    }

    /// Deletes one value beside an asset, or all.
    pub async fn delete_asset_states(
        &self,
        who: &LoggedIn,
        asset_id: i64,
        key: Option<&str>,
    ) -> Result<(), ActionError> {
        Ok(self.store.delete_asset_states(asset_id, key, &self.by(who)).await?)
    }
}
