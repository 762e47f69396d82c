//! `…/taskInstances` and `…/tries`.

use model::ids::{DagRunKey, TaskIndex};
use model::state::TaskInstanceState;
use uuid::Uuid;

use super::window::{Cursor, Field, Keys, List, Window, field, firm};
use super::{
    Instant, Listing, Pattern, Range, ReadError, Statement, Times, and_among, and_any, and_in_state, and_is,
    and_readable, times,
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
    /// Of one of these DAGs.
    pub dag_ids: Vec<String>,
    /// Of runs with one of these names.
    pub run_ids: Vec<String>,
    /// Of one of these tasks.
    pub task_ids: Vec<String>,
    /// Of tasks in this group.
    pub task_group: Option<String>,
    /// What the DAG's id is like.
    pub dag_id_is: Pattern,
    /// What the run's name is like.
    pub run_id_is: Pattern,
    /// What the task's id is like.
    pub task_id_is: Pattern,
    /// What the operator is like.
    pub operator_is: Pattern,
    /// What the pool is like.
    pub pool_is: Pattern,
    /// What the queue is like.
    pub queue_is: Pattern,
    /// What the element is called.
    pub rendered_map_index_is: Pattern,
    /// In one of these; `none` for not looked at yet.
    pub states: Vec<TaskInstanceState>,
    /// Of one of these operators.
    pub operators: Vec<String>,
    /// In one of these pools.
    pub pools: Vec<String>,
    /// In one of these queues.
    pub queues: Vec<String>,
    /// Of one of these executors.
    pub executors: Vec<String>,
    /// Of runs pinned to one of these numbers of versions.
    pub version_numbers: Vec<i32>,
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
    /// A person's remark.
    pub note: Option<String>,
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

/// What is read of a task instance.
macro_rules! columns {
    () => {
        "    SELECT ti.dag_run_id, ti.task_index, ti.map_index, ti.state::text AS state, ti.try_number, ti.max_tries, ti.pid,
           ti.scheduled_at, ti.queued_at, ti.started_at, ti.ended_at, t.task_id, t.operator, t.priority_weight,
           t.pool, t.pool_slots,
           r.dag_id, r.run_id, r.logical_date, r.run_after, v.uuid AS version_uuid, v.version_number,
           v.created_at AS version_created_at, n.text AS rendered_map_index, remark.content AS note"
    };
}
pub(super) use columns;

/// What a part of a list joins.
macro_rules! join {
    (run) => {
        "
      JOIN dag_run r ON r.id = ti.dag_run_id"
    };
    (version) => {
        "
      JOIN dag_version v ON v.id = r.dag_version_id"
    };
    (task) => {
        "
      LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = ti.task_index
      LEFT JOIN removed_task g ON g.dag_run_id = ti.dag_run_id AND g.task_index = ti.task_index AND k.task_id IS NULL
      CROSS JOIN LATERAL (
        SELECT coalesce(k.task_id, g.task_id) AS task_id, coalesce(k.operator, g.operator) AS operator,
               coalesce(k.priority_weight, 1) AS priority_weight, coalesce(k.pool, 'default_pool') AS pool,
               coalesce(k.pool_slots, 1) AS pool_slots) AS t"
    };
    (name) => {
        "
      LEFT JOIN rendered_map_index n ON n.dag_run_id = ti.dag_run_id AND n.task_index = ti.task_index
           AND n.map_index = ti.map_index"
    };
    (note) => {
        "
      LEFT JOIN task_instance_note remark ON remark.dag_run_id = ti.dag_run_id AND remark.task_id = t.task_id
           AND remark.map_index = ti.map_index"
    };
}

/// Where [`columns`] are.
macro_rules! from {
    () => {
        concat!(
            "\n      FROM task_instance ti",
            $crate::read::api::task_instances::join!(run),
            $crate::read::api::task_instances::join!(version),
            $crate::read::api::task_instances::join!(task),
            $crate::read::api::task_instances::join!(name),
            $crate::read::api::task_instances::join!(note)
        )
    };
}
pub(super) use {from, join};

const SELECT: &str = concat!("-- api.task_instances\n", columns!());
const FROM: &str = from!();
/// The rest of the entries of a part, of which the keys are known.
const REST: &str = concat!(
    ") AS part
      JOIN task_instance ti ON ti.dag_run_id = part.dag_run_id AND ti.task_index = part.task_index
           AND ti.map_index = part.map_index",
    join!(run),
    join!(version),
    join!(task),
    join!(name),
    join!(note)
);

const UPDATED: &str = "greatest(ti.scheduled_at, ti.queued_at, ti.started_at, ti.ended_at)";
const DURATION: &str = "extract(epoch FROM coalesce(ti.ended_at, now()) - ti.started_at)::double precision";
const ELEMENT: &str = "coalesce(n.text, ti.map_index::text)";
/// There are no queues and no other executors: all is in the one, and of none.
const QUEUE: &str = "'default'::text";
const EXECUTOR: &str = "NULL::text";

const COLUMNS: times::Columns =
    times::Columns { started_at: "ti.started_at", ended_at: "ti.ended_at", updated_at: UPDATED, duration: DURATION };

const ORDER: [Field; 20] = [
    firm("id", "ti.dag_run_id", "bigint"),
    firm("state", "ti.state::text", "text"),
    field("duration", DURATION, "double precision"),
    field("start_date", "ti.started_at", "timestamptz"),
    field("end_date", "ti.ended_at", "timestamptz"),
    firm("map_index", "ti.map_index", "integer"),
    field("rendered_map_index", "n.text", "text"),
    firm("try_number", "ti.try_number", "integer"),
    firm("max_tries", "ti.max_tries", "integer"),
    field("logical_date", "r.logical_date", "timestamptz"),
    firm("run_after", "r.run_after", "timestamptz"),
    field("data_interval_start", "r.data_interval_start", "timestamptz"),
    field("data_interval_end", "r.data_interval_end", "timestamptz"),
    field("operator", "t.operator", "text"),
    field("task_id", "t.task_id", "text"),
    field("task_display_name", "t.task_id", "text"),
    firm("dag_id", "r.dag_id", "text"),
    firm("run_id", "r.run_id", "text"),
    field("queued_when", "ti.queued_at", "timestamptz"),
    field("scheduled_when", "ti.scheduled_at", "timestamptz"),
];

const TIE: [Field; 3] = [
    firm("id", "ti.dag_run_id", "bigint"),
    firm("task_index", "ti.task_index", "integer"),
    firm("map_index", "ti.map_index", "integer"),
];

/// Task instances that go on are in runs that go on (`check.violations`), and these an index finds: no index has the states
/// of task instances, because each of their changes would then cost more.
const UNFINISHED: &str =
    " AND ti.dag_run_id = ANY (ARRAY(SELECT u.id FROM dag_run u WHERE u.state IN ('queued', 'running')))";

impl TaskInstanceFilter {
    /// Whether all that it can find is in unfinished runs. What has not been looked at may be in any: a clear can leave the
    /// run as it is.
    fn is_of_unfinished_runs(&self) -> bool {
        let goes_on = |state: &TaskInstanceState| !state.is_finished() && *state != TaskInstanceState::None;
        !self.states.is_empty() && self.states.iter().all(goes_on)
    }

    fn of_version(&self) -> bool {
        !self.version_numbers.is_empty()
    }

    fn of_task(&self) -> bool {
        let texts = [&self.task_id_is, &self.operator_is, &self.pool_is];
        self.task_id.is_some()
            || self.task_group.is_some()
            || [&self.task_ids, &self.operators, &self.pools].iter().any(|names| !names.is_empty())
            || texts.iter().any(|text| !text.is_any())
    }

    fn of_run(&self) -> bool {
        self.readable.is_some()
            || self.dag_id.is_some()
            || self.run_id.is_some()
            || [&self.dag_ids, &self.run_ids].iter().any(|names| !names.is_empty())
            || [&self.dag_id_is, &self.run_id_is].iter().any(|text| !text.is_any())
            || self.times.run_after != Range::default()
            || self.times.logical_date != Range::default()
    }

    /// As much of [`FROM`] as its conditions, and what the list is ordered by, are about.
    fn keys_from(&self, ordered: &[&'static str]) -> String {
        let by = |table: &str| ordered.iter().any(|sql| sql.starts_with(table));
        let (version, task) = (self.of_version(), self.of_task() || by("t."));
        let mut from = "\n      FROM task_instance ti".to_owned();
        if self.of_run() || by("r.") || version || task {
            from.push_str(join!(run));
        }
        if version {
            from.push_str(join!(version));
        }
        if task {
            from.push_str(join!(task));
        }
        if !self.rendered_map_index_is.is_any() || by("n.") {
            from.push_str(join!(name));
        }
        from
    }

    fn conditions(&self, statement: &mut Statement) {
        statement.push(" WHERE true");
        and_readable(statement, "r.dag_id", self.readable.as_deref());
        and_is(statement, "r.dag_id", self.dag_id.clone());
        and_is(statement, "r.run_id", self.run_id.clone());
        and_is(statement, "t.task_id", self.task_id.clone());
        and_any(statement, "r.dag_id", &self.dag_ids);
        and_any(statement, "r.run_id", &self.run_ids);
        and_any(statement, "t.task_id", &self.task_ids);
        if let Some(group) = &self.task_group {
            statement.push(" AND t.task_id ^@ ").push_bind(format!("{group}."));
        }
        self.dag_id_is.bind(statement, "r.dag_id");
        self.run_id_is.bind(statement, "r.run_id");
        self.task_id_is.bind(statement, "t.task_id");
        self.operator_is.bind(statement, "t.operator");
        self.pool_is.bind(statement, "t.pool");
        self.queue_is.bind(statement, QUEUE);
        self.rendered_map_index_is.bind(statement, ELEMENT);
        and_in_state(statement, "ti.state", self.states.iter().map(|state| state.as_str()));
        if self.is_of_unfinished_runs() {
            statement.push(UNFINISHED);
        }
        and_any(statement, "t.operator", &self.operators);
        and_any(statement, "t.pool", &self.pools);
        and_any(statement, QUEUE, &self.queues);
        and_any(statement, EXECUTOR, &self.executors);
        and_among(statement, "v.version_number", &self.version_numbers);
        and_among(statement, "ti.map_index", &self.map_indexes);
        and_among(statement, "ti.try_number", &self.try_numbers);
        if self.is_mapped {
            statement.push(" AND ti.map_index >= 0");
        }
        if let Some(keys) = &self.keys {
            let runs: Vec<i64> = keys.iter().map(|(run, _, _)| run.0).collect();
            let tasks: Vec<i32> = keys.iter().map(|(_, task, _)| task.0.cast_signed()).collect();
            let elements: Vec<i32> = keys.iter().map(|(_, _, element)| *element).collect();
            statement.push(" AND (ti.dag_run_id, ti.task_index, ti.map_index) IN (SELECT * FROM unnest(");
            statement.push_bind(runs).push(", ").push_bind(tasks).push(", ").push_bind(elements).push("))");
        }
        self.times.bind(statement, &COLUMNS);
    }
}

impl Store {
    /// A part of the task instances.
    pub async fn api_task_instances(
        &self,
        filter: &TaskInstanceFilter,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<Window<TaskInstanceRow>, ReadError> {
        let list = List {
            select: SELECT,
            from: FROM,
            keys: Some(Keys {
                select: "SELECT ti.dag_run_id, ti.task_index, ti.map_index",
                from: &|ordered| filter.keys_from(ordered),
                rest: REST,
            }),
            of: (filter.dag_id.as_deref(), filter.run_id.as_deref()),
            count: "-- api.task_instances_count",
            count_from: &filter.keys_from(&[]),
            fields: &ORDER,
            tie: &TIE,
        };
        self.window(&list, listing, cursor, |statement| filter.conditions(statement)).await
    }

    /// All of them, for those whose number is bounded by one run's tasks.
    pub async fn api_all_task_instances(&self, filter: &TaskInstanceFilter) -> Result<Vec<TaskInstanceRow>, ReadError> {
        Ok(all(self.pool(), filter).await?)
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

/// All of them as a connection sees them, which may be in the middle of changing them.
pub(crate) async fn all(
    connection: impl sqlx::PgExecutor<'_>,
    filter: &TaskInstanceFilter,
) -> sqlx::Result<Vec<TaskInstanceRow>> {
    let mut statement = Statement::new(SELECT);
    statement.push(FROM);
    filter.conditions(&mut statement);
    statement.push(" ORDER BY ti.dag_run_id, ti.task_index, ti.map_index");
    statement.build_query_as().fetch_all(connection).await
}
