//! Beside task instances.

use jiff::Timestamp;
use serde_json::Value;

use crate::event_log::{By, Event};
use crate::{Result, Store, from_sql, to_sql};

/// A task instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOwner {
    /// Its DAG.
    pub dag_id: String,
    /// Its run's name.
    pub run_id: String,
    /// Its run's row.
    pub dag_run: i64,
    /// Its task.
    pub task_id: String,
    /// Its element of a mapping; −1: none.
    pub map_index: i32,
}

impl StateOwner {
    /// What happened to a value, without the value: it may be secret.
    fn event<'a>(&'a self, name: &'static str, key: Option<&'a str>) -> Event<'a> {
        let event = Event::new(name).dag(&self.dag_id).run(Some(&self.run_id));
        let event = event.task(&self.task_id, Some(self.map_index).filter(|index| *index >= 0));
        match key {
            Some(key) => event.object("task_state", key),
            None => event,
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub struct StateValue {
    /// Its name.
    pub key: String,
    /// Itself.
    pub value: Value,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// From then on it is not there any more.
    pub expires_at: Option<Timestamp>,
}

/// Some of the values, by name, and how many there are.
pub type StatePage = (Vec<StateValue>, i64);

impl Store {
    /// The run of a task instance that exists; without a map index of any element of the task.
    pub async fn state_owner_run(
        &self,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: Option<i32>,
    ) -> Result<Option<i64>> {
        let run = sqlx::query_scalar!(
            "-- task_state.owner
             SELECT r.id FROM dag_run r
             WHERE r.dag_id = $1 AND r.run_id = $2 AND EXISTS (
                 SELECT FROM task t JOIN task_instance i ON i.dag_run_id = r.id AND i.task_index = t.task_index
                 WHERE t.dag_version_id = r.dag_version_id AND t.task_id = $3
                   AND ($4::int IS NULL OR i.map_index = $4))",
            dag_id,
            run_id,
            task_id,
            map_index
        );
        Ok(run.fetch_optional(self.pool()).await?)
    }

    /// Some of the values of a task instance; none of one that does not exist.
    pub async fn task_states(
        &self,
        (dag_id, run_id): (&str, &str),
        (task_id, map_index): (&str, i32),
        (limit, offset): (i64, i64),
        now: Timestamp,
    ) -> Result<StatePage> {
        let rows = sqlx::query!(
            "-- task_state.list
             SELECT s.key, s.value, s.updated_at, s.expires_at
             FROM task_state s JOIN dag_run r ON r.id = s.dag_run_id
             WHERE r.dag_id = $1 AND r.run_id = $2 AND s.task_id = $3 AND s.map_index = $4
               AND (s.expires_at IS NULL OR s.expires_at > $5)
             ORDER BY s.key LIMIT $6 OFFSET $7",
            dag_id,
            run_id,
            task_id,
            map_index,
            to_sql(now),
            limit,
            offset
        )
        .fetch_all(self.pool())
        .await?;
        let total = sqlx::query_scalar!(
            r#"-- task_state.count
            SELECT count(*) AS "count!" FROM task_state s JOIN dag_run r ON r.id = s.dag_run_id
            WHERE r.dag_id = $1 AND r.run_id = $2 AND s.task_id = $3 AND s.map_index = $4
              AND (s.expires_at IS NULL OR s.expires_at > $5)"#,
            dag_id,
            run_id,
            task_id,
            map_index,
            to_sql(now)
        )
        .fetch_one(self.pool())
        .await?;
        let value = |row: (String, Value, _, Option<_>)| StateValue {
            key: row.0,
            value: row.1,
            updated_at: from_sql(row.2),
            expires_at: row.3.map(from_sql),
        };
        Ok((rows.into_iter().map(|row| value((row.key, row.value, row.updated_at, row.expires_at))).collect(), total))
    }

    /// One value of a task instance.
    pub async fn task_state(
        &self,
        (dag_id, run_id): (&str, &str),
        (task_id, map_index): (&str, i32),
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StateValue>> {
        let row = sqlx::query!(
            "-- task_state.get
             SELECT s.value, s.updated_at, s.expires_at FROM task_state s JOIN dag_run r ON r.id = s.dag_run_id
             WHERE r.dag_id = $1 AND r.run_id = $2 AND s.task_id = $3 AND s.map_index = $4 AND s.key = $5
               AND (s.expires_at IS NULL OR s.expires_at > $6)",
            dag_id,
            run_id,
            task_id,
            map_index,
            key,
            to_sql(now)
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| StateValue {
            key: key.to_owned(),
            value: row.value,
            updated_at: from_sql(row.updated_at),
            expires_at: row.expires_at.map(from_sql),
        }))
    }

    /// Sets a value of a task instance, whether or not it is there.
    pub async fn set_task_state(
        &self,
        owner: &StateOwner,
        key: &str,
        value: &Value,
        expires_at: Option<Timestamp>,
        by: &By,
    ) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query!(
            "-- task_state.set
             INSERT INTO task_state (dag_run_id, task_id, map_index, key, value, updated_at, expires_at)
             SELECT id, $2, $3, $4, $5, $6, $7 FROM dag_run WHERE id = $1
             ON CONFLICT (dag_run_id, task_id, map_index, key)
                DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at",
            owner.dag_run,
            owner.task_id,
            owner.map_index,
            key,
            value,
            to_sql(by.at),
            expires_at.map(to_sql)
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 1 {
            owner.event("set_task_state_store", Some(key)).commit(transaction, by).await?;
        }
        Ok(())
    }

    /// Changes a value of a task instance and leaves when it expires; false when it is not there.
    pub async fn change_task_state(&self, owner: &StateOwner, key: &str, value: &Value, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query!(
            "-- task_state.change
             UPDATE task_state SET value = $5, updated_at = $6
             WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 AND key = $4
               AND (expires_at IS NULL OR expires_at > $6)",
            owner.dag_run,
            owner.task_id,
            owner.map_index,
            key,
            value,
            to_sql(by.at)
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        owner.event("patch_task_state_store", Some(key)).commit(transaction, by).await?;
        Ok(true)
    }

    /// Deletes one value of a task instance, or all; with `of_all` those of all elements of its task.
    pub async fn delete_task_states(&self, owner: &StateOwner, key: Option<&str>, of_all: bool, by: &By) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query!(
            "-- task_state.delete
             DELETE FROM task_state WHERE dag_run_id = $1 AND task_id = $2 AND ($3 OR map_index = $4)
                                      AND ($5::text IS NULL OR key = $5)",
            owner.dag_run,
            owner.task_id,
            of_all,
            owner.map_index,
            key
        )
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            let name = if key.is_some() { "delete_task_state_store" } else { "clear_task_state_store" };
            owner.event(name, key).commit(transaction, by).await?;
        }
        Ok(())
    }

    /// Removes the values that have expired.
    pub async fn clean_task_states(&self, now: Timestamp) -> Result<()> {
        sqlx::query!("-- task_state.clean\nDELETE FROM task_state WHERE expires_at <= $1", to_sql(now))
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
