//! `/eventLogs`.

use jiff::Timestamp;
use serde_json::Value;

use super::window::{Field, List, Window, field, firm};
use super::{Instant, Listing, Pattern, Range, ReadError, Statement, and_any, and_is, and_within};
use crate::Store;

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
    /// Of a try of a task instance: what people do is of none.
    pub is_of_a_try: bool,
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
    /// What the DAG's id is like.
    pub dag_id_is: Pattern,
    /// What the run's name is like.
    pub run_id_is: Pattern,
    /// What the task's id is like.
    pub task_id_is: Pattern,
    /// What the account's name is like.
    pub username_is: Pattern,
    /// What its name is like.
    pub event_is: Pattern,
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
           e.task_id, e.map_index, e.object_type, e.object_name, e.before, e.after";
const FROM: &str = "
      FROM event_log e LEFT JOIN dag_run r ON r.dag_id = e.dag_id AND r.run_id = e.run_id";
const COUNT_FROM: &str = " FROM event_log e";
const ORDER: [Field; 12] = [
    firm("id", "e.id", "bigint"),
    firm("event_log_id", "e.id", "bigint"),
    firm("when", "e.at", "timestamptz"),
    firm("dttm", "e.at", "timestamptz"),
    field("dag_id", "e.dag_id", "text"),
    field("task_id", "e.task_id", "text"),
    field("run_id", "e.run_id", "text"),
    firm("event", "e.event", "text"),
    field("logical_date", "r.logical_date", "timestamptz"),
    firm("owner", "e.username", "text"),
    field("map_index", "e.map_index", "integer"),
    field("extra", "coalesce(e.after, e.before)::text", "text"),
];
const TIE: [Field; 1] = [firm("id", "e.id", "bigint")];

impl EventLogFilter {
    fn conditions(&self, statement: &mut Statement) {
        statement.push(" WHERE true");
        and_is(statement, "e.id", self.id);
        let texts = [
            ("e.dag_id", &self.dag_id),
            ("e.run_id", &self.run_id),
            ("e.task_id", &self.task_id),
            ("e.username", &self.username),
            ("e.event", &self.event),
            ("e.object_type", &self.object_type),
            ("e.object_name", &self.object_name),
        ];
        for (column, value) in texts {
            and_is(statement, column, value.clone());
        }
        and_is(statement, "e.map_index", self.map_index);
        and_any(statement, "e.event", &self.included_events);
        if !self.excluded_events.is_empty() {
            statement.push(" AND e.event <> ALL (").push_bind(self.excluded_events.clone()).push(")");
        }
        and_within(statement, "e.at", &self.at);
        let patterns = [
            ("e.dag_id", &self.dag_id_is),
            ("e.run_id", &self.run_id_is),
            ("e.task_id", &self.task_id_is),
            ("e.username", &self.username_is),
            ("e.event", &self.event_is),
        ];
        for (column, pattern) in patterns {
            pattern.bind(statement, column);
        }
        if self.is_of_a_try {
            statement.push(" AND false");
        }
    }
}

impl Store {
    /// A part of the events.
    pub async fn api_event_logs(
        &self,
        filter: &EventLogFilter,
        listing: &Listing,
    ) -> Result<Window<EventLogRow>, ReadError> {
        let list = List {
            select: SELECT,
            from: FROM,
            keys: None,
            of: (None, None),
            count: "-- api.event_logs_count",
            count_from: COUNT_FROM,
            fields: &ORDER,
            tie: &TIE,
        };
        self.window(&list, listing, None, |statement| filter.conditions(statement)).await
    }

    /// One event.
    pub async fn api_event_log(&self, id: i64) -> Result<Option<EventLogRow>, ReadError> {
        let filter = EventLogFilter { id: Some(id), ..EventLogFilter::default() };
        let mut statement = Statement::new(SELECT);
        statement.push(FROM);
        filter.conditions(&mut statement);
        Ok(statement.build_query_as().fetch_optional(self.pool()).await?)
    }
}
