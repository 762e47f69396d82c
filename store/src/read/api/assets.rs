//! `/assets`, their events, and what waits.

use jiff::Timestamp;
use serde_json::Value;

use super::{Instant, Listing, Page, Pattern, Range, ReadError, Statement, and_is, and_within, order_and_cut, total};
use crate::{Store, from_sql};

/// Which assets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetFilter {
    /// This one.
    pub id: Option<i64>,
    /// This one.
    pub uri: Option<String>,
    /// What its name is like.
    pub name_is: Pattern,
    /// What its URI is like.
    pub uri_is: Pattern,
    /// Named by one of these.
    pub dag_ids: Vec<String>,
    /// Also those that no file names any more.
    pub with_unnamed: bool,
}

/// An asset.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AssetRow {
    /// Its row.
    pub id: i64,
    /// What it is.
    pub uri: String,
    /// What people call it.
    pub name: String,
    /// Its group.
    pub group_name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// In words.
    pub description: Option<String>,
    /// Of a pipeline.
    pub layer: Option<String>,
    /// Its columns.
    pub schema: Value,
    /// It is to be updated at least so often.
    pub fresh_within_ms: Option<i64>,
    /// The DAG that describes it.
    pub described_by: Option<String>,
    /// When it was last updated.
    pub last_updated_at: Option<Instant>,
    /// Whether it is known to be late.
    pub is_overdue: bool,
    /// Since when that is so.
    pub turned_at: Option<Instant>,
    /// When it was first named.
    pub created_at: Instant,
    /// Its newest event.
    pub last_event_id: Option<i64>,
    /// Who names it: `[{"dag_id", "role", "task_id", "created_at"}]`.
    pub users: Value,
}

const SELECT: &str = "-- api.assets
    SELECT a.id, a.uri, a.name, a.group_name, a.owner, a.description, a.layer, a.schema, a.fresh_within_ms,
           a.described_by, a.last_updated_at, a.is_overdue, a.turned_at, a.created_at,
           (SELECT max(e.id) FROM asset_event e WHERE e.asset_id = a.id) AS last_event_id,
           coalesce((SELECT json_agg(json_build_object('dag_id', n.dag_id, 'role', n.role, 'task_id', n.task_id,
                                                       'created_at', n.created_at) ORDER BY n.dag_id, n.task_id)
                     FROM dag_asset n JOIN dag d ON d.dag_id = n.dag_id AND NOT d.is_stale
                     WHERE n.asset_id = a.id), '[]') AS users
      FROM asset a";
const COUNT: &str = "-- api.assets_count\nSELECT count(*) FROM asset a";
const ORDER: [(&str, &str); 5] = [
    ("id", "a.id"),
    ("name", "a.name"),
    ("uri", "a.uri"),
    ("created_at", "a.created_at"),
    ("updated_at", "coalesce(a.last_updated_at, a.created_at)"),
];

fn filtered(select: &'static str, filter: &AssetFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "a.id", filter.id);
    and_is(&mut statement, "a.uri", filter.uri.clone());
    filter.name_is.bind(&mut statement, "a.name");
    filter.uri_is.bind(&mut statement, "a.uri");
    if !filter.dag_ids.is_empty() {
        statement
            .push(" AND EXISTS (SELECT 1 FROM dag_asset n WHERE n.asset_id = a.id AND n.dag_id = ANY (")
            .push_bind(filter.dag_ids.clone())
            .push("))");
    }
    if !filter.with_unnamed {
        statement.push(
            " AND (EXISTS (SELECT 1 FROM dag_asset n JOIN dag d ON d.dag_id = n.dag_id AND NOT d.is_stale
                           WHERE n.asset_id = a.id)
                   OR EXISTS (SELECT 1 FROM dag d WHERE d.dag_id = a.described_by AND NOT d.is_stale))",
        );
    }
    statement
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetEventFilter {
    /// This one.
    pub id: Option<i64>,
    /// Of this asset.
    pub asset_id: Option<i64>,
    /// By a task of this DAG.
    pub source_dag_id: Option<String>,
    /// By this task.
    pub source_task_id: Option<String>,
    /// In this run.
    pub source_run_id: Option<String>,
    /// By this element of a mapping.
    pub source_map_index: Option<i32>,
    /// What the asset's name is like.
    pub name_is: Pattern,
    /// When.
    pub at: Range<Timestamp>,
    /// Taken by this run: its DAG and its name.
    pub taken_by: Option<(String, String)>,
}

/// An update of an asset.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AssetEventRow {
    /// Its row.
    pub id: i64,
    /// The asset.
    pub asset_id: i64,
    /// What it is.
    pub uri: String,
    /// What people call it.
    pub name: String,
    /// Its group.
    pub group_name: String,
    /// What whoever updated it said.
    pub extra: Value,
    /// The DAG behind it.
    pub source_dag_id: Option<String>,
    /// The run behind it.
    pub source_run_id: Option<String>,
    /// The task behind it.
    pub source_task_id: Option<String>,
    /// Element of a mapping.
    pub source_map_index: i32,
    /// When.
    pub at: Instant,
    /// The partition.
    pub data_interval_start: Option<Instant>,
    /// The partition.
    pub data_interval_end: Option<Instant>,
    /// Who posted it from outside.
    pub posted_by: Option<String>,
    /// The runs that took it, as the API shows them.
    pub created_dagruns: Value,
}

