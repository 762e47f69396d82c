//! Workers: the processes that run attempts, which are the schedulers with their local executors. Only the one that
//! leads is handed any.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::event_log::{By, Event};
use crate::{Result, Store, from_sql};

/// A process that runs attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Chosen by the process at its start.
    pub id: Uuid,
    /// Its machine.
    pub hostname: String,
    /// Its process id there.
    pub pid: i32,
    /// Whether it was heard of a moment ago and has not stopped.
    pub is_alive: bool,
    /// Whether it is the one that attempts are handed to.
    pub is_leading: bool,
    /// Since when it takes no new ones.
    pub drained_at: Option<Timestamp>,
    /// How many it has.
    pub attempts: i64,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
}

/// What became of the wish that a worker be drained or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerChange {
    /// It is so.
    Done,
    /// There is no such worker.
    NotFound,
    /// It has stopped, or was not heard of for long.
    Gone,
    /// It lives.
    Alive,
}

impl Store {
    /// All that are not gone in good order, the newest first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>> {
        let rows = sqlx::query!(
            r#"-- worker.list
            SELECT s.id, s.hostname, s.pid, s.heartbeat_at > now() - interval '30 s' AS "is_alive!",
                   l.id IS NOT NULL AS "is_leading!", s.drained_at, s.started_at, s.heartbeat_at,
                   CASE WHEN l.id IS NULL THEN 0 ELSE (
                       SELECT count(*) FROM dag_run r JOIN task_instance ti ON ti.dag_run_id = r.id
                        WHERE r.state IN ('queued', 'running') AND ti.state IN ('queued', 'running', 'restarting')
                   ) END AS "attempts!"
              FROM service s
              LEFT JOIN leader_lease l ON l.owner_name = s.hostname || ':' || s.pid AND l.expires_at > now()
             WHERE s.kind = 'scheduler' AND s.stopped_at IS NULL
             ORDER BY s.started_at DESC, s.id"#
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| WorkerRow {
                id: row.id,
                hostname: row.hostname,
                pid: row.pid,
                is_alive: row.is_alive,
                is_leading: row.is_leading && row.is_alive,
                drained_at: row.drained_at.map(from_sql),
                attempts: row.attempts,
                started_at: from_sql(row.started_at),
                heartbeat_at: from_sql(row.heartbeat_at),
            })
            .collect())
    }

    /// Whether a person wants that the process takes no new attempts.
    pub async fn is_drained(&self, id: Uuid) -> Result<bool> {
        let drained = sqlx::query_scalar!(
            r#"-- worker.is_drained
            SELECT drained_at IS NOT NULL AS "is_drained!" FROM service WHERE id = $1"#,
            id
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(drained.unwrap_or(false))
    }

    /// Whether the process that leads is drained.
    pub(crate) async fn is_leader_drained(&self) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar!(
            r#"-- worker.is_leader_drained
            SELECT EXISTS (
                SELECT FROM service s JOIN leader_lease l ON l.owner_name = s.hostname || ':' || s.pid
                 WHERE s.kind = 'scheduler' AND s.stopped_at IS NULL AND s.drained_at IS NOT NULL
                   AND s.heartbeat_at > now() - interval '30 s'
            ) AS "is_drained!""#
        )
        .fetch_one(self.pool())
        .await
    }

    /// Drains a worker that lives, or lets it take attempts again.
    pub async fn set_drained(&self, id: Uuid, is_drained: bool, by: &By) -> Result<WorkerChange> {
        let mut transaction = self.pool().begin().await?;
        let before = sqlx::query!(
            r#"-- worker.lock
            SELECT hostname, drained_at IS NOT NULL AS "is_drained!",
                   stopped_at IS NULL AND heartbeat_at > now() - interval '30 s' AS "is_alive!"
              FROM service WHERE id = $1 AND kind = 'scheduler' FOR UPDATE"#,
            id
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(before) = before else { return Ok(WorkerChange::NotFound) };
        if !before.is_alive {
            return Ok(WorkerChange::Gone);
        }
        if before.is_drained == is_drained {
            return Ok(WorkerChange::Done);
        }
        sqlx::query!(
            "-- worker.set_drained
             UPDATE service SET drained_at = CASE WHEN $2 THEN now() END WHERE id = $1",
            id,
            is_drained
        )
        .execute(&mut *transaction)
        .await?;
        let name = if is_drained { "drain_worker" } else { "undrain_worker" };
        let event = Event::new(name).object("worker", &before.hostname);
        event.after(json!({ "id": id })).commit(transaction, by).await?;
        Ok(WorkerChange::Done)
    }

    /// Forgets a worker that is gone.
    pub async fn remove_worker(&self, id: Uuid, by: &By) -> Result<WorkerChange> {
        let mut transaction = self.pool().begin().await?;
        let removed = sqlx::query_scalar!(
            "-- worker.remove
             DELETE FROM service WHERE id = $1 AND kind = 'scheduler'
               AND (stopped_at IS NOT NULL OR heartbeat_at <= now() - interval '30 s')
             RETURNING hostname",
            id
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(hostname) = removed else {
            let is_known = sqlx::query_scalar!(
                r#"-- worker.exists
                SELECT EXISTS (SELECT FROM service WHERE id = $1 AND kind = 'scheduler') AS "is_known!""#,
                id
            )
            .fetch_one(&mut *transaction)
            .await?;
            return Ok(if is_known { WorkerChange::Alive } else { WorkerChange::NotFound });
        };
        let event = Event::new("remove_worker").object("worker", &hostname).before(json!({ "id": id }));
        event.commit(transaction, by).await?;
        Ok(WorkerChange::Done)
    }
}
