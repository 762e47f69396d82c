//! Updates of assets, and the runs that they make due.

use jiff::Timestamp;
use model::asset::records::{AssetRun, AssetUpdate};
use model::asset::{AssetEvent, AssetName, EventSource, SourceDagRun};
use model::dag_run::DataInterval;
use model::ids::{DagRunKey, Epoch};
use model::journal::CommitError;
use sqlx::PgConnection;

use super::LeaderJournal;
use super::commit::{storable, unknown};
use crate::{from_sql, to_sql};

/// How many events of an asset templates and tasks see.
const NEWEST_EVENTS: i64 = 1000;

/// Writes updates and queues each for the DAGs whose schedules name its asset, paused or not; leaves word of these
/// DAGs. In the transaction of the batch in which the task instances became a success.
pub(super) async fn write_updates(connection: &mut PgConnection, updates: &[AssetUpdate]) -> Result<(), CommitError> {
    let dag_runs: Vec<i64> = updates.iter().map(|update| update.dag_run.0).collect();
    let task_ids: Vec<&str> = updates.iter().map(|update| update.task_id.as_str()).collect();
    let map_indexes: Vec<i32> = updates.iter().map(|update| update.map_index).collect();
    let uris: Vec<&str> = updates.iter().map(|update| update.uri.as_str()).collect();
    let times: Vec<_> = updates.iter().map(|update| to_sql(update.at)).collect();
    let extras: Vec<String> =
        updates.iter().map(|update| storable(&serde_json::Value::from(update.extra.clone()).to_string())).collect();
    let written = sqlx::query_scalar!(
        r#"-- asset_event.emit
        WITH said AS MATERIALIZED (
            SELECT u.* FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::text[])
                WITH ORDINALITY AS u (dag_run_id, task_id, map_index, uri, at, extra, ordinal)
        ), emitted AS (
            INSERT INTO asset_event (asset_id, at, extra, dag_run_id, source_dag_id, source_run_id, source_task_id,
                                     source_map_index, data_interval_start, data_interval_end)
            SELECT a.id, s.at, s.extra::json, r.id, r.dag_id, r.run_id, s.task_id, s.map_index,
                   r.data_interval_start, r.data_interval_end
            FROM said s JOIN dag_run r ON r.id = s.dag_run_id JOIN asset a ON a.uri = s.uri
            ORDER BY s.ordinal
            RETURNING id, asset_id, at, data_interval_start, data_interval_end
        ), queued AS (
            INSERT INTO asset_queue (dag_id, asset_event_id, asset_id, data_interval_start, data_interval_end)
            SELECT w.dag_id, e.id, e.asset_id, e.data_interval_start, e.data_interval_end
            FROM emitted e JOIN dag_asset w ON w.asset_id = e.asset_id AND w.role = 'schedule'
            WHERE NOT w.by_interval OR e.data_interval_start IS NOT NULL
            RETURNING dag_id
        ), updated AS (
            UPDATE asset SET last_updated_at = GREATEST(asset.last_updated_at, newest.at)
            FROM (SELECT asset_id, max(at) AS at FROM emitted GROUP BY asset_id) AS newest
            WHERE asset.id = newest.asset_id
        ), noted AS (
            INSERT INTO change (dag_id) SELECT DISTINCT dag_id FROM queued
        )
        SELECT count(*) AS "written!" FROM emitted"#,
        &dag_runs,
        &task_ids as &[&str],
        &map_indexes,
        &uris as &[&str],
        &times,
        &extras
    )
    .fetch_one(connection)
    .await
    .map_err(unknown)?;
    if usize::try_from(written) != Ok(updates.len()) {
        tracing::error!(
            written,
            expected = updates.len(),
            "updates of assets that no DAG was saved with were left out"
        );
    }
    Ok(())
}

