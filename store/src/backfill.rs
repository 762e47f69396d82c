//! Backfills, as people ask for them: created with the days they cover, paused, resumed, cancelled. The leader makes their
//! runs ([`crate::journal`]).

use jiff::Timestamp;
use model::backfill::NewBackfill;
use model::dag_run::{DataInterval, run_id};
use model::state::DagRunType;
use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Error, Result, Store, from_sql, to_sql};

/// A part of the list of backfills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Entries at most.
    pub limit: i64,
    /// Entries to leave out before them.
    pub offset: i64,
    /// Whether it begins with the newest.
    pub is_newest_first: bool,
}

impl Part {
    /// The newest.
    pub const fn newest(limit: i64) -> Self {
        Self { limit, offset: 0, is_newest_first: true }
    }
}

/// A backfill.
#[derive(Debug, Clone, PartialEq)]
pub struct Backfill {
    /// Its number.
    pub id: i64,
    /// Its DAG.
    pub dag_id: String,
    /// First logical date.
    pub from_date: Timestamp,
    /// Last logical date.
    pub to_date: Timestamp,
    /// What its runs are given.
    pub conf: serde_json::Value,
    /// It makes no more runs for now.
    pub is_paused: bool,
    /// What it does with runs that exist.
    pub reprocess_behavior: String,
    /// Its unfinished runs at once.
    pub max_active_runs: i32,
    /// The latest day first.
    pub run_backwards: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When it was last changed by a person or ended.
    pub updated_at: Timestamp,
    /// Who created it.
    pub triggering_user: Option<String>,
    /// How many days it covers.
    pub total: i64,
    /// Days without a run yet, left out or not.
    pub pending: i64,
    /// Runs that have not ended.
    pub active: i64,
    /// Runs that succeeded.
    pub succeeded: i64,
    /// Runs that failed.
    pub failed: i64,
    /// Days that it left out, because of a run that exists.
    pub left_out: i64,
}

/// A day of a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillDay {
    /// The logical date.
    pub logical_date: Timestamp,
    /// Its run, once it has one.
    pub run_id: Option<String>,
    /// That run's state.
    pub state: Option<String>,
    /// Why it has none and will have none.
    pub left_out: Option<String>,
}

