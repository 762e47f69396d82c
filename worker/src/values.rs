//! What an attempt may ask: values of other task instances and runs, variables and connections.

use std::future::Future;

use model::asset::AssetEvent;
use model::connection::Connection;
use model::ids::DagRunKey;
use model::mapping::Elements;
use model::template::PreviousSuccess;
use serde_json::Value;

/// Why a value could not be fetched.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ValuesError(pub String);

/// Where values of other task instances and runs come from: the database, or the gateway of a remote worker.
pub trait Values: Send + Sync + 'static {
    /// An XCom of instances of a task of the same run: of one, its value, none when there is no such XCom; of several,
    /// the list of those that there are, in the order of their map indexes.
    fn xcom(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        key: &str,
        elements: Elements,
    ) -> impl Future<Output = Result<Option<Value>, ValuesError>> + Send;

    /// The last successful run before this one.
    fn previous_success(
        &self,
        dag_run: DagRunKey,
    ) -> impl Future<Output = Result<Option<PreviousSuccess>, ValuesError>> + Send;

    /// The newest events of an asset, the newest last.
    fn asset_events(&self, uri: &str) -> impl Future<Output = Result<Vec<AssetEvent>, ValuesError>> + Send;

    /// The events of assets that a run took; none for one that other things started.
    fn triggering_asset_events(
        &self,
        dag_run: DagRunKey,
    ) -> impl Future<Output = Result<Vec<AssetEvent>, ValuesError>> + Send;
    /// The text of a variable.
    fn variable(&self, key: &str) -> impl Future<Output = Result<Option<String>, ValuesError>> + Send;

    /// A connection.
    fn connection(&self, conn_id: &str) -> impl Future<Output = Result<Option<Connection>, ValuesError>> + Send;
}
