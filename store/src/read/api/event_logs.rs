//! `/eventLogs`.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Instant, Listing, Page, Range, ReadError, Statement, and_any, and_is, and_matches, and_within, order_and_cut, total,
};
use crate::Store;

/// So many are counted; a log of years is not read to say how long it is.
const MOST_COUNTED: i64 = 100_000;

/// Which events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventLogFilter {
    /// This one.
    pub id: Option<i64>,
    /// Of this DAG.
    pub dag_id: Option<String>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// Of this element.
    pub map_index: Option<i32>,
    /// Done by this account.
    pub username: Option<String>,
    /// Of this name.
    pub event: Option<String>,
    /// Of one of these names.
    pub included_events: Vec<String>,
    /// Of none of these names.
    pub excluded_events: Vec<String>,
    /// To this kind of object.
    pub object_type: Option<String>,
    /// To this object.
    pub object_name: Option<String>,
    /// When.
    pub at: Range<Timestamp>,
    /// As `*_pattern`.
    pub dag_id_pattern: Option<String>,
    /// As `*_pattern`.
    pub run_id_pattern: Option<String>,
    /// As `*_pattern`.
    pub task_id_pattern: Option<String>,
    /// As `*_pattern`.
    pub username_pattern: Option<String>,
    /// As `*_pattern`.
    pub event_pattern: Option<String>,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct EventLogRow {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Instant,
    /// What was done.
    pub event: String,
    /// Who.
    pub username: String,
    /// From where.
    pub address: Option<String>,
    /// The DAG.
    pub dag_id: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// Its date, while there is such a run.
    pub logical_date: Option<Instant>,
    /// The task.
    pub task_id: Option<String>,
    /// The element.
    pub map_index: Option<i32>,
    /// What else it was done to.
    pub object_type: Option<String>,
    /// Which.
    pub object_name: Option<String>,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

const SELECT: &str = "-- api.event_logs
    SELECT e.id, e.at, e.event, e.username, host(e.address) AS address, e.dag_id, e.run_id, r.logical_date,
           e.task_id, e.map_index, e.object_type, e.object_name, e.before, e.after
    FROM event_log e
    LEFT JOIN dag_run r ON r.dag_id = e.dag_id AND r.run_id = e.run_id";
const COUNT: &str = "-- api.event_logs_count\nSELECT count(*) FROM (SELECT FROM event_log e";
const ORDER: [(&str, &str); 11] = [
    ("id", "e.id"),
    ("event_log_id", "e.id"),
    ("when", "e.at"),
    ("dttm", "e.at"),
    ("dag_id", "e.dag_id"),
    ("task_id", "e.task_id"),
    ("run_id", "e.run_id"),
    ("event", "e.event"),
    ("logical_date", "r.logical_date"),
    ("owner", "e.username"),
    ("map_index", "e.map_index"),
];

fn filtered(select: &'static str, filter: &EventLogFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "e.id", filter.id);
    let texts = [
        ("e.dag_id", &filter.dag_id),
        ("e.run_id", &filter.run_id),
        ("e.task_id", &filter.task_id),
        ("e.username", &filter.username),
        ("e.event", &filter.event),
        ("e.object_type", &filter.object_type),
        ("e.object_name", &filter.object_name),
    ];
    for (column, value) in texts {
        and_is(&mut statement, column, value.clone());
    }
    and_is(&mut statement, "e.map_index", filter.map_index);
    and_any(&mut statement, "e.event", &filter.included_events);
    if !filter.excluded_events.is_empty() {
        statement.push(" AND e.event <> ALL (").push_bind(filter.excluded_events.clone()).push(")");
    }
    and_within(&mut statement, "e.at", &filter.at);
    let patterns = [
        ("e.dag_id", &filter.dag_id_pattern),
        ("e.run_id", &filter.run_id_pattern),
        ("e.task_id", &filter.task_id_pattern),
        ("e.username", &filter.username_pattern),
        ("e.event", &filter.event_pattern),
    ];
    for (column, pattern) in patterns {
        and_matches(&mut statement, column, pattern.as_deref());
    }
    statement
}

impl Store {
    /// A page of the events, the newest first if nothing else is asked for.
    pub async fn api_event_logs(
        &self,
        filter: &EventLogFilter,
        listing: &Listing,
    ) -> Result<Page<EventLogRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "e.id DESC")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let mut count = filtered(COUNT, filter);
        count.push(" LIMIT ").push_bind(MOST_COUNTED).push(") AS counted");
        let count = count.build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One event.
    pub async fn api_event_log(&self, id: i64) -> Result<Option<EventLogRow>, ReadError> {
        let filter = EventLogFilter { id: Some(id), ..EventLogFilter::default() };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }
}
