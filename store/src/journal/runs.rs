//! Runs that timetables want.

use jiff::Timestamp;
use model::ids::{DagRunKey, Epoch};
use model::journal::{CommitError, NextRun, ScheduledRun, SkipReason, SkippedRun};

use super::LeaderJournal;
use super::commit::unknown;
use crate::to_sql;

impl LeaderJournal {
    /// Creates scheduled runs and moves their timetables' cursors, in one statement. A run whose id or logical date
    /// exists only moves the cursor: the unique keys decide, not the leader's memory. Returns the runs that now exist
    /// because of this call.
    pub async fn create_runs(
        &self,
        epoch: Epoch,
        runs: &[ScheduledRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let dag_ids: Vec<String> = runs.iter().map(|new| new.run.dag_id.clone()).collect();
        let run_ids: Vec<String> = runs.iter().map(|new| new.run.run_id.clone()).collect();
        let versions: Vec<i64> = runs.iter().map(|new| new.dag_version.0).collect();
        let starts: Vec<_> = runs.iter().map(|new| to_sql(new.data_interval.start)).collect();
        let ends: Vec<_> = runs.iter().map(|new| to_sql(new.data_interval.end)).collect();
        let run_afters: Vec<_> = runs.iter().map(|new| to_sql(new.run.run_after)).collect();
        let rows = sqlx::query!(
            r#"-- dag_run.create_scheduled
            WITH lease AS MATERIALIZED (
                SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE
            ), wanted AS MATERIALIZED (
                SELECT u.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
                                       $7::timestamptz[])
                         AS u (dag_id, run_id, dag_version_id, interval_start, interval_end, run_after), lease
            ), created AS (
                INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, logical_date,
                                     data_interval_start, data_interval_end, run_after, queued_at, triggered_by, params)
                SELECT w.dag_id, w.run_id, w.dag_version_id, 'queued', 'scheduled', w.interval_start,
                       w.interval_start, w.interval_end, w.run_after, $8, 'timetable',
                       COALESCE((SELECT json_object_agg(p.key, p.value -> 'default')
                                 FROM dag_version v, json_each(v.spec -> 'params') AS p
                                 WHERE v.id = w.dag_version_id AND (p.value -> 'default') IS NOT NULL), '{}')
                FROM wanted w
                ON CONFLICT DO NOTHING
                RETURNING id
            ), moved AS (
                UPDATE dag SET last_interval_start = w.interval_start, last_interval_end = w.interval_end
                FROM wanted w WHERE dag.dag_id = w.dag_id
            )
            SELECT (SELECT count(*) FROM lease) AS "leads!", created.id AS "id?"
            FROM (SELECT 1) AS one LEFT JOIN created ON true"#,
            epoch.0,
            &dag_ids,
            &run_ids,
            &versions,
            &starts,
            &ends,
            &run_afters,
            to_sql(now)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(unknown)?;
        if rows.iter().any(|row| row.leads == 0) {
            return Err(CommitError::Fenced(epoch));
        }
        Ok(rows.into_iter().filter_map(|row| row.id.map(DagRunKey)).collect())
    }

    /// Moves timetables past runs that are left out and notes why, in one statement. One that a person asked for and
    /// has taken back meanwhile is not left out: nothing of it is written.
    pub async fn skip_runs(&self, epoch: Epoch, runs: &[SkippedRun], now: Timestamp) -> Result<(), CommitError> {
        let dag_ids: Vec<String> = runs.iter().map(|skipped| skipped.dag_id.clone()).collect();
        let starts: Vec<_> = runs.iter().map(|skipped| to_sql(skipped.data_interval.start)).collect();
        let ends: Vec<_> = runs.iter().map(|skipped| to_sql(skipped.data_interval.end)).collect();
        let run_afters: Vec<_> = runs.iter().map(|skipped| to_sql(skipped.run_after)).collect();
        let reasons: Vec<String> = runs.iter().map(|skipped| skipped.reason.to_string()).collect();
        let asked: Vec<bool> = runs.iter().map(|skipped| skipped.reason == SkipReason::Asked).collect();
        let leads = sqlx::query_scalar!(
            r#"-- dag.skip_runs
            WITH lease AS MATERIALIZED (
                SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE
            ), wanted AS MATERIALIZED (
                SELECT u.* FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                                       $7::boolean[])
                         AS u (dag_id, interval_start, interval_end, run_after, reason, is_asked), lease
            ), moved AS (
                UPDATE dag SET last_interval_start = w.interval_start, last_interval_end = w.interval_end,
                               skip_next = dag.skip_next - w.is_asked::integer
                FROM wanted w WHERE dag.dag_id = w.dag_id AND (NOT w.is_asked OR dag.skip_next > 0)
                RETURNING dag.dag_id
            ), noted AS (
                INSERT INTO skipped_run (dag_id, data_interval_start, data_interval_end, run_after, reason, skipped_at)
                SELECT w.dag_id, w.interval_start, w.interval_end, w.run_after, w.reason, $8
                FROM wanted w JOIN moved ON moved.dag_id = w.dag_id
                ON CONFLICT DO NOTHING
            )
            SELECT count(*) AS "leads!" FROM lease"#,
            epoch.0,
            &dag_ids,
            &starts,
            &ends,
            &run_afters,
            &reasons,
            &asked,
            to_sql(now)
        )
        .fetch_one(&self.pool)
        .await
        .map_err(unknown)?;
        if leads == 0 { Err(CommitError::Fenced(epoch)) } else { Ok(()) }
    }

    /// Notes when DAGs run next, for people to see.
    pub async fn save_next_runs(&self, epoch: Epoch, next: &[NextRun]) -> Result<(), CommitError> {
        let dag_ids: Vec<String> = next.iter().map(|next| next.dag_id.clone()).collect();
        let starts: Vec<_> = next.iter().map(|next| next.due.map(|(interval, _)| to_sql(interval.start))).collect();
        let ends: Vec<_> = next.iter().map(|next| next.due.map(|(interval, _)| to_sql(interval.end))).collect();
        let run_afters: Vec<_> = next.iter().map(|next| next.due.map(|(_, run_after)| to_sql(run_after))).collect();
        sqlx::query!(
            "-- dag.save_next_run
             UPDATE dag SET next_interval_start = u.interval_start, next_interval_end = u.interval_end,
                            next_run_after = u.run_after
             FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
                  AS u (dag_id, interval_start, interval_end, run_after)
             WHERE dag.dag_id = u.dag_id
               AND (dag.next_interval_start, dag.next_interval_end, dag.next_run_after)
                   IS DISTINCT FROM (u.interval_start, u.interval_end, u.run_after)
               AND EXISTS (SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1)",
            epoch.0,
            &dag_ids,
            &starts as &[Option<chrono::DateTime<chrono::Utc>>],
            &ends as &[Option<chrono::DateTime<chrono::Utc>>],
            &run_afters as &[Option<chrono::DateTime<chrono::Utc>>]
        )
        .execute(&self.pool)
        .await
        .map_err(unknown)?;
        Ok(())
    }
}
