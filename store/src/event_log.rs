//! The table `event_log`: who did what, written in the transaction that does it.
//!
//! Every function of this crate that changes something for a person takes a [`By`] and records one [`Event`] for each
//! thing that it changed, under the name of the REST API's operation that does the same. A change that came to nothing
//! records nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use model::ids::{DagRunKey, TaskIndex};
use serde_json::Value;
use sqlx::{PgConnection, PgTransaction};

use crate::{Result, Store, to_sql};

/// So many of the task instances that an event is about are listed in it; all are counted.
const MOST_LISTED: i64 = 1000;

/// Who does something, from where, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The account; of a command beside the database, the machine's.
    pub username: String,
    /// None: not over the network.
    pub address: Option<IpAddr>,
    /// Now.
    pub at: Timestamp,
}

impl By {
    /// Somebody on this machine.
    pub fn local(username: impl Into<String>, at: Timestamp) -> Self {
        Self { username: username.into(), address: None, at }
    }
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Event<'a> {
    name: &'static str,
    dag_id: Option<&'a str>,
    run_id: Option<&'a str>,
    task_id: Option<&'a str>,
    map_index: Option<i32>,
    object: Option<(&'static str, &'a str)>,
    before: Option<Value>,
    after: Option<Value>,
}

impl<'a> Event<'a> {
    /// `name`: of the operation.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) const fn dag(mut self, dag_id: &'a str) -> Self {
        self.dag_id = Some(dag_id);
        self
    }

    pub(crate) const fn run(mut self, run_id: Option<&'a str>) -> Self {
        self.run_id = run_id;
        self
    }

    pub(crate) const fn task(mut self, task_id: &'a str, map_index: Option<i32>) -> Self {
        (self.task_id, self.map_index) = (Some(task_id), map_index);
        self
    }

    /// Something else than a DAG and what it has.
    pub(crate) const fn object(mut self, kind: &'static str, name: &'a str) -> Self {
        self.object = Some((kind, name));
        self
    }

    pub(crate) fn before(mut self, before: impl Into<Option<Value>>) -> Self {
        self.before = before.into();
        self
    }

    pub(crate) fn after(mut self, after: impl Into<Option<Value>>) -> Self {
        self.after = after.into();
        self
    }

    /// Keeps it, and with it what the transaction did.
    pub(crate) async fn commit(self, mut transaction: PgTransaction<'_>, by: &By) -> Result<()> {
        self.record(&mut transaction, by).await?;
        Ok(transaction.commit().await?)
    }

    /// Keeps it.
    pub(crate) async fn record(self, connection: &mut PgConnection, by: &By) -> Result<()> {
        sqlx::query!(
            "-- event_log.record
             INSERT INTO event_log (at, event, username, address, dag_id, run_id, task_id, map_index, object_type,
                                    object_name, before, after)
             VALUES ($1, $2, $3, $4::text::inet, $5, $6, $7, $8, $9, $10, $11::text::json, $12::text::json)",
            to_sql(by.at),
            self.name,
            by.username,
            by.address.map(|address| address.to_string()),
            self.dag_id,
            self.run_id,
            self.task_id,
            self.map_index,
            self.object.map(|(kind, _)| kind),
            self.object.map(|(_, name)| name),
            self.before.map(|value| value.to_string()),
            self.after.map(|value| value.to_string())
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Records what is about to happen to task instances: one event for each of the runs, with the states that its task
/// instances have now.
pub(crate) async fn record_task_instances(
    connection: &mut PgConnection,
    by: &By,
    name: &'static str,
    runs: &BTreeSet<DagRunKey>,
    chosen: &[(DagRunKey, TaskIndex, i32)],
    after: &Value,
) -> Result<()> {
    let runs: Vec<i64> = runs.iter().map(|run| run.0).collect();
    let of: Vec<i64> = chosen.iter().map(|(run, ..)| run.0).collect();
    let tasks: Vec<i32> = chosen.iter().map(|(_, task, _)| task.0.cast_signed()).collect();
    let elements: Vec<i32> = chosen.iter().map(|(.., element)| *element).collect();
    sqlx::query!(
        "-- event_log.record_task_instances
         WITH chosen AS (
             SELECT t.dag_run_id, k.task_id, t.map_index, t.state, t.try_number,
                    row_number() OVER (PARTITION BY t.dag_run_id ORDER BY t.task_index, t.map_index) AS position
             FROM unnest($6::bigint[], $7::int[], $8::int[]) AS u (dag_run_id, task_index, map_index)
             JOIN task_instance t USING (dag_run_id, task_index, map_index)
             JOIN dag_run r ON r.id = t.dag_run_id
             JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
         )
         INSERT INTO event_log (at, event, username, address, dag_id, run_id, task_id, map_index, before, after)
         SELECT $1, $2, $3, $4::text::inet, r.dag_id, r.run_id,
                CASE WHEN count(DISTINCT c.task_id) = 1 THEN min(c.task_id) END,
                CASE WHEN count(c.task_id) = 1 THEN nullif(min(c.map_index), -1) END,
                json_build_object('state', r.state, 'total_entries', count(c.task_id), 'task_instances', coalesce(
                    json_agg(json_build_object('task_id', c.task_id, 'map_index', c.map_index, 'state', c.state,
                                               'try_number', c.try_number) ORDER BY c.position)
                        FILTER (WHERE c.position <= $10), '[]')),
                $9::text::json
         FROM dag_run r LEFT JOIN chosen c ON c.dag_run_id = r.id
         WHERE r.id = ANY ($5) GROUP BY r.id ORDER BY r.id",
        to_sql(by.at),
        name,
        by.username,
        by.address.map(|address| address.to_string()),
        &runs,
        &of,
        &tasks,
        &elements,
        after.to_string(),
        MOST_LISTED
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Events from before an instant.
    pub async fn count_events_to_clean(&self, before: Timestamp) -> Result<i64> {
        let count = sqlx::query_scalar!(
            r#"-- event_log.count_old
            SELECT count(*) AS "count!" FROM event_log WHERE at < $1"#,
            to_sql(before)
        )
        .fetch_one(self.pool())
        .await?;
        Ok(count)
    }

    /// Removes the events from before an instant, and records that; how many there were.
    pub async fn clean_events(&self, by: &By, before: Timestamp) -> Result<i64> {
        let mut transaction = self.pool().begin().await?;
        sqlx::query!("-- event_log.may_clean\nSELECT set_config('flowctl.cleans_event_log', 'on', true)")
            .fetch_one(&mut *transaction)
            .await?;
        let removed = sqlx::query!("-- event_log.clean\nDELETE FROM event_log WHERE at < $1", to_sql(before))
            .execute(&mut *transaction)
            .await?;
        let removed = i64::try_from(removed.rows_affected()).unwrap_or(i64::MAX);
        if removed > 0 {
            let before = serde_json::json!({"events": removed, "before": before.to_string()});
            Event::new("clean_event_log").before(before).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }
}
