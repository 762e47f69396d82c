//! One run with its task instances.

use jiff::Timestamp;
use serde_json::Value;

use super::instant;
use crate::Store;

/// A run with the version it is pinned to.
#[derive(Debug, Clone)]
pub struct RunDetails {
    /// Its row.
    pub id: i64,
    /// Its state.
    pub state: String,
    /// Why it exists.
    pub run_type: String,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What its data covers.
    pub data_interval: Option<(Timestamp, Timestamp)>,
    /// It does not start before.
    pub run_after: Timestamp,
    /// When it was created or last cleared.
    pub queued_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it was triggered with.
    pub conf: Value,
    /// A person's remark.
    pub note: Option<String>,
    /// How it was asked for.
    pub triggered_by: String,
    /// Who asked for it.
    pub triggering_user: Option<String>,
    /// Why it ended so.
    pub reason: Option<String>,
    /// Whether its DAG is paused.
    pub is_paused: bool,
    /// How many runs of its DAG are running.
    pub running_runs: i64,
    /// How many task instances of the deployment hold a slot.
    pub slots_taken: i64,
    /// Of the DAG's current version; none: the deployment's.
    pub max_active_runs: Option<u32>,
    /// Of the DAG's current version; none: the deployment's.
    pub max_active_tasks: Option<u32>,
    /// Row of its version.
    pub version_id: i64,
    /// Number of its version.
    pub version_number: i32,
    /// The version as `model::dag::Dag` serialises it.
    pub spec: Value,
}

/// A task in a run.
#[derive(Debug, Clone)]
pub struct TaskInstanceRow {
    /// Its task, in the run's version.
    pub task_index: i32,
    /// −1 when not mapped.
    pub map_index: i32,
    /// Its state.
    pub state: String,
    /// Number of its newest attempt.
    pub try_number: i32,
    /// Greatest try number that may be made.
    pub max_tries: i32,
    /// When its newest attempt got a slot.
    pub queued_at: Option<Timestamp>,
    /// When its newest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the next attempt is made.
    pub retry_at: Option<Timestamp>,
    /// Process group of its newest attempt.
    pub pid: Option<i32>,
    /// Why its newest attempt did not succeed.
    pub reason: Option<String>,
    /// What its element is called.
    pub rendered_map_index: Option<String>,
    /// Id and operator of its task, when the run's version does not have it any more.
    pub removed: Option<(String, String)>,
}

impl Store {
    /// One run.
    pub async fn pages_run(&self, dag_id: &str, run_id: &str) -> Result<Option<RunDetails>, sqlx::Error> {
        let row = sqlx::query!(
            r#"-- pages.run
            SELECT r.id, r.state::text AS "state!", r.run_type::text AS "run_type!", r.logical_date, r.data_interval_start,
                   r.data_interval_end, r.run_after, r.queued_at, r.started_at, r.ended_at, r.conf, r.note, r.triggered_by,
                   r.triggering_user, r.reason, coalesce(d.is_paused, false) AS "is_paused!", v.id AS version_id,
                   v.version_number, v.spec,
                   (SELECT count(*) FROM dag_run o WHERE o.dag_id = r.dag_id AND o.state IN ('queued', 'running')
                                                     AND o.state = 'running') AS "running_runs!",
                   (SELECT count(*) FROM task_instance t JOIN dag_run o ON o.id = t.dag_run_id
                     WHERE o.state IN ('queued', 'running') AND t.state IN ('queued', 'running', 'restarting')
                   ) AS "slots_taken!",
                   (coalesce(c.spec, v.spec) ->> 'max_active_runs')::bigint AS max_active_runs,
                   (coalesce(c.spec, v.spec) ->> 'max_active_tasks')::bigint AS max_active_tasks
              FROM dag_run r
              JOIN dag_version v ON v.id = r.dag_version_id
              LEFT JOIN dag d ON d.dag_id = r.dag_id
              LEFT JOIN dag_version c ON c.id = d.current_version_id
             WHERE r.dag_id = $1 AND r.run_id = $2"#,
            dag_id,
            run_id,
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| RunDetails {
            id: row.id,
            state: row.state,
            run_type: row.run_type,
            logical_date: row.logical_date.map(instant),
            data_interval: row.data_interval_start.map(instant).zip(row.data_interval_end.map(instant)),
            run_after: instant(row.run_after),
            queued_at: instant(row.queued_at),
            started_at: row.started_at.map(instant),
            ended_at: row.ended_at.map(instant),
            conf: row.conf,
            note: row.note,
            triggered_by: row.triggered_by,
            triggering_user: row.triggering_user,
            reason: row.reason,
            is_paused: row.is_paused,
            running_runs: row.running_runs,
            slots_taken: row.slots_taken,
            max_active_runs: row.max_active_runs.and_then(|limit| u32::try_from(limit).ok()),
            max_active_tasks: row.max_active_tasks.and_then(|limit| u32::try_from(limit).ok()),
            version_id: row.version_id,
            version_number: row.version_number,
            spec: row.spec,
        }))
    }

    /// The task instances of a run, in the DAG's order.
    pub async fn pages_task_instances(&self, dag_run_id: i64) -> Result<Vec<TaskInstanceRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.task_instances
            SELECT ti.task_index, ti.map_index, ti.state::text AS "state!", ti.try_number, ti.max_tries, ti.queued_at,
                   ti.started_at, ti.ended_at, ti.retry_at, ti.pid,
                   CASE WHEN m.state = ti.state::text THEN 'marked ' || m.state || ' by ' || m.marked_by ELSE a.reason END AS reason,
                   g.task_id AS "removed_id?", g.operator AS "removed_operator?", n.text AS "rendered_map_index?"
              FROM task_instance ti
              LEFT JOIN mark m ON m.dag_run_id = ti.dag_run_id AND m.task_index = ti.task_index
                              AND m.map_index = ti.map_index
              LEFT JOIN removed_task g ON ti.state = 'removed' AND g.dag_run_id = ti.dag_run_id
                                      AND g.task_index = ti.task_index
              LEFT JOIN attempt a ON a.dag_run_id = ti.dag_run_id AND a.task_index = ti.task_index
                                 AND a.map_index = ti.map_index AND a.try_number = ti.try_number
              LEFT JOIN rendered_map_index n ON n.dag_run_id = ti.dag_run_id AND n.task_index = ti.task_index
                                            AND n.map_index = ti.map_index
             WHERE ti.dag_run_id = $1 ORDER BY ti.task_index, ti.map_index"#,
            dag_run_id,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| TaskInstanceRow {
                task_index: row.task_index,
                map_index: row.map_index,
                state: row.state,
                try_number: row.try_number,
                max_tries: row.max_tries,
                queued_at: row.queued_at.map(instant),
                started_at: row.started_at.map(instant),
                ended_at: row.ended_at.map(instant),
                retry_at: row.retry_at.map(instant),
                pid: row.pid,
                reason: row.reason,
                rendered_map_index: row.rendered_map_index,
                removed: row.removed_id.zip(row.removed_operator),
            })
            .collect())
    }
}
