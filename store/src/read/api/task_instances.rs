//! `…/taskInstances` and `…/tries`.

use model::ids::{DagRunKey, TaskIndex};
use uuid::Uuid;

use super::{
    Instant, Listing, Page, ReadError, Statement, Times, and_any, and_is, and_matches, and_readable, order_and_cut,
    times, total,
};
use crate::Store;

/// Which task instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskInstanceFilter {
    /// None but these DAGs, however else it is filtered; none: all.
    pub readable: Option<Vec<String>>,
    /// Of this DAG; none: of all.
    pub dag_id: Option<String>,
    /// Of the run of this name; none: of all.
    pub run_id: Option<String>,
    /// Of this task; none: of all.
    pub task_id: Option<String>,
    /// As `*_pattern`.
    pub task_id_pattern: Option<String>,
    /// In one of these; `none` for not looked at yet.
    pub states: Vec<String>,
    /// Of one of these operators.
    pub operators: Vec<String>,
    /// In one of these pools.
    pub pools: Vec<String>,
    /// One of these elements of a mapped task; −1 for what is not mapped.
    pub map_indexes: Vec<i32>,
    /// Elements of mapped tasks only.
    pub is_mapped: bool,
    /// These, by run, task and element.
    pub keys: Option<Vec<(DagRunKey, TaskIndex, i32)>>,
    /// In this try.
    pub try_numbers: Vec<i32>,
    /// When and for how long.
    pub times: Times,
}

/// A task in a run.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TaskInstanceRow {
    /// Row of its run.
    pub dag_run_id: i64,
    /// Its task, by position in the run's version.
    pub task_index: i32,
    /// −1 when it is not mapped.
    pub map_index: i32,
    /// Its state.
    pub state: String,
    /// Number of its newest attempt.
    pub try_number: i32,
    /// Greatest try number that may be made.
    pub max_tries: i32,
    /// Process group of its newest attempt.
    pub pid: Option<i32>,
    /// When its newest attempt became ready.
    pub scheduled_at: Option<Instant>,
    /// When it got a slot.
    pub queued_at: Option<Instant>,
    /// When it started.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Its task.
    pub task_id: String,
    /// bash, python, …
    pub operator: String,
    /// Its weight.
    pub priority_weight: i32,
    /// Its pool.
    pub pool: String,
    /// How many slots of it it holds.
    pub pool_slots: i32,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// Of the run.
    pub logical_date: Option<Instant>,
    /// Of the run.
    pub run_after: Instant,
    /// The version the run is pinned to.
    pub version_uuid: Uuid,
    /// Its number.
    pub version_number: i32,
    /// When that was first seen.
    pub version_created_at: Instant,
    /// What its element is called.
    pub rendered_map_index: Option<String>,
}

/// An attempt that is history.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AttemptRow {
    /// From 1.
    pub try_number: i32,
    /// failed, lost, cancelled, skipped, success.
    pub state: String,
    /// Why, in words.
    pub reason: Option<String>,
    /// Of its process.
    pub exit_code: Option<i32>,
    /// Its process group.
    pub pid: Option<i32>,
    /// When it became ready.
    pub scheduled_at: Option<Instant>,
    /// When it got a slot.
    pub queued_at: Option<Instant>,
    /// When it started.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
}

const SELECT: &str = "-- api.task_instances
    SELECT ti.dag_run_id, ti.task_index, ti.map_index, ti.state::text AS state, ti.try_number, ti.max_tries, ti.pid,
           ti.scheduled_at, ti.queued_at, ti.started_at, ti.ended_at, t.task_id, t.operator, t.priority_weight,
           t.pool, t.pool_slots,
           r.dag_id, r.run_id, r.logical_date, r.run_after, v.uuid AS version_uuid, v.version_number,
           v.created_at AS version_created_at, n.text AS rendered_map_index
      FROM task_instance ti
      JOIN dag_run r ON r.id = ti.dag_run_id
      JOIN dag_version v ON v.id = r.dag_version_id
      LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = ti.task_index
      LEFT JOIN removed_task g ON g.dag_run_id = ti.dag_run_id AND g.task_index = ti.task_index AND k.task_id IS NULL
      CROSS JOIN LATERAL (
        SELECT coalesce(k.task_id, g.task_id) AS task_id, coalesce(k.operator, g.operator) AS operator,
               coalesce(k.priority_weight, 1) AS priority_weight, coalesce(k.pool, 'default_pool') AS pool,
               coalesce(k.pool_slots, 1) AS pool_slots) AS t
      LEFT JOIN rendered_map_index n ON n.dag_run_id = ti.dag_run_id AND n.task_index = ti.task_index
           AND n.map_index = ti.map_index";

