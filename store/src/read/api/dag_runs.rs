//! `…/dagRuns`.

use model::state::DagRunState;
use serde_json::Value;
use uuid::Uuid;

use super::window::{Cursor, Field, List, Window, field, firm};
use super::{
    Instant, Listing, Pattern, ReadError, Statement, Times, and_among, and_any, and_in_state, and_is, and_readable,
    contained, times,
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
    /// Of one of these DAGs.
    pub dag_ids: Vec<String>,
    /// What its name is like.
    pub run_id_is: Pattern,
    /// What the DAG's id is like.
    pub dag_id_is: Pattern,
    /// What the name of who triggered it is like.
    pub triggering_user_is: Pattern,
    /// With this text in the JSON of their conf.
    pub conf_contains: Option<String>,
    /// It took an update of an asset with this in its name or URI.
    pub consuming_asset: Option<String>,
    /// It is in a bundle or a partition; no run is.
    pub in_a_bundle_or_partition: bool,
    /// In one of these.
    pub states: Vec<DagRunState>,
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
           v.created_at AS version_created_at";
const FROM: &str = "\n      FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id";
const COUNT_FROM: &str = " FROM dag_run r";

const UPDATED: &str = "greatest(r.queued_at, r.started_at, r.ended_at)";
const DURATION: &str = "extract(epoch FROM coalesce(r.ended_at, now()) - r.started_at)::double precision";

const COLUMNS: times::Columns =
    times::Columns { started_at: "r.started_at", ended_at: "r.ended_at", updated_at: UPDATED, duration: DURATION };

const ORDER: [Field; 18] = [
    firm("id", "r.id", "bigint"),
    firm("state", "r.state::text", "text"),
    firm("dag_id", "r.dag_id", "text"),
    firm("run_id", "r.run_id", "text"),
    firm("dag_run_id", "r.run_id", "text"),
    firm("run_type", "r.run_type::text", "text"),
    field("logical_date", "r.logical_date", "timestamptz"),
    field("data_interval_start", "r.data_interval_start", "timestamptz"),
    field("data_interval_end", "r.data_interval_end", "timestamptz"),
    firm("run_after", "r.run_after", "timestamptz"),
    firm("queued_at", "r.queued_at", "timestamptz"),
    field("start_date", "r.started_at", "timestamptz"),
    field("end_date", "r.ended_at", "timestamptz"),
    firm("updated_at", UPDATED, "timestamptz"),
    firm("conf", "r.conf::text", "text"),
    field("duration", DURATION, "double precision"),
    field("triggering_user_name", "r.triggering_user", "text"),
    // There are no partitions: all runs are equal in this.
    firm("partition_date", "(r.id IS NULL)", "boolean"),
];
const TIE: [Field; 1] = [firm("id", "r.id", "bigint")];

impl DagRunFilter {
    fn conditions(&self, statement: &mut Statement) {
        statement.push(" WHERE true");
        and_readable(statement, "r.dag_id", self.readable.as_deref());
        and_is(statement, "r.dag_id", self.dag_id.clone());
        and_is(statement, "r.run_id", self.run_id.clone());
        and_any(statement, "r.dag_id", &self.dag_ids);
        self.run_id_is.bind(statement, "r.run_id");
        self.dag_id_is.bind(statement, "r.dag_id");
        self.triggering_user_is.bind(statement, "r.triggering_user");
        and_in_state(statement, "r.state", self.states.iter().map(|state| state.as_str()));
        and_any(statement, "r.run_type::text", &self.run_types);
        and_among(statement, "v.version_number", &self.version_numbers);
        if let Some(text) = self.conf_contains.as_ref().filter(|text| !text.is_empty()) {
            statement.push(" AND r.conf::text ILIKE ").push_bind(format!("%{text}%"));
        }
        if let Some(text) = self.consuming_asset.as_ref().filter(|text| !text.is_empty()) {
            statement.push(
                " AND EXISTS (SELECT FROM dag_run_asset_event t JOIN asset_event e ON e.id = t.asset_event_id
                              JOIN asset a ON a.id = e.asset_id WHERE t.dag_run_id = r.id AND (a.name ILIKE ",
            );
            statement.push_bind(contained(text)).push(" OR a.uri ILIKE ").push_bind(contained(text)).push("))");
        }
        if self.in_a_bundle_or_partition {
            statement.push(" AND false");
        }
        self.times.bind(statement, &COLUMNS);
    }
}

impl Store {
    /// A part of the runs.
    pub async fn api_dag_runs(
        &self,
        filter: &DagRunFilter,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<Window<DagRunRow>, ReadError> {
        let list = List {
            select: SELECT,
            from: FROM,
            keys: None,
            of: (filter.dag_id.as_deref(), None),
            count: "-- api.dag_runs_count",
            count_from: if filter.version_numbers.is_empty() { COUNT_FROM } else { FROM },
            fields: &ORDER,
            tie: &TIE,
        };
        self.window(&list, listing, cursor, |statement| filter.conditions(statement)).await
    }

    /// One run.
    pub async fn api_dag_run(&self, dag_id: &str, run_id: &str) -> Result<Option<DagRunRow>, ReadError> {
        let filter = DagRunFilter {
            dag_id: Some(dag_id.to_owned()),
            run_id: Some(run_id.to_owned()),
            ..DagRunFilter::default()
        };
        let mut statement = Statement::new(SELECT);
        statement.push(FROM);
        filter.conditions(&mut statement);
        Ok(statement.build_query_as().fetch_optional(self.pool()).await?)
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
