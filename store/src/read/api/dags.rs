//! `/dags`.

use jiff::Timestamp;
use model::state::DagRunState;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Instant, Listing, Page, Range, ReadError, Statement, and_any, and_begins, and_in_state, and_is, and_matches,
    and_readable, and_within, contained, order_and_cut, total,
};
use crate::Store;

/// Which DAGs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DagFilter {
    /// None but these DAGs, however else it is filtered; none: all.
    pub readable: Option<Vec<String>>,
    /// One of these.
    pub dag_ids: Vec<String>,
    /// With these tags.
    pub tags: Vec<String>,
    /// All of the tags; else one of them suffices.
    pub all_tags: bool,
    /// Each part of the owner's name, without regard to case; one of them suffices.
    pub owners: Vec<String>,
    /// As `*_pattern`.
    pub dag_id_pattern: Option<String>,
    /// As `*_prefix_pattern`.
    pub dag_id_prefix: Option<String>,
    /// As `*_pattern`; the name that is shown is the id.
    pub display_name_pattern: Option<String>,
    /// As `*_prefix_pattern`.
    pub display_name_prefix: Option<String>,
    /// Whether it is paused.
    pub is_paused: Option<bool>,
    /// Also those that no file describes any more.
    pub with_stale: bool,
    /// Whether its file's newest content was refused.
    pub has_import_errors: Option<bool>,
    /// The newest run is in one of these states.
    pub last_run_states: Vec<DagRunState>,
    /// When the newest run started.
    pub last_run_started_at: Range<Timestamp>,
    /// When the newest run ended.
    pub last_run_ended_at: Range<Timestamp>,
    /// Whether this person marked it.
    pub favorite: Option<Favorite>,
    /// Whether assets schedule it.
    pub has_asset_schedule: Option<bool>,
    /// It is scheduled by an asset with this in its name or URI.
    pub asset_dependency: Option<String>,
    /// Its schedule is of one of these kinds, as `model::dag::Schedule` names them.
    pub schedule_kinds: Option<Vec<String>>,
    /// It is in a bundle of some name or version; no DAG is.
    pub in_a_bundle: bool,
}

/// Whose marks count, and whether there has to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Favorite {
    /// The person.
    pub username: String,
    /// There has to be one; else there has to be none.
    pub is_marked: bool,
}

/// A DAG.
#[expect(clippy::struct_excessive_bools, reason = "they are columns")]
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct DagRow {
    /// Its name.
    pub dag_id: String,
    /// No new run of it is created or started.
    pub is_paused: bool,
    /// Why the scheduler paused it.
    pub pause_reason: Option<String>,
    /// No file describes it any more.
    pub is_stale: bool,
    /// When its file was last read.
    pub last_parsed_at: Instant,
    /// How long that took.
    pub last_parse_duration_ms: f64,
    /// Absolute path of its file.
    pub fileloc: String,
    /// Its path below the DAG folder.
    pub relative_fileloc: String,
    /// One line.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its file's newest content was refused.
    pub has_import_errors: bool,
    /// Of the next scheduled run.
    pub next_interval_start: Option<Instant>,
    /// Of the next scheduled run.
    pub next_interval_end: Option<Instant>,
    /// Of the next scheduled run.
    pub next_run_after: Option<Instant>,
    /// `model::dag::Schedule`.
    pub schedule: Option<Value>,
    /// Running runs at once; none: the deployment's limit.
    pub max_active_runs: Option<i32>,
    /// Task instances of a run at once; none: the deployment's limit.
    pub max_active_tasks: Option<i32>,
    /// So many failed runs in a row pause it; none: never.
    pub max_consecutive_failed_dag_runs: Option<i32>,
    /// Whether one of its tasks has a limit of its own.
    pub limits_tasks: bool,
}

/// What else there is to say of a DAG.
#[derive(Debug, Clone, PartialEq)]
pub struct DagDetailsRow {
    /// Its current version as `model::dag::Dag` serialises it.
    pub spec: String,
    /// Runs that are running.
    pub running_runs: i64,
    /// The version's id in the API.
    pub version_uuid: Uuid,
    /// From 1.
    pub version_number: i32,
    /// When it was first seen.
    pub version_created_at: Instant,
}

