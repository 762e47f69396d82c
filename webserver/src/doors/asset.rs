//! Updates of assets from outside, and updates that somebody takes back.

use jiff::Timestamp;
use model::dag_run::DataInterval;
use serde_json::{Map, Value};
use store::asset::PostedEvent;

use super::{ActionError, Doors, LoggedIn};

/// Bytes of an event's `extra` at most.
const MAX_EXTRA: usize = 64 * 1024;

impl Doors {
    /// Keeps an update of an asset; its number.
    pub async fn post_asset_event(
        &self,
        who: &LoggedIn,
        asset_id: i64,
        extra: Map<String, Value>,
        data_interval: Option<DataInterval>,
    ) -> Result<i64, ActionError> {
        let text = Value::from(extra.clone()).to_string();
        if text.len() > MAX_EXTRA {
            let size = text.len();
            return Err(ActionError::Invalid(format!("extra: has {size} bytes; an event may carry {MAX_EXTRA}")));
        }
        if data_interval.is_some_and(|interval| interval.start > interval.end) {
            return Err(ActionError::Invalid("data_interval_end: is before data_interval_start".to_owned()));
        }
        let event = PostedEvent { asset_id, extra, data_interval };
        let posted = self.store.post_asset_event(&event, &self.by(who)).await?;
        posted.ok_or_else(|| ActionError::NotFound(format!("no asset {asset_id}")))
    }

    /// Takes back updates that wait for a DAG, of an asset, or both; how many.
    pub async fn delete_queued_events(
        &self,
        who: &LoggedIn,
        dag_id: Option<&str>,
        asset_id: Option<i64>,
        before: Option<Timestamp>,
    ) -> Result<i64, ActionError> {
        Ok(self.store.delete_queued_events(dag_id, asset_id, before, &self.by(who)).await?)
    }
}
