//! What the scheduler's [`ports`](crate::ports) are in production: this machine's clock, the local executor, and what
//! attempts ask of the database.

use std::sync::Arc;

use executor::LocalExecutor;
use jiff::Timestamp;
use model::asset::AssetEvent;
use model::attempt::Attempt;
use model::connection::Connection;
use model::ids::{AttemptToken, DagRunKey};
use model::mapping::Elements;
use model::template::PreviousSuccess;
use secrets::LookupError;
use tokio::sync::Notify;
use worker::{Values, ValuesError};

use super::BACK_OFF;
use crate::causes::with_causes;
use crate::plan::Watch;
use crate::ports::{Clock, Dispatch};
use crate::postgres::DeployedJournal;
use crate::waiter::Waiter;

/// The time of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the scheduler's shell")]
    fn now(&self) -> Timestamp {
        model::dag_run::to_microsecond(Timestamp::now())
    }
}

/// What attempts ask.
#[derive(Debug, Clone)]
pub(super) struct StoreValues(pub(super) DeployedJournal);

impl Values for StoreValues {
    async fn xcom(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        key: &str,
        elements: Elements,
    ) -> Result<Option<serde_json::Value>, ValuesError> {
        once_it_answers(|| self.0.xcom(dag_run, task_id, key, elements)).await
    }

    async fn previous_success(&self, dag_run: DagRunKey) -> Result<Option<PreviousSuccess>, ValuesError> {
        once_it_answers(|| self.0.previous_success(dag_run)).await
    }

    async fn asset_events(&self, uri: &str) -> Result<Vec<AssetEvent>, ValuesError> {
        once_it_answers(|| self.0.asset_events(uri)).await
    }

    async fn triggering_asset_events(&self, dag_run: DagRunKey) -> Result<Vec<AssetEvent>, ValuesError> {
        once_it_answers(|| self.0.triggering_asset_events(dag_run)).await
    }

    async fn variable(&self, key: &str) -> Result<Option<String>, ValuesError> {
        once_it_answers(|| async { readable(self.0.secrets.variable(key).await) }).await?.map_err(ValuesError)
    }

    async fn connection(&self, conn_id: &str) -> Result<Option<Connection>, ValuesError> {
        once_it_answers(|| async { readable(self.0.secrets.connection(conn_id).await) }).await?.map_err(ValuesError)
    }
}

/// Waiting helps only when it is the database that failed.
fn readable<T>(found: Result<T, LookupError>) -> Result<Result<T, String>, store::SqlError> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(LookupError::Unreadable(reason)) => Ok(Err(reason)),
        Err(LookupError::Database(error)) => Err(error),
    }
}

/// A task must not fail because the database restarts: it waits, like the leader. Its stop and its timeout end the wait.
async fn once_it_answers<T, F>(ask: impl Fn() -> F) -> Result<T, ValuesError>
where
    F: Future<Output = Result<T, store::SqlError>>,
{
    loop {
        match ask().await {
            Err(error) if store::is_passing(&error) => {
                tracing::warn!(error = with_causes(&error), "a task waits for the database");
                tokio::time::sleep(BACK_OFF).await;
            }
            result => return result.map_err(|error| ValuesError(error.to_string())),
        }
    }
}

/// Hands attempts to the local executor, what waits to the waiter, and wakes who delivers messages.
pub(super) struct LocalDispatch {
    pub(super) executor: Arc<LocalExecutor>,
    pub(super) waiter: Arc<Waiter>,
    pub(super) notifier: Arc<Notify>,
}

impl Dispatch for LocalDispatch {
    fn submit(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            self.executor.submit(attempt);
        }
    }

    fn watch(&mut self, watches: Vec<Watch>) {
        self.waiter.watch(watches);
    }

    fn dags_moved(&mut self, dag_ids: Vec<String>) {
        self.waiter.dags_moved(dag_ids);
    }

    fn deliver(&mut self) {
        self.notifier.notify_one();
    }

    fn cancel(&mut self, token: AttemptToken) {
        self.executor.cancel(token);
        self.waiter.unwatch(token);
    }
}
