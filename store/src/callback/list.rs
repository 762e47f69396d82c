//! Messages and missed deadlines for people.

use jiff::Timestamp;
use model::ids::DagRunKey;

use crate::{Store, from_sql};

/// Which messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackFilter {
    /// Of this DAG.
    pub dag_id: Option<String>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// In this state: pending, success, failed.
    pub state: Option<String>,
    /// This one.
    pub id: Option<i64>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackInfo {
    /// Its row.
    pub id: i64,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// The task; none: the run as a whole.
    pub task_id: Option<String>,
    /// −1 when not mapped.
    pub map_index: i32,
    /// Of the attempt that it is about.
    pub try_number: i32,
    /// What happened.
    pub event: String,
    /// Over what it goes.
    pub channel: String,
    /// Why it happened.
    pub reason: Option<String>,
    /// The deadline that was missed.
    pub deadline: Option<Timestamp>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// pending, success, failed.
    pub state: String,
    /// How often its delivery was begun.
    pub tries: i32,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
    /// Why its last try failed.
    pub last_error: Option<String>,
}

/// One try to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackTry {
    /// From 1.
    pub number: i32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the other side said.
    pub answer: Option<String>,
    /// Why it was not delivered.
    pub error: Option<String>,
}

/// A deadline that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedDeadlineInfo {
    /// The task; empty: the run as a whole.
    pub task_id: String,
    /// −1 when not mapped.
    pub map_index: i32,
    /// When it passed.
    pub due_at: Timestamp,
    /// When that was noticed.
    pub missed_at: Timestamp,
}

impl Store {
    /// Messages, the newest first; at most `limit` from `offset` on, and how many there are.
    pub async fn callbacks(
        &self,
        filter: &CallbackFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<CallbackInfo>, i64), sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- callback.list
            SELECT c.id, r.dag_id, r.run_id, t.task_id AS "task_id?", c.map_index, c.try_number, c.event, c.channel, c.reason,
                   c.deadline, c.happened_at, c.state, c.tries, c.due_at, c.ended_at,
                   (SELECT l.error FROM callback_try l WHERE l.callback_id = c.id ORDER BY l.number DESC LIMIT 1)
                       AS last_error
            FROM callback c JOIN dag_run r ON r.id = c.dag_run_id
            LEFT JOIN task t ON t.dag_version_id = c.dag_version_id AND t.task_index = c.task_index
            WHERE ($1::text IS NULL OR r.dag_id = $1) AND ($2::text IS NULL OR r.run_id = $2)
              AND ($3::text IS NULL OR t.task_id = $3) AND ($4::text IS NULL OR c.state = $4)
              AND ($5::bigint IS NULL OR c.id = $5)
            ORDER BY c.id DESC LIMIT $6 OFFSET $7"#,
            filter.dag_id.as_deref(),
            filter.run_id.as_deref(),
            filter.task_id.as_deref(),
            filter.state.as_deref(),
            filter.id,
            limit,
            offset
        )
        .fetch_all(self.pool())
        .await?;
        let total = sqlx::query_scalar!(
            r#"-- callback.count
            SELECT count(*) AS "count!" FROM callback c JOIN dag_run r ON r.id = c.dag_run_id
            LEFT JOIN task t ON t.dag_version_id = c.dag_version_id AND t.task_index = c.task_index
            WHERE ($1::text IS NULL OR r.dag_id = $1) AND ($2::text IS NULL OR r.run_id = $2)
              AND ($3::text IS NULL OR t.task_id = $3) AND ($4::text IS NULL OR c.state = $4)
              AND ($5::bigint IS NULL OR c.id = $5)"#,
            filter.dag_id.as_deref(),
            filter.run_id.as_deref(),
            filter.task_id.as_deref(),
            filter.state.as_deref(),
            filter.id
        );
        let total = total.fetch_one(self.pool()).await?;
        let read = rows.into_iter().map(|row| CallbackInfo {
            id: row.id,
            dag_id: row.dag_id,
            run_id: row.run_id,
            task_id: row.task_id,
            map_index: row.map_index,
            try_number: row.try_number,
            event: row.event,
            channel: row.channel,
            reason: row.reason,
            deadline: row.deadline.map(from_sql),
            happened_at: from_sql(row.happened_at),
            due_at: (row.state == "pending").then(|| from_sql(row.due_at)),
            state: row.state,
            tries: row.tries,
            ended_at: row.ended_at.map(from_sql),
            last_error: row.last_error,
        });
        Ok((read.collect(), total))
    }

    /// The log of a message, the first try first.
    pub async fn callback_tries(&self, id: i64) -> Result<Vec<CallbackTry>, sqlx::Error> {
        let rows = sqlx::query!(
            "-- callback_try.of_callback
             SELECT number, started_at, ended_at, answer, error FROM callback_try WHERE callback_id = $1 ORDER BY number",
            id
        );
        let rows = rows.fetch_all(self.pool()).await?;
        let read = rows.into_iter().map(|row| CallbackTry {
            number: row.number,
            started_at: from_sql(row.started_at),
            ended_at: from_sql(row.ended_at),
            answer: row.answer,
            error: row.error,
        });
        Ok(read.collect())
    }

    /// Deadlines of a run and of its tasks that passed, in the order in which they did.
    pub async fn missed_deadlines(&self, dag_run: DagRunKey) -> Result<Vec<MissedDeadlineInfo>, sqlx::Error> {
        let rows = sqlx::query!(
            "-- missed_deadline.of_run
             SELECT task_id, map_index, due_at, missed_at FROM missed_deadline WHERE dag_run_id = $1
             ORDER BY due_at, task_id, map_index",
            dag_run.0
        );
        let rows = rows.fetch_all(self.pool()).await?;
        let read = rows.into_iter().map(|row| MissedDeadlineInfo {
            task_id: row.task_id,
            map_index: row.map_index,
            due_at: from_sql(row.due_at),
            missed_at: from_sql(row.missed_at),
        });
        Ok(read.collect())
    }
}