impl LeaderJournal {
    /// Creates runs that updates of assets made due and takes the events they are made of, in one statement. Each
    /// event that is named stands for all that wait of the same asset and interval up to it. Where one that is named
    /// does not wait any more, nothing is created and nothing taken for that run: somebody deleted it, or this is said
    /// a second time. Returns the runs that now exist because of this call.
    pub async fn create_asset_runs(
        &self,
        epoch: Epoch,
        runs: &[AssetRun],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let dag_ids: Vec<&str> = runs.iter().map(|new| new.run.dag_id.as_str()).collect();
        let run_ids: Vec<&str> = runs.iter().map(|new| new.run.run_id.as_str()).collect();
        let versions: Vec<i64> = runs.iter().map(|new| new.dag_version.0).collect();
        let starts: Vec<_> = runs.iter().map(|new| new.run.data_interval.map(|span| to_sql(span.start))).collect();
        let ends: Vec<_> = runs.iter().map(|new| new.run.data_interval.map(|span| to_sql(span.end))).collect();
        let run_afters: Vec<_> = runs.iter().map(|new| to_sql(new.run.run_after)).collect();
        let counts: Vec<i64> = runs.iter().map(|new| i64::try_from(new.events.len()).unwrap_or(i64::MAX)).collect();
        let named =
            || (1_i64..).zip(runs).flat_map(|(ordinal, new)| new.events.iter().map(move |event| (ordinal, *event)));
        let named_runs: Vec<i64> = named().map(|(ordinal, _)| ordinal).collect();
        let named_events: Vec<i64> = named().map(|(_, event)| event).collect();
        let rows = sqlx::query!(
            r#"-- dag_run.create_asset_triggered
            WITH lease AS MATERIALIZED (
                SELECT 1 FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE
            ), wanted AS MATERIALIZED (
                SELECT u.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
                                       $7::timestamptz[], $8::bigint[])
                    WITH ORDINALITY AS u (dag_id, run_id, dag_version_id, interval_start, interval_end, run_after,
                                          events, ordinal), lease
            ), named AS MATERIALIZED (
                SELECT w.ordinal, q.dag_id, q.asset_event_id, q.asset_id, q.data_interval_start, q.data_interval_end
                FROM unnest($9::bigint[], $10::bigint[]) AS n (ordinal, asset_event_id)
                     JOIN wanted w ON w.ordinal = n.ordinal
                     JOIN asset_queue q ON q.dag_id = w.dag_id AND q.asset_event_id = n.asset_event_id
                FOR UPDATE OF q
            ), whole AS MATERIALIZED (
                SELECT w.* FROM wanted w
                WHERE w.events = (SELECT count(*) FROM named n WHERE n.ordinal = w.ordinal)
                  AND NOT EXISTS (SELECT 1 FROM dag_run r WHERE r.dag_id = w.dag_id AND r.run_id = w.run_id)
            ), taken AS (
                DELETE FROM asset_queue q USING named n JOIN whole w ON w.ordinal = n.ordinal
                WHERE q.dag_id = n.dag_id AND q.asset_id = n.asset_id AND q.asset_event_id <= n.asset_event_id
                  AND q.data_interval_start IS NOT DISTINCT FROM n.data_interval_start
                  AND q.data_interval_end IS NOT DISTINCT FROM n.data_interval_end
                RETURNING w.ordinal, q.asset_event_id
            ), created AS (
                INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, data_interval_start,
                                     data_interval_end, run_after, queued_at, triggered_by, params)
                SELECT w.dag_id, w.run_id, w.dag_version_id, 'queued', 'asset_triggered', w.interval_start,
                       w.interval_end, w.run_after, $11, 'asset',
                       COALESCE((SELECT json_object_agg(p.key, p.value -> 'default')
                                 FROM dag_version v, json_each(v.spec -> 'params') AS p
                                 WHERE v.id = w.dag_version_id AND (p.value -> 'default') IS NOT NULL), '{}')
                FROM whole w
                RETURNING id, dag_id, run_id
            ), linked AS (
                INSERT INTO dag_run_asset_event (dag_run_id, asset_event_id)
                SELECT c.id, t.asset_event_id
                FROM created c JOIN whole w ON w.dag_id = c.dag_id AND w.run_id = c.run_id
                     JOIN taken t ON t.ordinal = w.ordinal
            )
            SELECT (SELECT count(*) FROM lease) AS "leads!", created.id AS "id?"
            FROM (SELECT 1) AS one LEFT JOIN created ON true"#,
            epoch.0,
            &dag_ids as &[&str],
            &run_ids as &[&str],
            &versions,
            &starts as &[Option<chrono::DateTime<chrono::Utc>>],
            &ends as &[Option<chrono::DateTime<chrono::Utc>>],
            &run_afters,
            &counts,
            &named_runs,
            &named_events,
            to_sql(now)
        )
        .fetch_all(&self.pool)
        .await
        .map_err(unknown)?;
        if rows.iter().any(|row| row.leads == 0) {
            return Err(CommitError::Fenced(epoch));
        }
        Ok(rows.into_iter().filter_map(|row| row.id.map(DagRunKey)).collect())
    }

    /// The newest events of an asset, the newest last.
    pub async fn asset_events(&self, uri: &str) -> Result<Vec<AssetEvent>, sqlx::Error> {
        let mut rows = sqlx::query_as!(
            EventRow,
            r#"-- asset_event.newest
            SELECT e.id, e.at, e.extra::text AS "extra!", e.source_dag_id, e.source_run_id, e.source_task_id,
                   e.source_map_index, e.data_interval_start, e.data_interval_end, a.id AS asset_id, a.uri, a.name,
                   a.group_name, r.logical_date AS "logical_date?", r.data_interval_start AS "run_interval_start?",
                   r.data_interval_end AS "run_interval_end?", r.run_after AS "run_after?",
                   r.started_at AS "started_at?", r.ended_at AS "ended_at?", r.state::text AS state
            FROM asset a JOIN asset_event e ON e.asset_id = a.id LEFT JOIN dag_run r ON r.id = e.dag_run_id
            WHERE a.uri = $1 ORDER BY e.id DESC LIMIT $2"#,
            uri,
            NEWEST_EVENTS
        )
        .fetch_all(&self.pool)
        .await?;
        rows.reverse();
        rows.into_iter().map(EventRow::into_event).collect()
    }

    /// The events that a run took.
    pub async fn triggering_asset_events(&self, dag_run: DagRunKey) -> Result<Vec<AssetEvent>, sqlx::Error> {
        let rows = sqlx::query_as!(
            EventRow,
            r#"-- asset_event.taken
            SELECT e.id, e.at, e.extra::text AS "extra!", e.source_dag_id, e.source_run_id, e.source_task_id,
                   e.source_map_index, e.data_interval_start, e.data_interval_end, a.id AS asset_id, a.uri, a.name,
                   a.group_name, r.logical_date AS "logical_date?", r.data_interval_start AS "run_interval_start?",
                   r.data_interval_end AS "run_interval_end?", r.run_after AS "run_after?",
                   r.started_at AS "started_at?", r.ended_at AS "ended_at?", r.state::text AS state
            FROM dag_run_asset_event t JOIN asset_event e ON e.id = t.asset_event_id JOIN asset a ON a.id = e.asset_id
                 LEFT JOIN dag_run r ON r.id = e.dag_run_id
            WHERE t.dag_run_id = $1 ORDER BY e.id LIMIT $2"#,
            dag_run.0,
            NEWEST_EVENTS
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(EventRow::into_event).collect()
    }
}

