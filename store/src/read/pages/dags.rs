//! The list of DAGs.

use jiff::Timestamp;
use serde::Deserialize;

use super::instant;
use crate::Store;

/// Which DAGs to list.
#[derive(Debug, Clone, Default)]
pub struct DagFilter {
    /// None but these DAGs, however else it is filtered; none: all.
    pub readable: Option<Vec<String>>,
    /// Part of the id or the description; empty: all.
    pub search: String,
    /// A tag they have; empty: all.
    pub tag: String,
    /// Whether they are paused; none: both.
    pub is_paused: Option<bool>,
    /// State of their newest run; empty: all.
    pub last_state: String,
    /// At most so many.
    pub limit: i64,
    /// Leave out so many.
    pub offset: i64,
}

/// One DAG of the list.
#[derive(Debug, Clone)]
pub struct DagRow {
    /// Its name.
    pub dag_id: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Its file's newest content was refused.
    pub has_import_errors: bool,
    /// One line.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its schedule as the file says it; none: by trigger only.
    pub schedule: Option<String>,
    /// When the next scheduled run is created.
    pub next_run_after: Option<Timestamp>,
    /// Newest first.
    pub recent: Vec<RecentRun>,
}

/// A dot in the list.
#[derive(Debug, Clone, Deserialize)]
pub struct RecentRun {
    /// Its name.
    pub run_id: String,
    /// Its state.
    pub state: String,
    /// When it was created.
    pub queued_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A page of the list.
#[derive(Debug, Clone, Default)]
pub struct DagPage {
    /// The DAGs.
    pub rows: Vec<DagRow>,
    /// How many match the filter on all pages.
    pub total: i64,
}

/// Numbers over all DAGs that a file describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct DagCounts {
    /// All.
    pub all: i64,
    /// Not paused.
    pub active: i64,
    /// Paused.
    pub paused: i64,
    /// Files that were refused.
    pub import_errors: i64,
    /// Runs that are running.
    pub running: i64,
    /// Runs that wait.
    pub queued: i64,
    /// Questions that nobody has answered.
    pub approvals: i64,
}

/// A schedule of a version, as a list shows it.
fn schedule_text(schedule: serde_json::Value) -> Option<String> {
    serde_json::from_value::<model::dag::Schedule>(schedule).ok()?.text()
}

impl Store {
    /// A page of the DAG list with each DAG's newest runs.
    pub async fn pages_dags(&self, filter: &DagFilter) -> Result<DagPage, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.dags
            SELECT d.dag_id, d.is_paused, d.has_import_errors, d.description, d.owner, d.tags, d.next_run_after,
                   v.spec->'schedule' AS schedule,
                   (SELECT json_agg(json_build_object('run_id', r.run_id, 'state', r.state, 'queued_at', r.queued_at,
                                                      'started_at', r.started_at, 'ended_at', r.ended_at) ORDER BY r.id DESC)
                      FROM (SELECT id, run_id, state, queued_at, started_at, ended_at FROM dag_run
                             WHERE dag_run.dag_id = d.dag_id ORDER BY id DESC LIMIT 14) r) AS recent,
                   count(*) OVER () AS "total!"
              FROM dag d LEFT JOIN dag_version v ON v.id = d.current_version_id
             WHERE NOT d.is_stale
               AND ($1 = '' OR strpos(lower(d.dag_id || ' ' || coalesce(d.description, '')), lower($1)) > 0)
               AND ($2 = '' OR $2 = ANY (d.tags))
               AND ($3::boolean IS NULL OR d.is_paused = $3)
               AND ($4 = '' OR (SELECT r.state::text FROM dag_run r WHERE r.dag_id = d.dag_id
                                 ORDER BY r.id DESC LIMIT 1) = $4)
               AND ($7::text[] IS NULL OR d.dag_id = ANY ($7))
             ORDER BY d.dag_id LIMIT $5 OFFSET $6"#,
            filter.search,
            filter.tag,
            filter.is_paused,
            filter.last_state,
            filter.limit,
            filter.offset,
            filter.readable.as_deref(),
        )
        .fetch_all(self.pool())
        .await?;
        let total = rows.first().map_or(0, |row| row.total);
        let rows = rows
            .into_iter()
            .map(|row| DagRow {
                dag_id: row.dag_id,
                is_paused: row.is_paused,
                has_import_errors: row.has_import_errors,
                description: row.description,
                owner: row.owner,
                tags: row.tags,
                schedule: row.schedule.and_then(schedule_text),
                next_run_after: row.next_run_after.map(instant),
                recent: row.recent.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default(),
            })
            .collect();
        Ok(DagPage { rows, total })
    }

    /// All tags of DAGs that a file describes, in order.
    pub async fn pages_tags(&self, readable: Option<&[String]>) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar!(
            r#"-- pages.tags
            SELECT DISTINCT tag AS "tag!" FROM dag, unnest(dag.tags) AS tag
             WHERE NOT dag.is_stale AND ($1::text[] IS NULL OR dag.dag_id = ANY ($1)) ORDER BY 1 LIMIT 200"#,
            readable
        )
        .fetch_all(self.pool())
        .await
    }

    /// The numbers above the list.
    pub async fn pages_counts(&self, readable: Option<&[String]>) -> Result<DagCounts, sqlx::Error> {
        sqlx::query_as!(
            DagCounts,
            r#"-- pages.counts
            SELECT count(*) AS "all!", count(*) FILTER (WHERE NOT is_paused) AS "active!",
                   count(*) FILTER (WHERE is_paused) AS "paused!",
                   (SELECT count(*) FROM import_error WHERE $1::text[] IS NULL) AS "import_errors!",
                   (SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running') AND state = 'running'
                       AND ($1::text[] IS NULL OR dag_run.dag_id = ANY ($1))) AS "running!",
                   (SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running') AND state = 'queued'
                       AND ($1::text[] IS NULL OR dag_run.dag_id = ANY ($1))) AS "queued!",
                   (SELECT count(*) FROM waiting w JOIN task_instance t USING (dag_run_id, task_index, map_index)
                      JOIN dag_run r ON r.id = w.dag_run_id
                     WHERE w.awaited->>'kind' = 'approval' AND t.state = 'awaiting_input'
                       AND t.attempt_token = w.attempt_token AND ($1::text[] IS NULL OR r.dag_id = ANY ($1))
                       AND NOT EXISTS (SELECT FROM approval a WHERE a.dag_run_id = t.dag_run_id
                           AND a.task_index = t.task_index AND a.map_index = t.map_index
                           AND a.try_number = t.try_number)) AS "approvals!"
              FROM dag WHERE NOT is_stale AND ($1::text[] IS NULL OR dag_id = ANY ($1))"#,
            readable
        )
        .fetch_one(self.pool())
        .await
    }
}