const SELECT_EVENTS: &str = "-- api.asset_events
    SELECT e.id, e.asset_id, a.uri, a.name, a.group_name, e.extra, e.source_dag_id, e.source_run_id, e.source_task_id,
           e.source_map_index, e.at, e.data_interval_start, e.data_interval_end, e.posted_by,
           coalesce((SELECT json_agg(json_build_object('run_id', r.run_id, 'dag_id', r.dag_id,
                         'logical_date', r.logical_date, 'start_date', r.started_at, 'end_date', r.ended_at,
                         'state', r.state, 'data_interval_start', r.data_interval_start,
                         'data_interval_end', r.data_interval_end, 'partition_key', NULL) ORDER BY r.id)
                     FROM dag_run_asset_event t JOIN dag_run r ON r.id = t.dag_run_id
                     WHERE t.asset_event_id = e.id), '[]') AS created_dagruns
      FROM asset_event e JOIN asset a ON a.id = e.asset_id";
const COUNT_EVENTS: &str =
    "-- api.asset_events_count\nSELECT count(*) FROM asset_event e JOIN asset a ON a.id = e.asset_id";
const ORDER_EVENTS: [(&str, &str); 7] = [
    ("id", "e.id"),
    ("timestamp", "e.at"),
    ("asset_id", "e.asset_id"),
    ("source_dag_id", "e.source_dag_id"),
    ("source_task_id", "e.source_task_id"),
    ("source_run_id", "e.source_run_id"),
    ("source_map_index", "e.source_map_index"),
];

fn filtered_events(select: &'static str, filter: &AssetEventFilter) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" WHERE true");
    and_is(&mut statement, "e.id", filter.id);
    and_is(&mut statement, "e.asset_id", filter.asset_id);
    and_is(&mut statement, "e.source_dag_id", filter.source_dag_id.clone());
    and_is(&mut statement, "e.source_task_id", filter.source_task_id.clone());
    and_is(&mut statement, "e.source_run_id", filter.source_run_id.clone());
    and_is(&mut statement, "e.source_map_index", filter.source_map_index);
    filter.name_is.bind(&mut statement, "a.name");
    and_within(&mut statement, "e.at", &filter.at);
    if let Some((dag_id, run_id)) = &filter.taken_by {
        statement
            .push(
                " AND EXISTS (SELECT 1 FROM dag_run_asset_event t JOIN dag_run r ON r.id = t.dag_run_id
                              WHERE t.asset_event_id = e.id AND r.dag_id = ",
            )
            .push_bind(dag_id.clone())
            .push(" AND r.run_id = ")
            .push_bind(run_id.clone())
            .push(")");
    }
    statement
}

/// Updates of an asset that wait for a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEventRow {
    /// Who waits.
    pub dag_id: String,
    /// The asset.
    pub asset_id: i64,
    /// When the first came.
    pub first_at: Timestamp,
    /// How many.
    pub events: i64,
}

impl Store {
    /// A page of the assets.
    pub async fn api_assets(&self, filter: &AssetFilter, listing: &Listing) -> Result<Page<AssetRow>, ReadError> {
        let mut statement = filtered(SELECT, filter);
        order_and_cut(&mut statement, listing, &ORDER, "a.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One asset, also one that no file names any more.
    pub async fn api_asset(&self, id: i64) -> Result<Option<AssetRow>, ReadError> {
        let filter = AssetFilter { id: Some(id), with_unnamed: true, ..AssetFilter::default() };
        Ok(filtered(SELECT, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }

    /// A page of the updates of assets.
    pub async fn api_asset_events(
        &self,
        filter: &AssetEventFilter,
        listing: &Listing,
    ) -> Result<Page<AssetEventRow>, ReadError> {
        let mut statement = filtered_events(SELECT_EVENTS, filter);
        order_and_cut(&mut statement, listing, &ORDER_EVENTS, "e.id")?;
        let rows = statement.build_query_as().fetch_all(self.pool()).await?;
        let count = filtered_events(COUNT_EVENTS, filter).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }

    /// One update.
    pub async fn api_asset_event(&self, id: i64) -> Result<Option<AssetEventRow>, ReadError> {
        let filter = AssetEventFilter { id: Some(id), ..AssetEventFilter::default() };
        Ok(filtered_events(SELECT_EVENTS, &filter).build_query_as().fetch_optional(self.pool()).await?)
    }

    /// What waits for a DAG, of an asset, or both, from before an instant.
    pub async fn api_queued_events(
        &self,
        dag_id: Option<&str>,
        asset_id: Option<i64>,
        before: Option<Timestamp>,
    ) -> Result<Vec<QueuedEventRow>, ReadError> {
        let rows = sqlx::query!(
            r#"-- api.queued_events
            SELECT q.dag_id, q.asset_id, min(e.at) AS "first_at!", count(*) AS "events!"
            FROM asset_queue q JOIN asset_event e ON e.id = q.asset_event_id
            WHERE ($1::text IS NULL OR q.dag_id = $1) AND ($2::bigint IS NULL OR q.asset_id = $2)
              AND ($3::timestamptz IS NULL OR e.at < $3)
            GROUP BY q.dag_id, q.asset_id ORDER BY q.dag_id, q.asset_id"#,
            dag_id,
            asset_id,
            before.map(crate::to_sql)
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| QueuedEventRow {
                dag_id: row.dag_id,
                asset_id: row.asset_id,
                first_at: from_sql(row.first_at),
                events: row.events,
            })
            .collect())
    }
}