const SELECT: &str = "-- api.dags
    SELECT d.dag_id, d.is_paused, d.pause_reason, d.is_stale, d.last_parsed_at, d.last_parse_duration_ms, d.fileloc, d.relative_fileloc,
           d.description, d.owner, d.tags, d.has_import_errors, d.next_interval_start, d.next_interval_end,
           d.next_run_after, s.schedule, s.max_active_runs, s.max_active_tasks, s.max_consecutive_failed_dag_runs,
           coalesce(v.spec::jsonb @? '$.tasks[*] ? (exists(@.max_active_tis_per_dag)
                                                 || exists(@.max_active_tis_per_dagrun))', false) AS limits_tasks
      FROM dag d
      LEFT JOIN dag_version v ON v.id = d.current_version_id
      LEFT JOIN LATERAL json_to_record(v.spec)
           AS s (schedule json, max_active_runs integer, max_active_tasks integer,
                 max_consecutive_failed_dag_runs integer) ON true";

const COUNT: &str = "-- api.dags_count\nSELECT count(*) FROM dag d";
const IDS: &str = "-- api.dag_ids\nSELECT d.dag_id FROM dag d";

/// The word that a schedule is stored under.
const KIND: &str = " AND (SELECT CASE json_typeof(k.spec -> 'schedule') WHEN 'string' THEN k.spec ->> 'schedule'
        ELSE (SELECT json_object_keys(k.spec -> 'schedule') LIMIT 1) END
    FROM dag_version k WHERE k.id = d.current_version_id) = ANY (";

/// The newest run, where somebody asks for it.
const NEWEST_RUN: &str = " LEFT JOIN LATERAL (SELECT r.state, r.started_at, r.ended_at FROM dag_run r
    WHERE r.dag_id = d.dag_id ORDER BY r.id DESC LIMIT 1) last ON true";

const ORDER: [(&str, &str); 7] = [
    ("dag_id", "d.dag_id"),
    ("dag_display_name", "d.dag_id"),
    ("next_dagrun", "d.next_interval_start"),
    ("state", "last.state"),
    ("last_run_state", "last.state"),
    ("start_date", "last.started_at"),
    ("last_run_start_date", "last.started_at"),
];

fn filtered(select: &'static str, filter: &DagFilter, listing: &Listing) -> Statement {
    let mut statement = Statement::new(select);
    let by_run = |term: &String| term.contains("state") || term.contains("start_date");
    let has_bounds = |range: &Range<Timestamp>| *range != Range::default();
    if !filter.last_run_states.is_empty()
        || has_bounds(&filter.last_run_started_at)
        || has_bounds(&filter.last_run_ended_at)
        || listing.order_by.iter().any(by_run)
    {
        statement.push(NEWEST_RUN);
    }
    statement.push(" WHERE true");
    and_readable(&mut statement, "d.dag_id", filter.readable.as_deref());
    and_any(&mut statement, "d.dag_id", &filter.dag_ids);
    if !filter.tags.is_empty() {
        statement.push(if filter.all_tags { " AND d.tags @> " } else { " AND d.tags && " });
        statement.push_bind(filter.tags.clone());
    }
    if !filter.owners.is_empty() {
        let parts: Vec<String> = filter.owners.iter().map(|owner| contained(owner)).collect();
        statement.push(" AND d.owner ILIKE ANY (").push_bind(parts).push(")");
    }
    and_matches(&mut statement, "d.dag_id", filter.dag_id_pattern.as_deref());
    and_begins(&mut statement, "d.dag_id", filter.dag_id_prefix.as_deref());
    and_matches(&mut statement, "d.dag_id", filter.display_name_pattern.as_deref());
    and_begins(&mut statement, "d.dag_id", filter.display_name_prefix.as_deref());
    and_is(&mut statement, "d.is_paused", filter.is_paused);
    if !filter.with_stale {
        statement.push(" AND NOT d.is_stale");
    }
    and_is(&mut statement, "d.has_import_errors", filter.has_import_errors);
    and_in_state(&mut statement, "last.state", filter.last_run_states.iter().map(|state| state.as_str()));
    and_within(&mut statement, "last.started_at", &filter.last_run_started_at);
    and_within(&mut statement, "last.ended_at", &filter.last_run_ended_at);
    and_favorite(&mut statement, filter.favorite.as_ref());
    and_scheduled(&mut statement, filter);
    if filter.in_a_bundle {
        statement.push(" AND false");
    }
    statement
}

