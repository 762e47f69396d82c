//! The table `pool`: what people change, with a note for the leader in the same statement.

#[cfg(test)]
mod tests;

use model::pool::{DEFAULT_POOL, Pool, Rate, UNLIMITED, slots_from};
use serde_json::Value;

use crate::event_log::{By, Event};
use crate::{Result, Store};

/// A pool as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPool {
    /// What it is.
    pub pool: Pool,
    /// For people.
    pub description: Option<String>,
}

/// What deleting a pool came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolDeletion {
    /// It is gone.
    Deleted,
    /// There was none of that name.
    NotFound,
    /// It stays: these DAGs have tasks in it, as they are now or in a run that is not finished.
    InUse(Vec<String>),
}

fn slots(pool: &Pool) -> i32 {
    pool.slots.map_or(UNLIMITED, |slots| i32::try_from(slots).unwrap_or(i32::MAX))
}

/// A pool from its columns.
pub(crate) fn from_columns(name: String, slots: i32, include_deferred: bool, rate: Option<&str>) -> Pool {
    let rate = rate.and_then(|rate| match rate.parse::<Rate>() {
        Ok(rate) => Some(rate),
        Err(error) => {
            tracing::error!(pool.name = name, %error, "the pool's rate cannot be read and does not hold");
            None
        }
    });
    Pool { name, slots: slots_from(slots), include_deferred, rate }
}

impl Store {
    /// The names of all pools.
    pub async fn pool_names(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar!("-- pool.names\nSELECT name FROM pool ORDER BY name").fetch_all(self.pool()).await?)
    }

    /// Creates a pool; false when there is one of that name.
    pub async fn create_pool(&self, new: &NewPool, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let created = sqlx::query_scalar!(
            r#"-- pool.create
            WITH created AS (
                INSERT INTO pool (name, slots, description, include_deferred, rate) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (name) DO NOTHING RETURNING name
            ), noted AS (
                INSERT INTO change (pool) SELECT name FROM created
            )
            SELECT count(*) AS "created!"
            FROM (SELECT pg_notify('flowctl_change', ''), pg_notify('flowctl_pool', '') FROM created) AS told"#,
            new.pool.name,
            slots(&new.pool),
            new.description,
            new.pool.include_deferred,
            new.pool.rate.map(|rate| rate.to_string())
        )
        .fetch_one(&mut *transaction)
        .await?;
        if created == 1 {
            let after = told(&mut transaction, &new.pool.name).await?;
            let event = Event::new("post_pool").object("pool", &new.pool.name).after(after);
            event.commit(transaction, by).await?;
        }
        Ok(created == 1)
    }

    /// Makes a pool what is given; false when there is none of that name. What runs in it goes on, also when it has
    /// fewer slots now.
    pub async fn update_pool(&self, new: &NewPool, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let Some(before) = told(&mut transaction, &new.pool.name).await? else { return Ok(false) };
        sqlx::query_scalar!(
            r#"-- pool.update
            WITH updated AS (
                UPDATE pool SET slots = $2, description = $3, include_deferred = $4, rate = $5 WHERE name = $1
                RETURNING name
            ), noted AS (
                INSERT INTO change (pool) SELECT name FROM updated
            )
            SELECT count(pg_notify('flowctl_change', '')) AS "updated!" FROM updated"#,
            new.pool.name,
            slots(&new.pool),
            new.description,
            new.pool.include_deferred,
            new.pool.rate.map(|rate| rate.to_string())
        )
        .fetch_one(&mut *transaction)
        .await?;
        let after = told(&mut transaction, &new.pool.name).await?;
        let event = Event::new("patch_pool").object("pool", &new.pool.name).before(before).after(after);
        event.commit(transaction, by).await?;
        Ok(true)
    }

    /// Deletes a pool that nothing uses. Takes turns with [`Store::save_dag`], so that no DAG is saved meanwhile that
    /// names it. The default pool is in use always.
    pub async fn delete_pool(&self, name: &str, by: &By) -> Result<PoolDeletion> {
        if name == DEFAULT_POOL {
            return Ok(PoolDeletion::InUse(Vec::new()));
        }
        let mut transaction = self.pool().begin().await?;
        let Some(before) = told(&mut transaction, name).await? else { return Ok(PoolDeletion::NotFound) };
        // A statement of its own: it has to see what was saved before the lock was given.
        let users = sqlx::query_scalar!(
            r#"-- pool.users
            SELECT d.dag_id AS "dag_id!" FROM dag d JOIN task t ON t.dag_version_id = d.current_version_id
            WHERE t.pool = $1 AND NOT d.is_stale
            UNION
            SELECT r.dag_id FROM dag_run r JOIN task t ON t.dag_version_id = r.dag_version_id
            WHERE t.pool = $1 AND r.state IN ('queued', 'running')
            ORDER BY 1"#,
            name
        )
        .fetch_all(&mut *transaction)
        .await?;
        if !users.is_empty() {
            return Ok(PoolDeletion::InUse(users));
        }
        sqlx::query!(
            "-- pool.delete
             WITH deleted AS (
                 DELETE FROM pool WHERE name = $1 RETURNING name
             ), noted AS (
                 INSERT INTO change (pool) SELECT name FROM deleted
             )
             SELECT pg_notify('flowctl_change', '') FROM deleted",
            name
        )
        .execute(&mut *transaction)
        .await?;
        let event = Event::new("delete_pool").object("pool", name).before(before);
        event.commit(transaction, by).await?;
        Ok(PoolDeletion::Deleted)
    }
}

/// A pool as the event log tells of it. It stays as it is until the transaction ends.
async fn told(transaction: &mut sqlx::PgTransaction<'_>, name: &str) -> Result<Option<Value>> {
    Ok(sqlx::query_scalar!(
        r#"-- pool.lock
        SELECT json_build_object('slots', slots, 'description', description, 'include_deferred', include_deferred,
                                 'rate', rate) AS "pool!"
        FROM pool WHERE name = $1 FOR UPDATE"#,
        name
    )
    .fetch_optional(&mut **transaction)
    .await?)
}