/// Why a backfill was not created.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// One is under way.
    #[error("DAG `{0}` already has an active backfill")]
    Active(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Creates a backfill over these intervals, in the order in which they run.
    pub async fn create_backfill(
        &self,
        new: &NewBackfill,
        intervals: &[DataInterval],
        by: &By,
    ) -> Result<i64, BackfillError> {
        let starts: Vec<_> = intervals.iter().map(|interval| to_sql(interval.start)).collect();
        let ends: Vec<_> = intervals.iter().map(|interval| to_sql(interval.end)).collect();
        let run_ids: Vec<_> = intervals.iter().map(|interval| run_id(DagRunType::Backfill, interval.start)).collect();
        let mut transaction = self.pool().begin().await.map_err(Error::from)?;
        let created = sqlx::query_scalar!(
            r#"-- backfill.create
            WITH created AS (
                INSERT INTO backfill (dag_id, from_date, to_date, conf, reprocess_behavior, max_active_runs, run_backwards,
                                      on_latest_version, triggering_user, created_at, updated_at)
                VALUES ($1, $2, $3, $4::text::json, $5, $6, $7, $8, $9, $10, $10)
                RETURNING id
            ), days AS (
                INSERT INTO backfill_dag_run (backfill_id, ordinal, logical_date, interval_end, run_id)
                SELECT created.id, u.ordinal, u.interval_start, u.interval_end, u.run_id
                FROM created, unnest($11::timestamptz[], $12::timestamptz[], $13::text[]) WITH ORDINALITY
                              AS u (interval_start, interval_end, run_id, ordinal)
            ), noted AS (
                INSERT INTO change (dag_id) VALUES ($1)
            )
            SELECT id AS "id!" FROM created, pg_notify('flowctl_change', 'dag:' || $1)"#,
            new.dag_id,
            to_sql(new.from_date),
            to_sql(new.to_date),
            serde_json::Value::from(new.conf.clone()).to_string(),
            new.reprocess_behavior.as_str(),
            i32::try_from(new.max_active_runs).unwrap_or(i32::MAX),
            new.run_backwards,
            new.on_latest_version,
            new.triggering_user,
            to_sql(by.at),
            &starts,
            &ends,
            &run_ids
        )
        .fetch_one(&mut *transaction)
        .await;
        match created {
            Ok(id) => {
                let after = json!({
                    "from_date": new.from_date.to_string(), "to_date": new.to_date.to_string(),
                    "run_backwards": new.run_backwards, "reprocess_behavior": new.reprocess_behavior.as_str(),
                    "max_active_runs": new.max_active_runs, "conf": new.conf, "runs": intervals.len(),
                });
                let name = id.to_string();
                let event = Event::new("create_backfill").dag(&new.dag_id).object("backfill", &name).after(after);
                event.record(&mut transaction, by).await?;
                transaction.commit().await.map_err(Error::from)?;
                Ok(id)
            }
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(BackfillError::Active(new.dag_id.clone()))
            }
            Err(error) => Err(BackfillError::Store(error.into())),
        }
    }

    /// Which of these logical dates have a run, with its state.
    pub async fn runs_of_dates(&self, dag_id: &str, dates: &[Timestamp]) -> Result<Vec<(Timestamp, String)>> {
        let dates: Vec<_> = dates.iter().map(|at| to_sql(*at)).collect();
        let rows = sqlx::query!(
            r#"-- dag_run.of_dates
            SELECT logical_date AS "logical_date!", state::text AS "state!" FROM dag_run
            WHERE dag_id = $1 AND logical_date = ANY($2)"#,
            dag_id,
            &dates
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| (from_sql(row.logical_date), row.state)).collect())
    }

    /// Stops a backfill from making runs, or lets it go on. False when it has ended.
    pub async fn pause_backfill(&self, id: i64, is_paused: bool, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let dag_id = sqlx::query_scalar!(
            r#"-- backfill.pause
            WITH changed AS (
                UPDATE backfill SET is_paused = $2, updated_at = $3 WHERE id = $1 AND completed_at IS NULL
                RETURNING dag_id
            ), noted AS (
                INSERT INTO change (dag_id) SELECT dag_id FROM changed
            )
            SELECT dag_id AS "dag_id!" FROM changed, pg_notify('flowctl_change', 'dag:' || dag_id)"#,
            id,
            is_paused,
            to_sql(by.at)
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(dag_id) = dag_id else { return Ok(false) };
        let name = id.to_string();
        let event = Event::new(if is_paused { "pause_backfill" } else { "unpause_backfill" }).dag(&dag_id);
        event.object("backfill", &name).after(json!({"is_paused": is_paused})).commit(transaction, by).await?;
        Ok(true)
    }

    /// Ends a backfill: it makes no more runs, and those of its runs that have not started fail. What runs goes on.
    /// False when it has ended.
    pub async fn cancel_backfill(&self, id: i64, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let dag_id = sqlx::query_scalar!(
            r#"-- backfill.cancel
            WITH ended AS (
                UPDATE backfill SET completed_at = $3, updated_at = $3 WHERE id = $1 AND completed_at IS NULL
                RETURNING dag_id
            ), left_out AS (
                UPDATE backfill_dag_run SET left_out = 'the backfill was cancelled'
                WHERE backfill_id = $1 AND dag_run_id IS NULL AND left_out IS NULL AND EXISTS (SELECT FROM ended)
            ), locked AS MATERIALIZED (
                SELECT r.id FROM dag_run r JOIN backfill_dag_run b ON b.dag_run_id = r.id
                WHERE b.backfill_id = $1 AND r.state = 'queued' AND EXISTS (SELECT FROM ended)
                ORDER BY r.id FOR UPDATE OF r
            ), stopped AS (
                UPDATE dag_run r SET state = 'failed', reason = 'its backfill was cancelled by ' || $2::text, ended_at = $3,
                    version = version + 1
                FROM locked WHERE r.id = locked.id AND r.state = 'queued' RETURNING r.id
            ), skipped AS (
                UPDATE task_instance SET state = 'skipped', ended_at = $3, retry_at = NULL
                WHERE dag_run_id IN (SELECT id FROM locked)
                  AND state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
            ), noted AS (
                INSERT INTO change (dag_id, dag_run_id)
                SELECT dag_id, NULL FROM ended UNION ALL SELECT NULL, id FROM stopped
            )
            SELECT dag_id AS "dag_id!" FROM ended, pg_notify('flowctl_change', 'dag:' || dag_id)"#,
            id,
            by.username,
            to_sql(by.at)
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(dag_id) = dag_id else { return Ok(false) };
        let name = id.to_string();
        let event = Event::new("cancel_backfill").dag(&dag_id).object("backfill", &name);
        event.after(json!({"is_cancelled": true})).commit(transaction, by).await?;
        Ok(true)
    }

    /// One backfill.
    pub async fn backfill(&self, id: i64) -> Result<Option<Backfill>> {
        Ok(self.load_backfills(None, None, Some(id), Part::newest(1)).await?.into_iter().next())
    }

    /// Backfills, of one DAG or of all, from the newest or from the oldest, and how many there are.
    pub async fn backfills(
        &self,
        dag_id: Option<&str>,
        readable: Option<&[String]>,
        part: Part,
    ) -> Result<(Vec<Backfill>, i64)> {
        let total = sqlx::query_scalar!(
            r#"-- backfill.count
            SELECT count(*) AS "count!" FROM backfill
             WHERE ($1::text IS NULL OR dag_id = $1) AND ($2::text[] IS NULL OR dag_id = ANY ($2))"#,
            dag_id,
            readable
        )
        .fetch_one(self.pool())
        .await?;
        Ok((self.load_backfills(dag_id, readable, None, part).await?, total))
    }

    async fn load_backfills(
        &self,
        dag_id: Option<&str>,
        readable: Option<&[String]>,
        id: Option<i64>,
        part: Part,
    ) -> Result<Vec<Backfill>> {
        let rows = sqlx::query!(
            r#"-- backfill.list
            SELECT b.*, d.total AS "total!", d.pending AS "pending!", d.active AS "active!", d.succeeded AS "succeeded!",
                   d.failed AS "failed!", d.left_out AS "left_out!"
            FROM (SELECT * FROM backfill WHERE ($1::text IS NULL OR dag_id = $1) AND ($2::bigint IS NULL OR id = $2)
                   AND ($5::text[] IS NULL OR dag_id = ANY ($5))
                  ORDER BY CASE WHEN $6 THEN -id ELSE id END LIMIT $3 OFFSET $4) AS b
            CROSS JOIN LATERAL (
                SELECT count(*) AS total, count(*) FILTER (WHERE x.dag_run_id IS NULL AND x.left_out IS NULL) AS pending,
                       count(*) FILTER (WHERE r.state IN ('queued', 'running')) AS active,
                       count(*) FILTER (WHERE r.state = 'success') AS succeeded,
                       count(*) FILTER (WHERE r.state = 'failed') AS failed,
                       count(*) FILTER (WHERE x.left_out IS NOT NULL) AS left_out
                FROM backfill_dag_run x LEFT JOIN dag_run r ON r.id = x.dag_run_id WHERE x.backfill_id = b.id
            ) AS d ORDER BY CASE WHEN $6 THEN -b.id ELSE b.id END"#,
            dag_id,
            id,
            part.limit,
            part.offset,
            readable,
            part.is_newest_first
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Backfill {
                id: row.id,
                dag_id: row.dag_id,
                from_date: from_sql(row.from_date),
                to_date: from_sql(row.to_date),
                conf: row.conf,
                is_paused: row.is_paused,
                reprocess_behavior: row.reprocess_behavior,
                max_active_runs: row.max_active_runs,
                run_backwards: row.run_backwards,
                created_at: from_sql(row.created_at),
                completed_at: row.completed_at.map(from_sql),
                updated_at: from_sql(row.updated_at),
                triggering_user: row.triggering_user,
                total: row.total,
                pending: row.pending,
                active: row.active,
                succeeded: row.succeeded,
                failed: row.failed,
                left_out: row.left_out,
            })
            .collect())
    }

    /// The days of a backfill, in the order in which they run.
    pub async fn backfill_days(&self, id: i64, limit: i64, offset: i64) -> Result<Vec<BackfillDay>> {
        let rows = sqlx::query!(
            r#"-- backfill.days
            SELECT x.logical_date, r.run_id AS "run_id?", r.state::text AS "state?", x.left_out
            FROM backfill_dag_run x LEFT JOIN dag_run r ON r.id = x.dag_run_id
            WHERE x.backfill_id = $1 ORDER BY x.ordinal LIMIT $2 OFFSET $3"#,
            id,
            limit,
            offset
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| BackfillDay {
                logical_date: from_sql(row.logical_date),
                run_id: row.run_id,
                state: row.state,
                left_out: row.left_out,
            })
            .collect())
    }
}
