//! One DAG: what it is, its newest runs and what became of each task in them.

use jiff::Timestamp;
use serde_json::Value;

use super::instant;
use crate::Store;

/// A DAG with its current version.
#[derive(Debug, Clone)]
pub struct DagDetails {
    /// Its name.
    pub dag_id: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Why the scheduler paused it.
    pub pause_reason: Option<String>,
    /// No file describes it any more.
    pub is_stale: bool,
    /// Its file's newest content was refused.
    pub has_import_errors: bool,
    /// Path of its file.
    pub fileloc: String,
    /// When its file was last read.
    pub last_parsed_at: Timestamp,
    /// How long that took.
    pub last_parse_duration_ms: f64,
    /// When the next scheduled run is created.
    pub next_run_after: Option<Timestamp>,
    /// Row of the current version: the key under which layouts are cached.
    pub version_id: i64,
    /// Number of the current version.
    pub version_number: i32,
    /// The version as `model::dag::Dag` serialises it.
    pub spec: Value,
    /// The file's text.
    pub source: String,
}

/// A run in a list.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its row.
    pub id: i64,
    /// Its name.
    pub run_id: String,
    /// Its state.
    pub state: String,
    /// Why it exists.
    pub run_type: String,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// When it was created.
    pub queued_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// A person's remark.
    pub note: Option<String>,
    /// The version it is pinned to.
    pub version_number: i32,
}

/// What became of a task in a run.
#[derive(Debug, Clone)]
pub struct GridCell {
    /// The run's row.
    pub dag_run_id: i64,
    /// The task.
    pub task_id: String,
    /// Its state.
    pub state: String,
    /// How long its newest attempt took, once it ended.
    pub duration_ms: Option<i64>,
}

/// A version of a DAG.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// From 1.
    pub version_number: i32,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// How many tasks it has.
    pub tasks: i64,
    /// How many runs are pinned to it.
    pub runs: i64,
}

impl Store {
    /// One DAG with the given version of it, the current one when none is given.
    pub async fn pages_dag(&self, dag_id: &str, version: Option<i32>) -> Result<Option<DagDetails>, sqlx::Error> {
        let row = sqlx::query!(
            r#"-- pages.dag
            SELECT d.dag_id, d.is_paused, d.pause_reason, d.is_stale, d.has_import_errors, d.fileloc, d.last_parsed_at,
                   d.last_parse_duration_ms, d.next_run_after, v.id AS version_id, v.version_number, v.spec, v.source
              FROM dag d
              JOIN dag_version v ON v.dag_id = d.dag_id
                                AND CASE WHEN $2::integer IS NULL THEN v.id = d.current_version_id ELSE v.version_number = $2 END
             WHERE d.dag_id = $1"#,
            dag_id,
            version,
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| DagDetails {
            dag_id: row.dag_id,
            is_paused: row.is_paused,
            pause_reason: row.pause_reason,
            is_stale: row.is_stale,
            has_import_errors: row.has_import_errors,
            fileloc: row.fileloc,
            last_parsed_at: instant(row.last_parsed_at),
            last_parse_duration_ms: row.last_parse_duration_ms,
            next_run_after: row.next_run_after.map(instant),
            version_id: row.version_id,
            version_number: row.version_number,
            spec: row.spec,
            source: row.source,
        }))
    }

    /// The newest runs of a DAG, newest first.
    pub async fn pages_runs(
        &self,
        dag_id: &str,
        state: &str,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<RunRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.runs
            SELECT r.id, r.run_id, r.state::text AS "state!", r.run_type::text AS "run_type!", r.logical_date, r.queued_at,
                   r.started_at, r.ended_at, r.note, v.version_number
              FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id
             WHERE r.dag_id = $1 AND ($2 = '' OR r.state::text = $2)
             ORDER BY r.id DESC LIMIT $3 OFFSET $4"#,
            dag_id,
            state,
            limit,
            offset,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| RunRow {
                id: row.id,
                run_id: row.run_id,
                state: row.state,
                run_type: row.run_type,
                logical_date: row.logical_date.map(instant),
                queued_at: instant(row.queued_at),
                started_at: row.started_at.map(instant),
                ended_at: row.ended_at.map(instant),
                note: row.note,
                version_number: row.version_number,
            })
            .collect())
    }

    /// The states of some tasks in some runs.
    pub async fn pages_grid(&self, dag_run_ids: &[i64], task_ids: &[String]) -> Result<Vec<GridCell>, sqlx::Error> {
        sqlx::query_as!(
            GridCell,
            r#"-- pages.grid
            SELECT ti.dag_run_id, t.task_id, ti.state::text AS "state!",
                   (1000 * extract(epoch FROM ti.ended_at - ti.started_at))::bigint AS duration_ms
              FROM task_instance ti
              JOIN dag_run r ON r.id = ti.dag_run_id
              JOIN task t ON t.dag_version_id = r.dag_version_id AND t.task_index = ti.task_index
             WHERE ti.dag_run_id = ANY ($1) AND t.task_id = ANY ($2)"#,
            dag_run_ids,
            task_ids,
        )
        .fetch_all(self.pool())
        .await
    }

    /// All versions of a DAG, newest first.
    pub async fn pages_versions(&self, dag_id: &str) -> Result<Vec<VersionRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.versions
            SELECT v.version_number, v.created_at,
                   (SELECT count(*) FROM task t WHERE t.dag_version_id = v.id) AS "tasks!",
                   (SELECT count(*) FROM dag_run r WHERE r.dag_id = v.dag_id AND r.dag_version_id = v.id) AS "runs!"
              FROM dag_version v WHERE v.dag_id = $1 ORDER BY v.version_number DESC LIMIT 100"#,
            dag_id,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| VersionRow {
                version_number: row.version_number,
                created_at: instant(row.created_at),
                tasks: row.tasks,
                runs: row.runs,
            })
            .collect())
    }
}
