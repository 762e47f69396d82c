//! The leader's way to the executor, and the tasks' way to each other's values.

use std::sync::{Arc, Mutex, PoisonError};

use executor::LocalExecutor;
use model::asset::AssetEvent;
use model::attempt::Attempt;
use model::connection::Connection;
use model::ids::{AttemptToken, DagRunKey};
use model::mapping::Elements;
use model::template::PreviousSuccess;
use scheduler::memory::MemoryJournal;
use scheduler::plan::Watch;
use scheduler::ports::Dispatch;
use scheduler::waiter::Waiter;
use secrets::Secrets;
use worker::{Values, ValuesError};

/// The attempts that were handed out since somebody looked.
#[derive(Debug, Clone, Default)]
pub(super) struct Dispatched(Arc<Mutex<Vec<Attempt>>>);

impl Dispatched {
    pub(super) fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Hands attempts to the executor and notes them.
#[derive(Debug)]
pub(super) struct TestDispatch {
    executor: Arc<LocalExecutor>,
    waiter: Waiter,
    dispatched: Dispatched,
}

impl TestDispatch {
    pub(super) const fn new(executor: Arc<LocalExecutor>, waiter: Waiter, dispatched: Dispatched) -> Self {
        Self { executor, waiter, dispatched }
    }
}

impl Dispatch for TestDispatch {
    fn submit(&mut self, attempts: Vec<Attempt>) {
        self.dispatched.0.lock().unwrap_or_else(PoisonError::into_inner).extend(attempts.iter().cloned());
        for attempt in attempts {
            self.executor.submit(attempt);
        }
    }

    fn watch(&mut self, watches: Vec<Watch>) {
        self.waiter.watch(watches);
    }

    /// There is one DAG.
    fn dags_moved(&mut self, _dag_ids: Vec<String>) {}

    fn cancel(&mut self, token: AttemptToken) {
        self.executor.cancel(token);
        self.waiter.unwatch(token);
    }
}

/// XComs of the journal in memory; variables and connections of everywhere but a database.
#[derive(Debug, Clone)]
pub(super) struct MemoryValues(pub(super) MemoryJournal, pub(super) Secrets);

impl Values for MemoryValues {
    async fn xcom(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        key: &str,
        elements: Elements,
    ) -> Result<Option<serde_json::Value>, ValuesError> {
        Ok(self.0.world().xcom(dag_run, task_id, key, elements))
    }

    async fn previous_success(&self, _dag_run: DagRunKey) -> Result<Option<PreviousSuccess>, ValuesError> {
        Ok(None)
    }

    async fn asset_events(&self, uri: &str) -> Result<Vec<AssetEvent>, ValuesError> {
        Ok(self.0.world().events_of(uri))
    }

    async fn triggering_asset_events(&self, dag_run: DagRunKey) -> Result<Vec<AssetEvent>, ValuesError> {
        Ok(self.0.world().events_taken_by(dag_run))
    }

    async fn variable(&self, key: &str) -> Result<Option<String>, ValuesError> {
        self.1.variable(key).await.map_err(|error| ValuesError(error.to_string()))
    }

    async fn connection(&self, conn_id: &str) -> Result<Option<Connection>, ValuesError> {
        self.1.connection(conn_id).await.map_err(|error| ValuesError(error.to_string()))
    }
}