fn and_favorite(statement: &mut Statement, favorite: Option<&Favorite>) {
    let Some(Favorite { username, is_marked }) = favorite else { return };
    statement.push(if *is_marked { " AND" } else { " AND NOT" });
    statement.push(" EXISTS (SELECT FROM dag_favorite f WHERE f.dag_id = d.dag_id AND f.username = ");
    statement.push_bind(username.clone()).push(")");
}

fn and_scheduled(statement: &mut Statement, filter: &DagFilter) {
    const BY_ASSET: &str = " EXISTS (SELECT FROM dag_asset n JOIN asset a ON a.id = n.asset_id
        WHERE n.dag_id = d.dag_id AND n.role = 'schedule'";
    if let Some(has_one) = filter.has_asset_schedule {
        statement.push(if has_one { " AND" } else { " AND NOT" }).push(BY_ASSET).push(")");
    }
    if let Some(text) = &filter.asset_dependency {
        statement.push(" AND").push(BY_ASSET).push(" AND (a.name ILIKE ").push_bind(contained(text));
        statement.push(" OR a.uri ILIKE ").push_bind(contained(text)).push("))");
    }
    if let Some(kinds) = &filter.schedule_kinds {
        statement.push(KIND).push_bind(kinds.clone()).push(")");
    }
}

impl Store {
    /// A page of the DAGs.
    pub async fn api_dags(&self, filter: &DagFilter, listing: &Listing) -> Result<Page<DagRow>, ReadError> {
        let mut statement = filtered(SELECT, filter, listing);
        order_and_cut(&mut statement, listing, &ORDER, "d.dag_id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter, listing).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// The names of all DAGs that match.
    pub async fn api_dag_ids(&self, filter: &DagFilter) -> Result<Vec<String>, ReadError> {
        let mut statement = filtered(IDS, filter, &Listing::default());
        statement.push(" ORDER BY d.dag_id");
        Ok(statement.build_query_scalar().fetch_all(self.pool()).await?)
    }

    /// One DAG.
    pub async fn api_dag(&self, dag_id: &str) -> Result<Option<DagRow>, ReadError> {
        let filter = DagFilter { dag_ids: vec![dag_id.to_owned()], with_stale: true, ..DagFilter::default() };
        let mut statement = filtered(SELECT, &filter, &Listing::default());
        Ok(statement.build_query_as().fetch_optional(self.pool()).await?)
    }

    /// Whether there is, or was, such a DAG.
    pub async fn api_dag_exists(&self, dag_id: &str) -> Result<bool, ReadError> {
        let exists = sqlx::query_scalar!(
            r#"-- api.dag_exists
            SELECT EXISTS (SELECT FROM dag WHERE dag_id = $1) AS "exists!""#,
            dag_id
        );
        Ok(exists.fetch_one(self.pool()).await?)
    }

    /// The rest of one DAG.
    pub async fn api_dag_details(&self, dag_id: &str) -> Result<Option<DagDetailsRow>, ReadError> {
        let row = sqlx::query!(
            r#"-- api.dag_details
            SELECT v.spec::text AS "spec!", v.uuid, v.version_number, v.created_at,
                   (SELECT count(*) FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state IN ('queued', 'running')
                                                     AND r.state = 'running') AS "running_runs!"
              FROM dag d JOIN dag_version v ON v.id = d.current_version_id WHERE d.dag_id = $1"#,
            dag_id
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| DagDetailsRow {
            spec: row.spec,
            running_runs: row.running_runs,
            version_uuid: row.uuid,
            version_number: row.version_number,
            version_created_at: Instant(crate::from_sql(row.created_at)),
        }))
    }
}
