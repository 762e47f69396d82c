//! Processes of the deployment and when each was last alive.

use uuid::Uuid;

use crate::{Result, Store};

impl Store {
    /// A process started. Its parts are some of `scheduler`, `triggerer`, `dag_processor`; the first names its kind.
    pub async fn register_service(&self, id: Uuid, parts: &[&str], hostname: &str, pid: i32) -> Result<()> {
        sqlx::query!(
            "-- service.register
             INSERT INTO service (id, kind, hostname, pid, parts) VALUES ($1, $2, $3, $4, $5)",
            id,
            parts.first().copied().unwrap_or_default(),
            hostname,
            pid,
            parts as &[&str]
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// It is alive, by the database's clock.
    pub async fn service_heartbeat(&self, id: Uuid) -> Result<()> {
        sqlx::query!("-- service.heartbeat\nUPDATE service SET heartbeat_at = now() WHERE id = $1", id)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// It stopped in good order.
    pub async fn stop_service(&self, id: Uuid) -> Result<()> {
        sqlx::query!("-- service.stop\nUPDATE service SET stopped_at = now() WHERE id = $1", id)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
