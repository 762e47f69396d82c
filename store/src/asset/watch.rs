//! Assets that are to be updated within a time.

use jiff::Timestamp;
use model::asset::freshness::{Turn, Watched};
use model::duration::Duration;
use model::ids::Epoch;

use crate::{Result, Store, from_sql, to_sql};

impl Store {
    /// The assets that are watched.
    pub async fn watched_assets(&self) -> Result<Vec<Watched>> {
        let rows = sqlx::query!(
            r#"-- asset.watched
            SELECT id, uri, fresh_within_ms AS "fresh_within_ms!", is_overdue,
                   GREATEST(watched_since, last_updated_at) AS "since!"
            FROM asset WHERE fresh_within_ms IS NOT NULL"#
        )
        .fetch_all(self.pool())
        .await?;
        let watched = rows.into_iter().map(|row| Watched {
            id: row.id,
            uri: row.uri,
            fresh_within: Duration::from_millis(row.fresh_within_ms.cast_unsigned()),
            since: from_sql(row.since),
            is_overdue: row.is_overdue,
        });
        Ok(watched.collect())
    }

    /// Notes that assets became late or fresh again; those of which nobody had noted it. Nothing when another
    /// scheduler leads.
    pub async fn turn_assets(&self, epoch: Epoch, turns: &[Turn], now: Timestamp) -> Result<Vec<i64>> {
        let ids: Vec<i64> = turns.iter().map(|turn| turn.id).collect();
        let overdue: Vec<bool> = turns.iter().map(|turn| turn.is_overdue).collect();
        Ok(sqlx::query_scalar!(
            "-- asset.turn
             WITH lease AS MATERIALIZED (SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE)
             UPDATE asset SET is_overdue = u.is_overdue, turned_at = $4
             FROM unnest($2::bigint[], $3::boolean[]) AS u (id, is_overdue), lease
             WHERE asset.id = u.id AND asset.is_overdue <> u.is_overdue
             RETURNING asset.id",
            epoch.0,
            &ids,
            &overdue,
            to_sql(now)
        )
        .fetch_all(self.pool())
        .await?)
    }
}
