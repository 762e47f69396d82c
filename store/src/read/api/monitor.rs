//! `/monitor/health`.

use super::{Instant, ReadError};
use crate::Store;

/// Whether somebody schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthRow {
    /// A scheduler's lease is in force, by the database's clock.
    pub is_led: bool,
    /// When a scheduler was last alive.
    pub scheduler_heartbeat: Option<Instant>,
    /// Somebody who reads the DAG folder was alive a moment ago, by the database's clock.
    pub is_read: bool,
    /// When that was.
    pub dag_processor_heartbeat: Option<Instant>,
}

impl Store {
    /// Whether somebody schedules.
    pub async fn api_health(&self) -> Result<HealthRow, ReadError> {
        let row = sqlx::query!(
            r#"-- api.health
            SELECT l.expires_at > now() AS "is_led!",
                   (SELECT max(heartbeat_at) FROM service WHERE 'scheduler' = ANY (parts)) AS scheduler_heartbeat,
                   (SELECT max(heartbeat_at) FROM service WHERE 'dag_processor' = ANY (parts))
                       AS dag_processor_heartbeat,
                   EXISTS (SELECT FROM service WHERE 'dag_processor' = ANY (parts) AND stopped_at IS NULL
                              AND heartbeat_at > now() - interval '30 s') AS "is_read!"
              FROM leader_lease l WHERE l.id = 1"#
        )
        .fetch_one(self.pool())
        .await?;
        let instant = |at: Option<_>| at.map(|at| Instant(crate::from_sql(at)));
        Ok(HealthRow {
            is_led: row.is_led,
            scheduler_heartbeat: instant(row.scheduler_heartbeat),
            is_read: row.is_read,
            dag_processor_heartbeat: instant(row.dag_processor_heartbeat),
        })
    }
}
