//! `…/xcomEntries`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::window::{Field, List, Window, firm};
use super::{Instant, Listing, Pattern, ReadError, Statement, Times, and_is, and_readable, and_within};
use crate::Store;

/// Which XComs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct XComFilter {
    /// None but of these DAGs, however else it is filtered; none: of all.
    pub readable: Option<Vec<String>>,
    /// Of this DAG; none: of all.
    pub dag_id: Option<String>,
    /// Of the run of this name; none: of all.
    pub run_id: Option<String>,
    /// Pushed by this task; none: by all.
    pub task_id: Option<String>,
    /// Of this element; −1 for what is not mapped.
    pub map_index: Option<i32>,
    /// With this name.
    pub key: Option<String>,
    /// What its name is like.
    pub key_is: Pattern,
    /// What the DAG's id is like.
    pub dag_id_is: Pattern,
    /// What the run's name is like.
    pub run_id_is: Pattern,
    /// What the task's id is like.
    pub task_id_is: Pattern,
    /// When its run may start, and the date that is about.
    pub times: Times,
}

/// An XCom without its value.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct XComRow {
    /// Its name.
    pub key: String,
    /// When it was recognised.
    pub created_at: Instant,
    /// Of its run.
    pub logical_date: Option<Instant>,
    /// −1 when the task is not mapped.
    pub map_index: i32,
    /// Who pushed it.
    pub task_id: String,
    /// The DAG.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// Of its run.
    pub run_after: Instant,
}

/// An XCom with its value.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct XComValueRow {
    /// What it is.
    #[sqlx(flatten)]
    pub entry: XComRow,
    /// Any JSON.
    pub value: Value,
}

const SELECT: &str = "-- api.xcoms
    SELECT x.key, x.created_at, r.logical_date, x.map_index, x.task_id, r.dag_id, r.run_id, r.run_after";
const SELECT_VALUE: &str = "-- api.xcom
    SELECT x.key, x.created_at, r.logical_date, x.map_index, x.task_id, r.dag_id, r.run_id, r.run_after, x.value";
const FROM: &str = "\n      FROM xcom x JOIN dag_run r ON r.id = x.dag_run_id";
const ORDER: [Field; 7] = [
    firm("key", "x.key", "text"),
    firm("dag_id", "r.dag_id", "text"),
    firm("run_id", "r.run_id", "text"),
    firm("task_id", "x.task_id", "text"),
    firm("map_index", "x.map_index", "integer"),
    firm("timestamp", "x.created_at", "timestamptz"),
    firm("run_after", "r.run_after", "timestamptz"),
];
const TIE: [Field; 4] = [
    firm("id", "x.dag_run_id", "bigint"),
    firm("task_id", "x.task_id", "text"),
    firm("map_index", "x.map_index", "integer"),
    firm("key", "x.key", "text"),
];

impl XComFilter {
    fn conditions(&self, statement: &mut Statement) {
        statement.push(" WHERE true");
        and_readable(statement, "r.dag_id", self.readable.as_deref());
        and_is(statement, "r.dag_id", self.dag_id.clone());
        and_is(statement, "r.run_id", self.run_id.clone());
        and_is(statement, "x.task_id", self.task_id.clone());
        and_is(statement, "x.map_index", self.map_index);
        and_is(statement, "x.key", self.key.clone());
        self.key_is.bind(statement, "x.key");
        self.dag_id_is.bind(statement, "r.dag_id");
        self.run_id_is.bind(statement, "r.run_id");
        self.task_id_is.bind(statement, "x.task_id");
        and_within(statement, "r.run_after", &self.times.run_after);
        and_within(statement, "r.logical_date", &self.times.logical_date);
    }
}

impl Store {
    /// A part of the XComs.
    pub async fn api_xcoms(&self, filter: &XComFilter, listing: &Listing) -> Result<Window<XComRow>, ReadError> {
        let list = List {
            select: SELECT,
            from: FROM,
            keys: None,
            of: (filter.dag_id.as_deref(), filter.run_id.as_deref()),
            count: "-- api.xcoms_count",
            count_from: FROM,
            fields: &ORDER,
            tie: &TIE,
        };
        self.window(&list, listing, None, |statement| filter.conditions(statement)).await
    }

    /// One XCom with its value; `filter` names it wholly.
    pub async fn api_xcom(&self, filter: &XComFilter) -> Result<Option<XComValueRow>, ReadError> {
        let mut statement = Statement::new(SELECT_VALUE);
        statement.push(FROM);
        filter.conditions(&mut statement);
        Ok(statement.build_query_as().fetch_optional(self.pool()).await?)
    }

    /// What tasks of a run returned, by task: the value, or the list of values of a mapped one in the order of its
    /// elements. A task that returned nothing is absent.
    pub async fn api_results(&self, dag_run_id: i64, tasks: &[String]) -> Result<BTreeMap<String, Value>, ReadError> {
        let rows = sqlx::query!(
            "-- api.results
             SELECT task_id, map_index, value FROM xcom
              WHERE dag_run_id = $1 AND task_id = ANY ($2) AND key = 'return_value' ORDER BY task_id, map_index",
            dag_run_id,
            tasks
        )
        .fetch_all(self.pool())
        .await?;
        let mut results = BTreeMap::new();
        for row in rows {
            if row.map_index < 0 {
                results.insert(row.task_id, row.value);
            } else if let Value::Array(values) = results.entry(row.task_id).or_insert_with(|| Value::Array(Vec::new()))
            {
                values.push(row.value);
            }
        }
        Ok(results)
    }
}
