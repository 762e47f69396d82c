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
}

impl Store {
    /// Whether somebody schedules.
    pub async fn api_health(&self) -> Result<HealthRow, ReadError> {
        let row = sqlx::query!(
            r#"-- api.health
            SELECT expires_at > now() AS "is_led!",
                   (SELECT max(heartbeat_at) FROM service WHERE kind = 'scheduler') AS scheduler_heartbeat
              FROM leader_lease WHERE id = 1"#
        )
        .fetch_one(self.pool())
        .await?;
        let scheduler_heartbeat = row.scheduler_heartbeat.map(|at| Instant(crate::from_sql(at)));
        Ok(HealthRow { is_led: row.is_led, scheduler_heartbeat })
    }
}
