//! What waits for a DAG, as its schedule counts it.

use model::asset::due::QueuedEvent;
use model::dag_run::DataInterval;

use crate::{Result, Store, from_sql};

impl Store {
    /// The newest of the updates of each asset and interval that wait for the next run of a DAG.
    pub async fn queued_events(&self, dag_id: &str) -> Result<Vec<QueuedEvent>> {
        let rows = sqlx::query!(
            r#"-- asset_queue.of_dag
            SELECT q.id AS "id!", a.uri, e.at, q.data_interval_start, q.data_interval_end
            FROM (SELECT max(asset_event_id) AS id, asset_id, data_interval_start, data_interval_end
                  FROM asset_queue WHERE dag_id = $1
                  GROUP BY asset_id, data_interval_start, data_interval_end) AS q
                 JOIN asset_event e ON e.id = q.id JOIN asset a ON a.id = q.asset_id
            ORDER BY q.id"#,
            dag_id
        )
        .fetch_all(self.pool())
        .await?;
        let event = |(id, uri, at, start, end): (i64, String, _, Option<_>, Option<_>)| QueuedEvent {
            id,
            uri,
            data_interval: start
                .zip(end)
                .map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) }),
            at: from_sql(at),
        };
        let columns =
            rows.into_iter().map(|row| (row.id, row.uri, row.at, row.data_interval_start, row.data_interval_end));
        Ok(columns.map(event).collect())
    }
}
