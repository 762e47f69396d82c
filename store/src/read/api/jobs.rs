//! `/jobs`.

use jiff::Timestamp;

use super::{Instant, Listing, Page, Range, ReadError, Statement, and_is, and_within, order_and_cut, total};
use crate::Store;

/// Which jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// running, success or failed.
    pub state: Option<String>,
    /// Airflow's word for what it does.
    pub job_type: Option<String>,
    /// On this machine.
    pub hostname: Option<String>,
    /// With this executor.
    pub executor_class: Option<String>,
    /// Whether it was heard of a moment ago and has not stopped.
    pub is_alive: Option<bool>,
    /// When it started.
    pub started_at: Range<Timestamp>,
    /// When it stopped.
    pub ended_at: Range<Timestamp>,
}

/// A part of a process.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct JobRow {
    /// A number.
    pub id: i64,
    /// running, success or failed.
    pub state: String,
    /// Airflow's word for what it does.
    pub job_type: String,
    /// When it started.
    pub started_at: Instant,
    /// When it stopped.
    pub ended_at: Option<Instant>,
    /// When it was last heard of.
    pub heartbeat_at: Instant,
    /// Its executor.
    pub executor_class: Option<String>,
    /// Its machine.
    pub hostname: String,
}

/// A process says every 5 s that it is alive: who was not heard of for 30 s is not. Eight parts at most share a number.
const JOBS: &str = "
    SELECT * FROM (
        SELECT s.number * 8 + p.place AS id, s.started_at, s.stopped_at AS ended_at, s.heartbeat_at, s.hostname,
               CASE WHEN s.stopped_at IS NOT NULL THEN 'success'
                    WHEN s.heartbeat_at < now() - interval '30 s' THEN 'failed'
                    ELSE 'running' END AS state,
               CASE p.part WHEN 'scheduler' THEN 'SchedulerJob' WHEN 'triggerer' THEN 'TriggererJob'
                           WHEN 'dag_processor' THEN 'DagProcessorJob' ELSE p.part END AS job_type,
               CASE p.part WHEN 'scheduler' THEN 'LocalExecutor' END AS executor_class
          FROM service s, unnest(s.parts) WITH ORDINALITY AS p (part, place)) AS j WHERE true";

const ORDER: [(&str, &str); 10] = [
    ("id", "j.id"),
    // No job is a DAG's.
    ("dag_id", "(j.id IS NULL)"),
    ("state", "j.state"),
    ("job_type", "j.job_type"),
    ("start_date", "j.started_at"),
    ("end_date", "j.ended_at"),
    ("latest_heartbeat", "j.heartbeat_at"),
    ("executor_class", "j.executor_class"),
    ("hostname", "j.hostname"),
    // Nobody keeps as whom it runs.
    ("unixname", "(j.id IS NULL)"),
];

fn filter(statement: &mut Statement, filter: &JobFilter) {
    statement.push(JOBS);
    and_is(statement, "j.state", filter.state.clone());
    and_is(statement, "j.job_type", filter.job_type.clone());
    and_is(statement, "j.hostname", filter.hostname.clone());
    and_is(statement, "j.executor_class", filter.executor_class.clone());
    and_is(statement, "(j.state = 'running')", filter.is_alive);
    and_within(statement, "j.started_at", &filter.started_at);
    and_within(statement, "j.ended_at", &filter.ended_at);
}

impl Store {
    /// A page of the parts of processes.
    pub async fn api_jobs(&self, wanted: &JobFilter, listing: &Listing) -> Result<Page<JobRow>, ReadError> {
        let mut statement = Statement::new("-- api.jobs");
        filter(&mut statement, wanted);
        order_and_cut(&mut statement, listing, &ORDER, "j.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let mut statement = Statement::new("-- api.jobs_count\nSELECT count(*) FROM (");
        filter(&mut statement, wanted);
        statement.push(") AS counted");
        let count = statement.build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }
}
