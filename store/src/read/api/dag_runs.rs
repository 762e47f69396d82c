//! `…/dagRuns`.

use serde_json::Value;
use uuid::Uuid;

use super::{
    Instant, Listing, Page, ReadError, Statement, Times, and_any, and_is, and_matches, and_readable, order_and_cut,
    times, total,
};
use crate::Store;

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DagRunFilter {
    /// None but these DAGs, however else it is filtered; none: all.
    pub readable: Option<Vec<String>>,
    /// Of this DAG; none: of all.
    pub dag_id: Option<String>,
    /// With this name.
    pub run_id: Option<String>,
    /// As `*_pattern`.
    pub run_id_pattern: Option<String>,
    /// As `*_pattern`.
    pub dag_id_pattern: Option<String>,
    /// As `*_pattern`.
    pub triggering_user_pattern: Option<String>,
    /// In one of these.
    pub states: Vec<String>,
    /// Of one of these.
    pub run_types: Vec<String>,
    /// Pinned to one of these numbers of versions.
    pub version_numbers: Vec<i32>,
    /// When and for how long.
    pub times: Times,
}

/// A run.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DagRunRow {
    /// Its row.
    pub id: i64,
    /// Its DAG.
    pub dag_id: String,
    /// Its name.
    pub run_id: String,
    /// Its state.
    pub state: String,
    /// Why it exists.
    pub run_type: String,
    /// The date it is about.
    pub logical_date: Option<Instant>,
    /// First instant its data covers.
    pub data_interval_start: Option<Instant>,
    /// First instant after that.
    pub data_interval_end: Option<Instant>,
    /// It does not start before.
    pub run_after: Instant,
    /// When it was created or last cleared.
    pub queued_at: Instant,
    /// When it started.
    pub started_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// What it was triggered with.
    pub conf: Value,
    /// A remark.
    pub note: Option<String>,
    /// Through which door.
    pub triggered_by: String,
    /// By whom.
    pub triggering_user: Option<String>,
    /// The version it is pinned to.
    pub version_uuid: Uuid,
    /// Its number.
    pub version_number: i32,
    /// When that was first seen.
    pub version_created_at: Instant,
}

/// What somebody who waits for a run asks again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// Its row.
    pub id: i64,
    /// Its state.
    pub state: String,
}

const SELECT: &str = "-- api.dag_runs
    SELECT r.id, r.dag_id, r.run_id, r.state::text AS state, r.run_type::text AS run_type, r.logical_date,
           r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at, r.started_at, r.ended_at, r.conf,
           r.note, r.triggered_by, r.triggering_user, v.uuid AS version_uuid, v.version_number,
           v.created_at AS version_created_at
      FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id";

const COUNT: &str = "-- api.dag_runs_count\nSELECT count(*) FROM dag_run r";
const COUNT_BY_VERSION: &str =
    "-- api.dag_runs_count\nSELECT count(*) FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id";

const UPDATED: &str = "greatest(r.queued_at, r.started_at, r.ended_at)";
const DURATION: &str = "extract(epoch FROM coalesce(r.ended_at, now()) - r.started_at)::double precision";

const COLUMNS: times::Columns =
    times::Columns { started_at: "r.started_at", ended_at: "r.ended_at", updated_at: UPDATED, duration: DURATION };

const ORDER: [(&str, &str); 18] = [
    ("id", "r.id"),
    ("state", "r.state::text"),
    ("dag_id", "r.dag_id"),
    ("run_id", "r.run_id"),
    ("dag_run_id", "r.run_id"),
    ("run_type", "r.run_type::text"),
    ("logical_date", "r.logical_date"),
    ("data_interval_start", "r.data_interval_start"),
    ("data_interval_end", "r.data_interval_end"),
    ("run_after", "r.run_after"),
    ("queued_at", "r.queued_at"),
    ("start_date", "r.started_at"),
    ("end_date", "r.ended_at"),
    ("updated_at", UPDATED),
    ("conf", "r.conf::text"),
    ("duration", DURATION),
    ("triggering_user_name", "r.triggering_user"),
    // There are no partitions: all runs are equal in this.
    ("partition_date", "(r.id IS NULL)"),
];

fn filtered(select: &'static str, filter: &DagRunFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_readable(&mut statement, "r.dag_id", filter.readable.as_deref());
    and_is(&mut statement, "r.dag_id", filter.dag_id.clone());
    and_is(&mut statement, "r.run_id", filter.run_id.clone());
    and_matches(&mut statement, "r.run_id", filter.run_id_pattern.as_deref());
    and_matches(&mut statement, "r.dag_id", filter.dag_id_pattern.as_deref());
    and_matches(&mut statement, "r.triggering_user", filter.triggering_user_pattern.as_deref());
    and_any(&mut statement, "r.state::text", &filter.states);
    and_any(&mut statement, "r.run_type::text", &filter.run_types);
    if !filter.version_numbers.is_empty() {
        statement.push(" AND v.version_number = ANY (").push_bind(filter.version_numbers.clone()).push(")");
    }
    filter.times.bind(&mut statement, &COLUMNS);
    statement
}

impl Store {
    /// A page of the runs.
    pub async fn api_dag_runs(&self, filter: &DagRunFilter, listing: &Listing) -> Result<Page<DagRunRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "r.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = if filter.version_numbers.is_empty() { COUNT } else { COUNT_BY_VERSION };
        let count = filtered(count, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One run.
    pub async fn api_dag_run(&self, dag_id: &str, run_id: &str) -> Result<Option<DagRunRow>, ReadError> {
        let filter = DagRunFilter {
            dag_id: Some(dag_id.to_owned()),
            run_id: Some(run_id.to_owned()),
            ..DagRunFilter::default()
        };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }

    /// Which of these runs there are: DAG and name.
    pub async fn api_dag_runs_that_exist(&self, keys: &[(String, String)]) -> Result<Vec<(String, String)>, ReadError> {
        let (dag_ids, run_ids): (Vec<String>, Vec<String>) = keys.iter().cloned().unzip();
        let rows = sqlx::query!(
            "-- api.dag_runs_that_exist
             SELECT r.dag_id, r.run_id FROM dag_run r
             JOIN unnest($1::text[], $2::text[]) AS u (dag_id, run_id) ON u.dag_id = r.dag_id AND u.run_id = r.run_id",
            &dag_ids,
            &run_ids
        );
        let rows = rows.fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(|row| (row.dag_id, row.run_id)).collect())
    }

    /// The state of one run.
    pub async fn api_dag_run_state(&self, dag_id: &str, run_id: &str) -> Result<Option<RunState>, ReadError> {
        let row = sqlx::query_as!(
            RunState,
            r#"-- api.dag_run_state
            SELECT id, state::text AS "state!" FROM dag_run WHERE dag_id = $1 AND run_id = $2"#,
            dag_id,
            run_id
        );
        Ok(row.fetch_optional(self.pool()).await?)
    }
}
