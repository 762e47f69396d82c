//! Runs that tasks start.

use jiff::Timestamp;

use crate::{Store, to_sql};

/// A run that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Its name.
    pub run_id: String,
    /// Who asked for it.
    pub triggering_user: Option<String>,
}

pub(super) async fn existing_run(
    store: &Store,
    dag_id: &str,
    run_id: &str,
    logical_date: Option<Timestamp>,
) -> Result<Option<Existing>, sqlx::Error> {
    sqlx::query_as!(
        Existing,
        "-- dag_run.existing
         SELECT run_id, triggering_user FROM dag_run
         WHERE dag_id = $1 AND (run_id = $2 OR logical_date = $3)
         ORDER BY (run_id = $2) DESC LIMIT 1",
        dag_id,
        run_id,
        logical_date.map(to_sql)
    )
    .fetch_optional(store.pool())
    .await
}

impl Store {
    /// Notes that a run that was there already is somebody else's from now on. False when it has vanished.
    pub async fn adopt_run(&self, dag_id: &str, run_id: &str, caller: &str) -> Result<bool, sqlx::Error> {
        let done = sqlx::query!(
            "-- dag_run.adopt
             UPDATE dag_run SET triggering_user = $3, triggered_by = 'operator' WHERE dag_id = $1 AND run_id = $2",
            dag_id,
            run_id,
            caller
        )
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
