//! Updates that come from outside, and updates that somebody takes back.

use jiff::Timestamp;
use model::dag_run::DataInterval;
use serde_json::{Map, Value, json};

use crate::event_log::{By, Event};
use crate::{Result, Store, to_sql};

/// An update from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct PostedEvent {
    /// The asset.
    pub asset_id: i64,
    /// Whatever consumers may want to know.
    pub extra: Map<String, Value>,
    /// The partition that was updated.
    pub data_interval: Option<DataInterval>,
}

impl Store {
    /// Keeps an update from outside and queues it for the DAGs whose schedules name the asset; its number, or none when
    /// there is no such asset.
    pub async fn post_asset_event(&self, event: &PostedEvent, by: &By) -> Result<Option<i64>> {
        let mut transaction = self.pool().begin().await?;
        let posted = sqlx::query!(
            r#"-- asset_event.post
            WITH posted AS (
                INSERT INTO asset_event (asset_id, at, extra, data_interval_start, data_interval_end, posted_by)
                SELECT a.id, $2, $3::text::json, $4, $5, $6 FROM asset a WHERE a.id = $1
                RETURNING id, asset_id, at, data_interval_start, data_interval_end
            ), queued AS (
                INSERT INTO asset_queue (dag_id, asset_event_id, asset_id, data_interval_start, data_interval_end)
                SELECT w.dag_id, e.id, e.asset_id, e.data_interval_start, e.data_interval_end
                FROM posted e JOIN dag_asset w ON w.asset_id = e.asset_id AND w.role = 'schedule'
                WHERE NOT w.by_interval OR e.data_interval_start IS NOT NULL
                RETURNING dag_id
            ), updated AS (
                UPDATE asset SET last_updated_at = GREATEST(asset.last_updated_at, posted.at)
                FROM posted WHERE asset.id = posted.asset_id
            ), noted AS (
                INSERT INTO change (dag_id) SELECT dag_id FROM queued
            )
            SELECT p.id AS "id!", a.uri FROM posted p JOIN asset a ON a.id = p.asset_id, pg_notify('flowctl_change', '')"#,
            event.asset_id,
            to_sql(by.at),
            Value::from(event.extra.clone()).to_string(),
            event.data_interval.map(|interval| to_sql(interval.start)),
            event.data_interval.map(|interval| to_sql(interval.end)),
            by.username
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(posted) = posted else { return Ok(None) };
        let after = json!({
            "asset_event_id": posted.id, "extra": event.extra,
            "data_interval_start": event.data_interval.map(|interval| interval.start.to_string()),
            "data_interval_end": event.data_interval.map(|interval| interval.end.to_string()),
        });
        let told = Event::new("create_asset_event").object("asset", &posted.uri).after(after);
        told.commit(transaction, by).await?;
        Ok(Some(posted.id))
    }

    /// Takes back updates that wait for a DAG, of an asset, or both; those from before an instant, or all. How many.
    pub async fn delete_queued_events(
        &self,
        dag_id: Option<&str>,
        asset_id: Option<i64>,
        before: Option<Timestamp>,
        by: &By,
    ) -> Result<i64> {
        let mut transaction = self.pool().begin().await?;
        let deleted = sqlx::query!(
            r#"-- asset_queue.delete
            WITH deleted AS (
                DELETE FROM asset_queue q USING asset_event e
                WHERE e.id = q.asset_event_id AND ($1::text IS NULL OR q.dag_id = $1)
                  AND ($2::bigint IS NULL OR q.asset_id = $2) AND ($3::timestamptz IS NULL OR e.at < $3)
                RETURNING q.dag_id
            ), noted AS (
                INSERT INTO change (dag_id) SELECT DISTINCT dag_id FROM deleted
            )
            SELECT count(*) AS "count!", (SELECT uri FROM asset WHERE id = $2) AS uri FROM deleted"#,
            dag_id,
            asset_id,
            before.map(to_sql)
        )
        .fetch_one(&mut *transaction)
        .await?;
        if deleted.count > 0 {
            let mut event = Event::new("delete_asset_queued_events").before(json!({"queued_events": deleted.count}));
            if let Some(dag_id) = dag_id {
                event = event.dag(dag_id);
            }
            if let Some(uri) = &deleted.uri {
                event = event.object("asset", uri);
            }
            event.record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        self.notify_change().await?;
        Ok(deleted.count)
    }
}
