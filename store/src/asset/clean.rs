//! Removing old updates of assets.

use jiff::Timestamp;

use crate::{Result, Store, to_sql};

impl Store {
    /// What [`Self::clean_asset_events`] would remove.
    pub async fn count_asset_events_to_clean(&self, before: Timestamp) -> Result<i64> {
        Ok(sqlx::query_scalar!(
            r#"-- asset_event.count_old
            SELECT count(*) AS "count!" FROM asset_event e
            WHERE e.at < $1 AND NOT EXISTS (SELECT 1 FROM asset_queue q WHERE q.asset_event_id = e.id)"#,
            to_sql(before)
        )
        .fetch_one(self.pool())
        .await?)
    }

    /// Removes up to `limit` of the oldest updates from before an instant; how many. Those that a DAG still waits to
    /// take stay, and so does what is known of the asset's newest update.
    pub async fn clean_asset_events(&self, before: Timestamp, limit: i64) -> Result<i64> {
        Ok(sqlx::query_scalar!(
            r#"-- asset_event.clean
            WITH cleaned AS (
                DELETE FROM asset_event WHERE id IN (
                    SELECT e.id FROM asset_event e
                    WHERE e.at < $1 AND NOT EXISTS (SELECT 1 FROM asset_queue q WHERE q.asset_event_id = e.id)
                    ORDER BY e.at LIMIT $2)
                RETURNING 1
            )
            SELECT count(*) AS "count!" FROM cleaned"#,
            to_sql(before),
            limit
        )
        .fetch_one(self.pool())
        .await?)
    }
}
