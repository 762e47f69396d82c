//! Creating runs by hand.

use jiff::Timestamp;
use model::dag_run::NewDagRun;
use model::ids::DagRunKey;

use crate::event_log::{By, Event};
use crate::idempotency::RequestKey;
use crate::{Error, Store, to_sql};

/// Why a run was not created.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// There is no such DAG, or no file describes it any more.
    #[error("no DAG `{0}`")]
    DagNotFound(String),
    /// The DAG has a run of that id.
    #[error("DAG `{dag_id}` already has a run `{run_id}`")]
    RunIdExists {
        /// The DAG.
        dag_id: String,
        /// The run.
        run_id: String,
    },
    /// The DAG has a run of that logical date.
    #[error("DAG `{dag_id}` already has a run for {logical_date}")]
    LogicalDateExists {
        /// The DAG.
        dag_id: String,
        /// The date.
        logical_date: Timestamp,
    },
    /// The request has created a run already.
    #[error("the request has created a run already")]
    RequestDone(RequestKey),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for TriggerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Name of the unique index over requests.
const REQUEST_KEY: &str = "dag_run_by_request";

/// Name of the unique key over logical dates, as PostgreSQL named it.
const LOGICAL_DATE_KEY: &str = "dag_run_dag_id_logical_date_key";

impl Store {
    /// Creates a run of a DAG's current version, with its parameters as they were checked.
    pub async fn trigger(
        &self,
        run: &NewDagRun,
        params: &serde_json::Map<String, serde_json::Value>,
        by: &By,
    ) -> Result<DagRunKey, TriggerError> {
        self.trigger_for(run, params, None, by).await
    }

    /// The same for a request that may come again: it never creates a second run.
    pub async fn trigger_for(
        &self,
        run: &NewDagRun,
        params: &serde_json::Map<String, serde_json::Value>,
        request: Option<RequestKey>,
        by: &By,
    ) -> Result<DagRunKey, TriggerError> {
        let json = |map: &serde_json::Map<String, serde_json::Value>| serde_json::Value::from(map.clone()).to_string();
        let mut transaction = self.pool().begin().await?;
        let created = sqlx::query_scalar!(
            r#"-- dag_run.trigger
            WITH created AS (
                INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, logical_date,
                                     data_interval_start, data_interval_end, run_after, queued_at, conf, params, note,
                                     triggered_by, triggering_user, request_id)
                SELECT dag_id, $2, current_version_id, 'queued', $3::text::dag_run_type, $4, $5, $6, $7, $8,
                       $9::text::json, $10::text::json, $11, $12, $13, $14
                FROM dag WHERE dag_id = $1 AND NOT is_stale AND current_version_id IS NOT NULL
                RETURNING id
            ), noted AS (
                INSERT INTO change (dag_run_id) SELECT id FROM created
            )
            SELECT id AS "id!" FROM created, pg_notify('flowctl_change', 'dag:' || $1)"#,
            run.dag_id,
            run.run_id,
            run.run_type.as_str(),
            run.logical_date.map(to_sql),
            run.data_interval.map(|interval| to_sql(interval.start)),
            run.data_interval.map(|interval| to_sql(interval.end)),
            to_sql(run.run_after),
            to_sql(by.at),
            json(&run.conf),
            json(params),
            run.note,
            run.triggered_by.as_str(),
            run.triggering_user,
            request.map(|request| request.0)
        )
        .fetch_optional(&mut *transaction)
        .await;
        match created {
            Ok(Some(id)) => {
                let after = serde_json::json!({
                    "logical_date": run.logical_date.map(|at| at.to_string()),
                    "run_after": run.run_after.to_string(),
                    "conf": run.conf,
                    "note": run.note,
                });
                let event = Event::new("trigger_dag_run").dag(&run.dag_id).run(Some(&run.run_id)).after(after);
                event.commit(transaction, by).await?;
                Ok(DagRunKey(id))
            }
            Ok(None) => Err(TriggerError::DagNotFound(run.dag_id.clone())),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(match (error.constraint(), request, run.logical_date) {
                    (Some(REQUEST_KEY), Some(request), _) => TriggerError::RequestDone(request),
                    (Some(LOGICAL_DATE_KEY), _, Some(logical_date)) => {
                        TriggerError::LogicalDateExists { dag_id: run.dag_id.clone(), logical_date }
                    }
                    _ => TriggerError::RunIdExists { dag_id: run.dag_id.clone(), run_id: run.run_id.clone() },
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The name of the run that a request created.
    pub async fn run_of_request(&self, request: RequestKey) -> Result<Option<String>, Error> {
        let run_id =
            sqlx::query_scalar!("-- dag_run.of_request\nSELECT run_id FROM dag_run WHERE request_id = $1", request.0);
        Ok(run_id.fetch_optional(self.pool()).await?)
    }
}
