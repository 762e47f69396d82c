//! Beside assets.

use serde_json::Value;

use super::{StatePage, StateValue};
use crate::event_log::{By, Event};
use crate::{Result, Store, from_sql, to_sql};

impl Store {
    /// Whether there is such an asset.
    pub async fn asset_exists(&self, asset_id: i64) -> Result<bool> {
        let exists = sqlx::query_scalar!(
            r#"-- asset.exists
            SELECT EXISTS (SELECT FROM asset WHERE id = $1) AS "exists!""#,
            asset_id
        );
        Ok(exists.fetch_one(self.pool()).await?)
    }

    /// Some of the values of an asset; none when there is no such asset.
    pub async fn asset_states(&self, asset_id: i64, limit: i64, offset: i64) -> Result<Option<StatePage>> {
        let rows = sqlx::query!(
            "-- asset_state.list
             SELECT key, value, updated_at FROM asset_state WHERE asset_id = $1 ORDER BY key LIMIT $2 OFFSET $3",
            asset_id,
            limit,
            offset
        )
        .fetch_all(self.pool())
        .await?;
        let total = sqlx::query_scalar!(
            r#"-- asset_state.count
            SELECT (SELECT count(*) FROM asset_state WHERE asset_id = a.id) AS "count!" FROM asset a WHERE a.id = $1"#,
            asset_id
        )
        .fetch_optional(self.pool())
        .await?;
        let values = rows.into_iter().map(|row| StateValue {
            key: row.key,
            value: row.value,
            updated_at: from_sql(row.updated_at),
            expires_at: None,
        });
        Ok(total.map(|total| (values.collect(), total)))
    }

    /// One value of an asset.
    pub async fn asset_state(&self, asset_id: i64, key: &str) -> Result<Option<StateValue>> {
        let row = sqlx::query!(
            "-- asset_state.get\nSELECT value, updated_at FROM asset_state WHERE asset_id = $1 AND key = $2",
            asset_id,
            key
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| StateValue {
            key: key.to_owned(),
            value: row.value,
            updated_at: from_sql(row.updated_at),
            expires_at: None,
        }))
    }

    /// Sets a value of an asset, whether or not it is there; false when there is no such asset.
    pub async fn set_asset_state(&self, asset_id: i64, key: &str, value: &Value, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query!(
            "-- asset_state.set
             INSERT INTO asset_state (asset_id, key, value, updated_at) SELECT id, $2, $3, $4 FROM asset WHERE id = $1
             ON CONFLICT (asset_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            asset_id,
            key,
            value,
            to_sql(by.at)
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        record(&mut transaction, "set_asset_state_store", asset_id, Some(key), by).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes one value of an asset, or all.
    pub async fn delete_asset_states(&self, asset_id: i64, key: Option<&str>, by: &By) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query!(
            "-- asset_state.delete
             DELETE FROM asset_state WHERE asset_id = $1 AND ($2::text IS NULL OR key = $2)",
            asset_id,
            key
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            let name = if key.is_some() { "delete_asset_state_store" } else { "clear_asset_state_store" };
            record(&mut transaction, name, asset_id, key, by).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// What happened to a value, without the value: it may be secret.
async fn record(
    transaction: &mut sqlx::PgTransaction<'_>,
    name: &'static str,
    asset_id: i64,
    key: Option<&str>,
    by: &By,
) -> Result<()> {
    let after = serde_json::json!({"asset_id": asset_id});
    Event::new(name).object("asset_state", key.unwrap_or("*")).after(after).record(transaction, by).await
}
