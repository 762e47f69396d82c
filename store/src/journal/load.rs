//! Reading DAGs, versions and runs into the leader's memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::dag::Dag;
use model::dag_run::{DagRunFacts, DataInterval};
use model::ids::{AttemptToken, DagRunKey, DagVersionKey, TaskIndex, TaskInstanceKey};
use model::journal::{ChoiceRow, DagRow, DagRunRow, DagVersion, TaskInstanceRow};
use model::mapping::Elements;
use model::pool::Pool;
use model::state::{DagRunType, TriggeredBy};
use model::template::{Fetched, Need, PreviousSuccess};
use model::wait::WaitRow;

use super::LeaderJournal;
use crate::pools::from_columns;
use crate::waiting::WaitColumns;
use crate::{Keyring, from_sql};

impl LeaderJournal {
    /// The DAGs with these ids, or all.
    pub async fn dags(&self, only: Option<&[String]>) -> Result<Vec<DagRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- dag.load
             SELECT d.dag_id, is_paused, is_stale, current_version_id, last_interval_start, last_interval_end,
                    d.created_at, skip_next,
                    (SELECT json_agg(json_build_object('task_id', t.task_id, 'dag_run', t.dag_run_id,
                                                       'disabled_by', t.disabled_by))
                     FROM disabled_task t LEFT JOIN dag_run r ON r.id = t.dag_run_id
                     WHERE t.dag_id = d.dag_id AND (t.dag_run_id IS NULL OR r.state IN ('queued', 'running'))
                    )::text AS disabled_tasks,
                    (SELECT json_build_object('id', b.id, 'is_paused', b.is_paused, 'max_active_runs', b.max_active_runs,
                        'pending', COALESCE((SELECT json_agg(json_build_object('ordinal', p.ordinal, 'data_interval',
                            json_build_object('start', p.logical_date, 'end', p.interval_end)) ORDER BY p.ordinal)
                         FROM (SELECT * FROM backfill_dag_run x
                               WHERE x.backfill_id = b.id AND x.dag_run_id IS NULL AND x.left_out IS NULL
                               ORDER BY x.ordinal LIMIT b.max_active_runs) AS p), '[]'))
                     FROM backfill b WHERE b.dag_id = d.dag_id AND b.completed_at IS NULL)::text AS backfill,
                    (SELECT json_agg(json_build_object('id', q.id, 'uri', a.uri, 'at', e.at, 'data_interval',
                        CASE WHEN q.data_interval_start IS NOT NULL THEN json_build_object(
                            'start', q.data_interval_start, 'end', q.data_interval_end) END) ORDER BY q.id)
                     FROM (SELECT max(asset_event_id) AS id, asset_id, data_interval_start, data_interval_end
                           FROM asset_queue WHERE dag_id = d.dag_id
                           GROUP BY asset_id, data_interval_start, data_interval_end) AS q
                          JOIN asset_event e ON e.id = q.id JOIN asset a ON a.id = q.asset_id)::text AS queued_events
             FROM dag d WHERE $1::text[] IS NULL OR d.dag_id = ANY($1)"#,
            only
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(DagRow {
                    dag_id: row.dag_id,
                    is_paused: row.is_paused,
                    is_stale: row.is_stale,
                    current_version: row.current_version_id.map(DagVersionKey),
                    last_interval: row
                        .last_interval_start
                        .zip(row.last_interval_end)
                        .map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) }),
                    known_since: Some(from_sql(row.created_at)),
                    skip_next: row.skip_next.cast_unsigned(),
                    disabled_tasks: json(row.disabled_tasks.as_deref())?.unwrap_or_default(),
                    backfill: json(row.backfill.as_deref())?,
                    queued_events: json(row.queued_events.as_deref())?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// All pools.
    pub async fn pools(&self) -> Result<Vec<Pool>, sqlx::Error> {
        let rows = sqlx::query!("-- pool.load\nSELECT name, slots, include_deferred, rate FROM pool ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| from_columns(row.name, row.slots, row.include_deferred, row.rate.as_deref()))
            .collect())
    }

    /// DAG versions.
    pub async fn dag_versions(&self, keys: &[DagVersionKey]) -> Result<Vec<DagVersion>, sqlx::Error> {
        let keys: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let rows = sqlx::query!(
            r#"-- dag_version.load
            SELECT id, spec::text AS "spec!", fileloc FROM dag_version WHERE id = ANY($1)"#,
            &keys
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let dag: Dag = serde_json::from_str(&row.spec).map_err(|error| sqlx::Error::Decode(error.into()))?;
                let fileloc = Arc::new(PathBuf::from(row.fileloc));
                Ok(DagVersion { key: DagVersionKey(row.id), dag: Arc::new(dag), fileloc })
            })
            .collect()
    }

    /// The runs with these keys whatever their state, or all unfinished ones, each with its task instances.
    pub async fn dag_runs(&self, only: Option<&[DagRunKey]>) -> Result<Vec<DagRunRow>, sqlx::Error> {
        let only: Option<Vec<i64>> = only.map(|keys| keys.iter().map(|key| key.0).collect());
        let mut transaction = self.pool.begin().await?;
        // Both statements must see the same moment, or a run could come with rows of another version of itself.
        sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *transaction).await?;
        let runs = sqlx::query!(
            r#"-- dag_run.load
            SELECT r.id, r.dag_id, r.run_id, r.dag_version_id, r.version, r.state::text AS "state!",
                   r.run_type::text AS "run_type!", r.logical_date, r.data_interval_start, r.data_interval_end,
                   r.run_after, r.queued_at, r.started_at, r.conf::text AS "conf!", r.params::text AS "params!", r.triggered_by
            FROM dag_run r
            WHERE ($1::bigint[] IS NULL AND r.state IN ('queued', 'running')) OR r.id = ANY($1)
            ORDER BY r.id"#,
            only.as_deref()
        )
        .fetch_all(&mut *transaction)
        .await?;
        let keys: Vec<i64> = runs.iter().map(|run| run.id).collect();
        let task_instances = sqlx::query!(
            r#"-- task_instance.load
            SELECT dag_run_id, task_index, map_index, state::text AS "state!", try_number, max_tries, attempt_token,
                   pid, scheduled_at, queued_at, started_at, ended_at, retry_at
            FROM task_instance WHERE dag_run_id = ANY($1)
            ORDER BY dag_run_id, task_index, map_index"#,
            &keys
        )
        .fetch_all(&mut *transaction)
        .await?;
        let choices = sqlx::query!(
            r#"-- xcom.choices
            SELECT dag_run_id, task_id, map_index, value::text AS "value!" FROM xcom
            WHERE dag_run_id = ANY($1) AND key = $2"#,
            &keys,
            model::xcom::CHOICE
        )
        .fetch_all(&mut *transaction)
        .await?;
        let mut waits = waits(&mut transaction, &keys, &self.keys).await?;
        transaction.commit().await?;
        let mut choices_by_run: HashMap<i64, Vec<ChoiceRow>> = HashMap::new();
        for row in choices {
            let value = serde_json::from_str(&row.value).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let choice = ChoiceRow { task_id: row.task_id, map_index: row.map_index, value };
            choices_by_run.entry(row.dag_run_id).or_default().push(choice);
        }
        let mut by_run: HashMap<i64, Vec<TaskInstanceRow>> = HashMap::new();
        for row in task_instances {
            let key = TaskInstanceKey {
                dag_run: DagRunKey(row.dag_run_id),
                task: TaskIndex(row.task_index.cast_unsigned()),
                map_index: row.map_index,
            };
            by_run.entry(row.dag_run_id).or_default().push(TaskInstanceRow {
                key,
                state: decode(&row.state)?,
                try_number: row.try_number.cast_unsigned(),
                max_tries: row.max_tries.cast_unsigned(),
                attempt_token: row.attempt_token.map(AttemptToken),
                pid: row.pid,
                scheduled_at: row.scheduled_at.map(from_sql),
                queued_at: row.queued_at.map(from_sql),
                started_at: row.started_at.map(from_sql),
                ended_at: row.ended_at.map(from_sql),
                retry_at: row.retry_at.map(from_sql),
            });
        }
        runs.into_iter()
            .map(|run| {
                let interval = run.data_interval_start.zip(run.data_interval_end);
                let facts = DagRunFacts {
                    key: DagRunKey(run.id),
                    dag_id: run.dag_id,
                    run_id: run.run_id,
                    run_type: decode::<DagRunType>(&run.run_type)?,
                    logical_date: run.logical_date.map(from_sql),
                    data_interval: interval
                        .map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) }),
                    run_after: from_sql(run.run_after),
                    conf: object(&run.conf)?,
                    params: object(&run.params)?,
                    started_at: run.started_at.map(from_sql),
                    triggered_by: decode::<TriggeredBy>(&run.triggered_by)?,
                };
                Ok(DagRunRow {
                    dag_version: DagVersionKey(run.dag_version_id),
                    version: run.version,
                    state: decode(&run.state)?,
                    queued_at: from_sql(run.queued_at),
                    task_instances: by_run.remove(&run.id).unwrap_or_default(),
                    choices: choices_by_run.remove(&run.id).unwrap_or_default(),
                    waits: waits.remove(&run.id).unwrap_or_default(),
                    facts,
                })
            })
            .collect()
    }

    /// Values that a template of a run needs.
    pub async fn fetch(&self, dag_run: DagRunKey, needs: &[Need]) -> Result<Fetched, sqlx::Error> {
        let mut fetched = Fetched::default();
        for need in needs {
            match need {
                Need::XCom { task_id, key, elements } => {
                    let value = self.xcom(dag_run, task_id, key, *elements).await?;
                    fetched.xcoms.insert((task_id.clone(), key.clone()), value);
                }
                Need::AssetEvents { uri } => {
                    fetched.asset_events.insert(uri.clone(), self.asset_events(uri).await?);
                }
                Need::TriggeringAssetEvents => {
                    fetched.triggering_asset_events = Some(self.triggering_asset_events(dag_run).await?);
                }
                Need::PreviousSuccess => fetched.previous_success = Some(self.previous_success(dag_run).await?),
                // Not of a run, and perhaps not in the database: who asks looks them up.
                Need::Variable(_) | Need::Connection(_) => {}
            }
        }
        Ok(fetched)
    }

    /// An XCom of instances of a task: of one, its value, none when there is no such one; of several, the list of those
    /// that there are, in the order of their map indexes.
    pub async fn xcom(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        key: &str,
        elements: Elements,
    ) -> Result<Option<serde_json::Value>, sqlx::Error> {
        let (from, until) = match elements {
            Elements::One(map_index) => (map_index, map_index.saturating_add(1)),
            Elements::Range(from, until) => (from, until),
        };
        let values = sqlx::query_scalar!(
            r#"-- xcom.value
            SELECT value::text AS "value!" FROM xcom
            WHERE dag_run_id = $1 AND task_id = $2 AND map_index >= $4 AND map_index < $5 AND key = $3
            ORDER BY map_index"#,
            dag_run.0,
            task_id,
            key,
            from,
            until
        )
        .fetch_all(&self.pool)
        .await?;
        let read = |text: String| serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()));
        match elements {
            Elements::One(_) => values.into_iter().next().map(read).transpose(),
            Elements::Range(..) => values.into_iter().map(read).collect::<Result<_, _>>().map(Some),
        }
    }

    /// The last successful run of the same DAG before this one, by logical date.
    pub async fn previous_success(&self, dag_run: DagRunKey) -> Result<Option<PreviousSuccess>, sqlx::Error> {
        let row = sqlx::query!(
            "-- dag_run.previous_success
             SELECT p.data_interval_start, p.data_interval_end, p.started_at, p.ended_at
             FROM dag_run r JOIN dag_run p ON p.dag_id = r.dag_id AND p.logical_date < r.logical_date
             WHERE r.id = $1 AND p.state = 'success'
             ORDER BY p.logical_date DESC LIMIT 1",
            dag_run.0
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| PreviousSuccess {
            data_interval: row
                .data_interval_start
                .zip(row.data_interval_end)
                .map(|(start, end)| DataInterval { start: from_sql(start), end: from_sql(end) }),
            started_at: row.started_at.map(from_sql),
            ended_at: row.ended_at.map(from_sql),
        }))
    }
}

/// The waits of runs.
async fn waits(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
    keys: &Keyring,
) -> Result<HashMap<i64, Vec<WaitRow>>, sqlx::Error> {
    let rows = sqlx::query_as!(
        WaitColumns,
        r#"-- waiting.load
        SELECT dag_run_id, task_index, map_index, attempt_token, max_tries, awaited::text AS "awaited!", since, deadline,
               looked_at, looks, saw
        FROM waiting WHERE dag_run_id = ANY($1)"#,
        runs
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut by_run: HashMap<i64, Vec<WaitRow>> = HashMap::new();
    for row in rows {
        by_run.entry(row.dag_run_id).or_default().push(row.open(keys)?);
    }
    Ok(by_run)
}

fn decode<T: std::str::FromStr<Err = model::state::UnknownName>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: model::state::UnknownName| sqlx::Error::Decode(error.into()))
}

fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn json<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, sqlx::Error> {
    text.map(|text| serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))).transpose()
}