type Instant = Option<chrono::DateTime<chrono::Utc>>;

/// An event with what is known of the run behind it.
struct EventRow {
    id: i64,
    at: chrono::DateTime<chrono::Utc>,
    extra: String,
    source_dag_id: Option<String>,
    source_run_id: Option<String>,
    source_task_id: Option<String>,
    source_map_index: i32,
    data_interval_start: Instant,
    data_interval_end: Instant,
    asset_id: i64,
    uri: String,
    name: String,
    group_name: String,
    logical_date: Instant,
    run_interval_start: Instant,
    run_interval_end: Instant,
    run_after: Instant,
    started_at: Instant,
    ended_at: Instant,
    state: Option<String>,
}

impl EventRow {
    fn into_event(self) -> Result<AssetEvent, sqlx::Error> {
        let dag_run = self.run_after.zip(self.state).map(|(run_after, state)| SourceDagRun {
            logical_date: self.logical_date.map(from_sql),
            data_interval: interval(self.run_interval_start, self.run_interval_end),
            run_after: from_sql(run_after),
            start_date: self.started_at.map(from_sql),
            end_date: self.ended_at.map(from_sql),
            state,
        });
        let named = self.source_dag_id.zip(self.source_run_id).zip(self.source_task_id);
        let source = named.map(|((dag_id, run_id), task_id)| EventSource {
            dag_id,
            run_id,
            task_id,
            map_index: self.source_map_index,
            dag_run,
        });
        Ok(AssetEvent {
            id: self.id,
            asset: AssetName { id: self.asset_id, uri: self.uri, name: self.name, group: self.group_name },
            timestamp: from_sql(self.at),
            extra: serde_json::from_str(&self.extra).map_err(|error| sqlx::Error::Decode(error.into()))?,
            source,
            data_interval: interval(self.data_interval_start, self.data_interval_end),
        })
    }
}

fn interval(start: Instant, end: Instant) -> Option<DataInterval> {
    start.zip(end).map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) })
}