const COUNT: &str = "-- api.task_instances_count
    SELECT count(*) FROM task_instance ti
      JOIN dag_run r ON r.id = ti.dag_run_id
      LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = ti.task_index
      LEFT JOIN removed_task g ON g.dag_run_id = ti.dag_run_id AND g.task_index = ti.task_index AND k.task_id IS NULL
      CROSS JOIN LATERAL (
        SELECT coalesce(k.task_id, g.task_id) AS task_id, coalesce(k.operator, g.operator) AS operator,
               coalesce(k.priority_weight, 1) AS priority_weight, coalesce(k.pool, 'default_pool') AS pool,
               coalesce(k.pool_slots, 1) AS pool_slots) AS t";

const UPDATED: &str = "greatest(ti.scheduled_at, ti.queued_at, ti.started_at, ti.ended_at)";
const DURATION: &str = "extract(epoch FROM coalesce(ti.ended_at, now()) - ti.started_at)::double precision";

const COLUMNS: times::Columns =
    times::Columns { started_at: "ti.started_at", ended_at: "ti.ended_at", updated_at: UPDATED, duration: DURATION };

const ORDER: [(&str, &str); 20] = [
    ("id", "ti.dag_run_id"),
    ("state", "ti.state::text"),
    ("duration", DURATION),
    ("start_date", "ti.started_at"),
    ("end_date", "ti.ended_at"),
    ("map_index", "ti.map_index"),
    ("rendered_map_index", "n.text"),
    ("try_number", "ti.try_number"),
    ("max_tries", "ti.max_tries"),
    ("logical_date", "r.logical_date"),
    ("run_after", "r.run_after"),
    ("data_interval_start", "r.data_interval_start"),
    ("data_interval_end", "r.data_interval_end"),
    ("operator", "t.operator"),
    ("task_id", "t.task_id"),
    ("task_display_name", "t.task_id"),
    ("dag_id", "r.dag_id"),
    ("run_id", "r.run_id"),
    ("queued_when", "ti.queued_at"),
    ("scheduled_when", "ti.scheduled_at"),
];

fn filtered(select: &'static str, filter: &TaskInstanceFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_readable(&mut statement, "r.dag_id", filter.readable.as_deref());
    and_is(&mut statement, "r.dag_id", filter.dag_id.clone());
    and_is(&mut statement, "r.run_id", filter.run_id.clone());
    and_is(&mut statement, "t.task_id", filter.task_id.clone());
    and_matches(&mut statement, "t.task_id", filter.task_id_pattern.as_deref());
    and_any(&mut statement, "ti.state::text", &filter.states);
    and_any(&mut statement, "t.operator", &filter.operators);
    and_any(&mut statement, "t.pool", &filter.pools);
    if !filter.map_indexes.is_empty() {
        statement.push(" AND ti.map_index = ANY (").push_bind(filter.map_indexes.clone()).push(")");
    }
    if filter.is_mapped {
        statement.push(" AND ti.map_index >= 0");
    }
    if !filter.try_numbers.is_empty() {
        statement.push(" AND ti.try_number = ANY (").push_bind(filter.try_numbers.clone()).push(")");
    }
    if let Some(keys) = &filter.keys {
        let runs: Vec<i64> = keys.iter().map(|(run, _, _)| run.0).collect();
        let tasks: Vec<i32> = keys.iter().map(|(_, task, _)| task.0.cast_signed()).collect();
        let elements: Vec<i32> = keys.iter().map(|(_, _, element)| *element).collect();
        statement.push(" AND (ti.dag_run_id, ti.task_index, ti.map_index) IN (SELECT * FROM unnest(").push_bind(runs);
        statement.push(", ").push_bind(tasks).push(", ").push_bind(elements).push("))");
    }
    filter.times.bind(&mut statement, &COLUMNS);
    statement
}

impl Store {
    /// A page of the task instances.
    pub async fn api_task_instances(
        &self,
        filter: &TaskInstanceFilter,
        listing: &Listing,
    ) -> Result<Page<TaskInstanceRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "ti.dag_run_id, ti.task_index, ti.map_index")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// All of them, for those whose number is bounded by one run's tasks.
    pub async fn api_all_task_instances(&self, filter: &TaskInstanceFilter) -> Result<Vec<TaskInstanceRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        statement.push(" ORDER BY ti.dag_run_id, ti.task_index, ti.map_index");
        Ok(statement.build_query_as().fetch_all(self.pool()).await?)
    }

    /// The attempts of a task instance that are history, oldest first.
    pub async fn api_attempts(
        &self,
        dag_run_id: i64,
        task_index: i32,
        map_index: i32,
    ) -> Result<Vec<AttemptRow>, ReadError> {
        let mut statement = Statement::new(
            "-- api.attempts
            SELECT try_number, state, reason, exit_code, pid, scheduled_at, queued_at, started_at, ended_at
              FROM attempt WHERE dag_run_id = ",
        );
        statement.push_bind(dag_run_id).push(" AND task_index = ").push_bind(task_index);
        statement.push(" AND map_index = ").push_bind(map_index).push(" ORDER BY try_number");
        Ok(statement.build_query_as().fetch_all(self.pool()).await?)
    }
}
