//! `/pools`, with who holds their slots.

use super::{Instant, Listing, Page, ReadError, Statement, and_is, and_matches, order_and_cut, total};
use crate::Store;

/// Which pools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolFilter {
    /// This one.
    pub name: Option<String>,
    /// As `*_pattern`.
    pub name_pattern: Option<String>,
    /// How the name begins.
    pub name_prefix: Option<String>,
}

/// A pool. Numbers are slots: a task instance counts with its `pool_slots`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PoolRow {
    /// Its name.
    pub name: String,
    /// How many it has; −1 for no bound.
    pub slots: i32,
    /// For people.
    pub description: Option<String>,
    /// Whether deferred task instances hold theirs.
    pub include_deferred: bool,
    /// Such as `10/1m`.
    pub rate: Option<String>,
    /// Of running task instances, and of those that are being stopped.
    pub running: i64,
    /// Of queued ones.
    pub queued: i64,
    /// That ready ones wait for.
    pub scheduled: i64,
    /// Of deferred ones.
    pub deferred: i64,
    /// When a task instance of an unfinished run last got one.
    pub last_start: Option<Instant>,
}

impl PoolRow {
    /// Slots that are held.
    pub fn occupied(&self) -> i64 {
        self.running + self.queued + if self.include_deferred { self.deferred } else { 0 }
    }

    /// Slots that are free; −1 for no bound. Less than none in a pool that was made smaller than what runs in it.
    pub fn open(&self) -> i64 {
        if self.slots < 0 { -1 } else { i64::from(self.slots) - self.occupied() }
    }
}

const SELECT: &str = "-- api.pools
    SELECT p.name, p.slots, p.description, p.include_deferred, p.rate, coalesce(u.running, 0) AS running,
           coalesce(u.queued, 0) AS queued, coalesce(u.scheduled, 0) AS scheduled, coalesce(u.deferred, 0) AS deferred,
           u.last_start
      FROM pool p LEFT JOIN (
           SELECT t.pool, max(ti.queued_at) AS last_start,
                  sum(t.pool_slots) FILTER (WHERE ti.state IN ('running', 'restarting')) AS running,
                  sum(t.pool_slots) FILTER (WHERE ti.state = 'queued') AS queued,
                  sum(t.pool_slots) FILTER (WHERE ti.state = 'scheduled') AS scheduled,
                  sum(t.pool_slots) FILTER (WHERE ti.state = 'deferred') AS deferred
             FROM dag_run r
             JOIN task_instance ti ON ti.dag_run_id = r.id
             JOIN task t ON t.dag_version_id = r.dag_version_id AND t.task_index = ti.task_index
            WHERE r.state IN ('queued', 'running')
            GROUP BY t.pool) u ON u.pool = p.name";
const COUNT: &str = "-- api.pools_count\nSELECT count(*) FROM pool p";
const ORDER: [(&str, &str); 6] = [
    ("id", "p.id"),
    ("name", "p.name"),
    ("pool", "p.name"),
    ("slots", "p.slots"),
    ("description", "p.description"),
    ("include_deferred", "p.include_deferred"),
];

fn filtered(select: &'static str, filter: &PoolFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "p.name", filter.name.clone());
    and_matches(&mut statement, "p.name", filter.name_pattern.as_deref());
    if let Some(prefix) = &filter.name_prefix {
        statement.push(" AND starts_with(p.name, ").push_bind(prefix.clone()).push(")");
    }
    statement
}

impl Store {
    /// A page of the pools.
    pub async fn api_pools(&self, filter: &PoolFilter, listing: &Listing) -> Result<Page<PoolRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "p.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One pool.
    pub async fn api_pool(&self, name: &str) -> Result<Option<PoolRow>, ReadError> {
        let filter = PoolFilter { name: Some(name.to_owned()), ..PoolFilter::default() };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }
}
