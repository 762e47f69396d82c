//! `…/xcomEntries`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Instant, Listing, Page, ReadError, Statement, and_is, and_matches, order_and_cut, total};
use crate::Store;

/// Which XComs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XComFilter {
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
    /// As `*_pattern`.
    pub key_pattern: Option<String>,
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
    SELECT x.key, x.created_at, r.logical_date, x.map_index, x.task_id, r.dag_id, r.run_id, r.run_after
      FROM xcom x JOIN dag_run r ON r.id = x.dag_run_id";
const SELECT_VALUE: &str = "-- api.xcom
    SELECT x.key, x.created_at, r.logical_date, x.map_index, x.task_id, r.dag_id, r.run_id, r.run_after, x.value
      FROM xcom x JOIN dag_run r ON r.id = x.dag_run_id";
const COUNT: &str = "-- api.xcoms_count\nSELECT count(*) FROM xcom x JOIN dag_run r ON r.id = x.dag_run_id";
const ORDER: [(&str, &str); 6] = [
    ("dag_id", "r.dag_id"),
    ("run_id", "r.run_id"),
    ("task_id", "x.task_id"),
    ("map_index", "x.map_index"),
    ("key", "x.key"),
    ("timestamp", "x.created_at"),
];

fn filtered(select: &'static str, filter: &XComFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "r.dag_id", filter.dag_id.clone());
    and_is(&mut statement, "r.run_id", filter.run_id.clone());
    and_is(&mut statement, "x.task_id", filter.task_id.clone());
    and_is(&mut statement, "x.map_index", filter.map_index);
    and_is(&mut statement, "x.key", filter.key.clone());
    and_matches(&mut statement, "x.key", filter.key_pattern.as_deref());
    statement
}

impl Store {
    /// A page of the XComs.
    pub async fn api_xcoms(&self, filter: &XComFilter, listing: &Listing) -> Result<Page<XComRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "x.dag_run_id, x.task_id, x.map_index, x.key")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One XCom with its value; `filter` names it wholly.
    pub async fn api_xcom(&self, filter: &XComFilter) -> Result<Option<XComValueRow>, ReadError> {
        Ok(filtered(SELECT_VALUE, filter).build_query_as().fetch_optional(self.pool()).await?)
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
