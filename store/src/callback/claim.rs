//! Delivering: taking what is due, and saying what became of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::callback::{CallbackEvent, Happened};
use model::dag_run::{DagRunFacts, DataInterval};
use model::ids::{DagRunKey, DagVersionKey, TaskIndex};
use model::mapping::Mapped;
use model::state::{DagRunState, TaskInstanceState};

use crate::{Store, from_sql, to_sql};

/// A message that this process is to deliver.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// Which try this is, from 1.
    pub number: u32,
    /// Whom it is about.
    pub subject: Subject,
    /// What happened.
    pub happened: Happened,
    /// Which of the event's blocks.
    pub block: usize,
}

/// Whom a message is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The run.
    pub dag_run: Arc<DagRunFacts>,
    /// The version whose block it is.
    pub dag_version: DagVersionKey,
    /// The task; none: the run as a whole.
    pub task: Option<TaskIndex>,
    /// −1 when not mapped.
    pub map_index: i32,
    /// Of the attempt.
    pub try_number: u32,
    /// The greatest that might be made.
    pub max_tries: u32,
    /// In a DAG with mappings.
    pub mapped: Option<Arc<Mapped>>,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the other side said.
    pub answer: Option<String>,
    /// Why it was not delivered.
    pub error: Option<String>,
    /// After how long it is tried again; none: it is delivered, or given up.
    pub again_in: Option<Duration>,
}

struct Row {
    id: i64,
    tries: i32,
    dag_version_id: i64,
    task_index: Option<i32>,
    map_index: i32,
    try_number: i32,
    max_tries: i32,
    event: String,
    block: i32,
    task_state: String,
    reason: Option<String>,
    deadline: Option<chrono::DateTime<chrono::Utc>>,
    mapped: Option<String>,
    happened_at: chrono::DateTime<chrono::Utc>,
    dag_run_id: i64,
    dag_id: String,
    run_id: String,
    run_type: String,
    logical_date: Option<chrono::DateTime<chrono::Utc>>,
    data_interval_start: Option<chrono::DateTime<chrono::Utc>>,
    data_interval_end: Option<chrono::DateTime<chrono::Utc>>,
    run_after: chrono::DateTime<chrono::Utc>,
    started_at: Option<chrono::DateTime<chrono::Utc>>,
    conf: String,
    params: String,
    triggered_by: String,
}

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl Row {
    fn read(self) -> Result<Claimed, sqlx::Error> {
        let unknown = |word: &str| sqlx::Error::Decode(format!("`{word}` is no event").into());
        let event = CallbackEvent::parse(&self.event).ok_or_else(|| unknown(&self.event))?;
        let state = match self.task_index {
            Some(_) => self.task_state.parse::<TaskInstanceState>().map_err(wrong)?.as_str(),
            None => self.task_state.parse::<DagRunState>().map_err(wrong)?.as_str(),
        };
        let mapped: Option<Mapped> = self.mapped.map(|text| serde_json::from_str(&text)).transpose().map_err(wrong)?;
        let interval = self.data_interval_start.zip(self.data_interval_end);
        let dag_run = DagRunFacts {
            key: DagRunKey(self.dag_run_id),
            dag_id: self.dag_id,
            run_id: self.run_id,
            run_type: self.run_type.parse().map_err(wrong)?,
            logical_date: self.logical_date.map(from_sql),
            data_interval: interval.map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) }),
            run_after: from_sql(self.run_after),
            conf: serde_json::from_str(&self.conf).map_err(wrong)?,
            params: serde_json::from_str(&self.params).map_err(wrong)?,
            started_at: self.started_at.map(from_sql),
            triggered_by: self.triggered_by.parse().map_err(wrong)?,
        };
        Ok(Claimed {
            id: self.id,
            number: self.tries.cast_unsigned(),
            subject: Subject {
                dag_run: Arc::new(dag_run),
                dag_version: DagVersionKey(self.dag_version_id),
                task: self.task_index.map(|index| TaskIndex(index.cast_unsigned())),
                map_index: self.map_index,
                try_number: self.try_number.cast_unsigned(),
                max_tries: self.max_tries.cast_unsigned(),
                mapped: mapped.map(Arc::new),
            },
            happened: Happened {
                event,
                state,
                reason: self.reason,
                at: from_sql(self.happened_at),
                deadline: self.deadline.map(from_sql),
            },
            block: usize::try_from(self.block).unwrap_or_default(),
        })
    }
}

impl Store {
    /// Takes up to `limit` messages that are due, the longest due first, each for `lease`: when nobody has said by then
    /// what became of one, it is due again. Nobody else takes them meanwhile.
    pub async fn claim_callbacks(&self, limit: i64, lease: Duration) -> Result<Vec<Claimed>, sqlx::Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"-- callback.claim
            WITH due AS MATERIALIZED (
                SELECT id FROM callback WHERE state = 'pending' AND due_at <= now()
                ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE callback c SET tries = c.tries + 1, due_at = now() + make_interval(secs => $2)
                FROM due WHERE c.id = due.id
                RETURNING c.*
            )
            SELECT c.id AS "id!", c.tries AS "tries!", c.dag_version_id AS "dag_version_id!", c.task_index,
                   c.map_index AS "map_index!", c.try_number AS "try_number!", c.max_tries AS "max_tries!",
                   c.event AS "event!", c.block AS "block!", c.task_state AS "task_state!", c.reason, c.deadline,
                   c.mapped::text AS mapped, c.happened_at AS "happened_at!", r.id AS dag_run_id, r.dag_id, r.run_id,
                   r.run_type::text AS "run_type!", r.logical_date, r.data_interval_start, r.data_interval_end,
                   r.run_after, r.started_at, r.conf::text AS "conf!", r.params::text AS "params!", r.triggered_by
            FROM claimed c JOIN dag_run r ON r.id = c.dag_run_id
            ORDER BY c.id"#,
            limit,
            lease.as_secs_f64()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Notes what became of a try. False: somebody else took the message meanwhile, because this took too long; the
    /// try is in its log all the same.
    pub async fn settle_callback(&self, id: i64, number: u32, tried: &Tried) -> Result<bool, sqlx::Error> {
        let settled = sqlx::query_scalar!(
            r#"-- callback.settle
            WITH tried AS (
                INSERT INTO callback_try (callback_id, number, started_at, ended_at, answer, error)
                SELECT id, $2, $3, $4, $5, $6 FROM callback WHERE id = $1
                ON CONFLICT DO NOTHING
            ), settled AS (
                UPDATE callback SET
                    state = CASE WHEN $6::text IS NULL THEN 'success' WHEN $7::float8 IS NULL THEN 'failed'
                                 ELSE 'pending' END,
                    due_at = now() + make_interval(secs => coalesce($7::float8, 0)),
                    ended_at = CASE WHEN $6::text IS NULL OR $7::float8 IS NULL THEN $4 END
                WHERE id = $1 AND state = 'pending' AND (tries = $2 OR $6::text IS NULL)
                RETURNING 1
            )
            SELECT count(*) AS "settled!" FROM settled"#,
            id,
            number.cast_signed(),
            to_sql(tried.started_at),
            to_sql(tried.ended_at),
            tried.answer.as_deref().map(storable),
            tried.error.as_deref().map(storable),
            tried.again_in.filter(|_| tried.error.is_some()).map(|again| again.as_secs_f64())
        )
        .fetch_one(self.pool())
        .await?;
        Ok(settled == 1)
    }
}

/// PostgreSQL's text cannot hold a NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
