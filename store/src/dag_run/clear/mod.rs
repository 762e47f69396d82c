//! Letting task instances start over.

mod repin;
mod selection;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::dag::Dag;
use model::ids::{DagRunKey, DagVersionKey, TaskIndex};
use model::mapping::levels;

use crate::event_log::{By, record_task_instances};
use crate::read::api::{TaskInstanceFilter, TaskInstanceRow, task_instances};
use crate::{Error, Result, Store, to_sql};

pub(crate) use repin::repin;
pub use selection::{ClearRuns, ClearSelection};
use selection::{Pinned, Positions};

/// What starts over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The tasks, in the DAG's order.
    pub task_ids: Vec<String>,
    /// Each task instance by its run, task and element, in that order; after a clear that pinned runs anew by where it
    /// is then.
    pub keys: Vec<(DagRunKey, TaskIndex, i32)>,
    /// Tasks that runs get with their new version, by run and task id.
    pub added: Vec<(String, String)>,
}

/// Why nothing was cleared.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// The selection refuses it while one of its task instances holds a slot.
    #[error("task `{0}` is running")]
    Running(String),
    /// Earlier and later are said of logical dates.
    #[error("run `{0}` has no logical date, so no run is earlier or later")]
    NoLogicalDate(String),
    /// There is no such run or task, or the database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for ClearError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A run whose row is locked.
pub(super) struct LockedRun {
    pub(super) key: DagRunKey,
    pub(super) run_id: String,
    pub(super) version: DagVersionKey,
}

/// A task instance that is to start over.
pub(crate) struct Chosen {
    pub(super) run: DagRunKey,
    pub(super) version: Option<DagVersionKey>,
    pub(super) task: TaskIndex,
    pub(super) map_index: i32,
    pub(super) holds_slot: bool,
}

impl Chosen {
    /// One of a run that has ended.
    pub(crate) const fn ended(run: DagRunKey, task: TaskIndex, map_index: i32) -> Self {
        Self { run, version: None, task, map_index, holds_slot: false }
    }
}

impl Store {
    /// Lets task instances start over, and runs that have ended run again. What holds a slot becomes restarting: the
    /// leader stops it first. Attempts that ended well go to the history. Nothing is changed when no task instance is
    /// as the selection says, or when it is a dry run.
    pub async fn clear_task_instances(
        &self,
        dag_id: &str,
        runs: &ClearRuns,
        selection: &ClearSelection,
        by: &By,
    ) -> Result<Cleared, ClearError> {
        let mut transaction = self.pool().begin().await?;
        let cleared = clear(&mut transaction, dag_id, runs, selection, by).await?;
        transaction.commit().await?;
        Ok(cleared)
    }

    /// The same, with the task instances as they are then, and as the leader has not seen them yet: it may start them as
    /// soon as this is over.
    pub async fn clear_and_read_task_instances(
        &self,
        dag_id: &str,
        runs: &ClearRuns,
        selection: &ClearSelection,
        by: &By,
    ) -> Result<(Cleared, Vec<TaskInstanceRow>), ClearError> {
        let mut transaction = self.pool().begin().await?;
        let cleared = clear(&mut transaction, dag_id, runs, selection, by).await?;
        let filter = TaskInstanceFilter { keys: Some(cleared.keys.clone()), ..TaskInstanceFilter::default() };
        let rows = task_instances::all(&mut *transaction, &filter).await?;
        transaction.commit().await?;
        Ok((cleared, rows))
    }
}

async fn clear(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_id: &str,
    runs: &ClearRuns,
    selection: &ClearSelection,
    by: &By,
) -> Result<Cleared, ClearError> {
    let runs = lock_runs(transaction, dag_id, runs).await?;
    let mut versions = load_versions(transaction, dag_id, &runs).await?;
    let latest = if selection.repins() { latest_version(transaction, dag_id).await? } else { None };
    let positions = selection.positions(&versions, latest.as_ref().map(|(_, dag)| dag)).map_err(|task_id| {
        let what = match &runs[..] {
            [run] => format!("task `{task_id}` in run `{}` of DAG `{dag_id}`", run.run_id),
            _ => format!("task `{task_id}` in DAG `{dag_id}`"),
        };
        Error::NotFound { what }
    })?;
    let mut chosen = choose(transaction, &runs, &selection.states(), &positions).await?;
    let name = |versions: &HashMap<DagVersionKey, Pinned>, chosen: &Chosen| {
        chosen
            .version
            .and_then(|key| versions.get(&key))
            .map(|pinned| pinned.dag.task(chosen.task).task_id.clone())
            .unwrap_or_default()
    };
    if let Some(running) = chosen.iter().find(|chosen| selection.refuses_running && chosen.holds_slot) {
        return Err(ClearError::Running(name(&versions, running)));
    }
    let mut names: Vec<_> = chosen.iter().map(|chosen| name(&versions, chosen)).collect();
    let mut cleared = Cleared::default();
    let mut touched: BTreeSet<DagRunKey> = chosen.iter().map(|chosen| chosen.run).collect();
    if let Some((latest, dag)) = &latest {
        let moving: Vec<&LockedRun> = runs.iter().filter(|run| run.version != *latest).collect();
        let started = started(transaction, &moving).await?;
        for run in moving.iter().filter(|run| started.contains(&run.key)) {
            let Some(pinned) = versions.get(&run.version) else { continue };
            let new = dag.tasks.iter().filter(|task| pinned.dag.index_of(&task.task_id).is_none());
            let new: Vec<_> = new.map(|task| (run.run_id.clone(), task.task_id.clone())).collect();
            if touched.contains(&run.key) || !new.is_empty() {
                touched.insert(run.key);
                names.extend(new.iter().map(|(_, task_id)| task_id.clone()));
                cleared.added.extend(new);
            }
        }
        if !selection.is_dry_run {
            record(transaction, by, selection, &touched, &chosen).await?;
            let keys: Vec<_> = moving.iter().map(|run| run.key).filter(|run| touched.contains(run)).collect();
            let added = repin(transaction, &keys, *latest, &mapped(dag), by.at).await?;
            for chosen in &mut chosen {
                let task_id = name(&versions, chosen);
                if let Some(index) = dag.index_of(&task_id) {
                    (chosen.task, chosen.version) = (index, Some(*latest));
                }
            }
            cleared.keys.extend(added.into_iter().map(|(run, task)| (run, task, -1)));
        }
    }
    if !touched.is_empty() && !selection.is_dry_run {
        if latest.is_none() {
            record(transaction, by, selection, &touched, &chosen).await?;
        }
        let touched: Vec<i64> = touched.iter().map(|run| run.0).collect();
        restart(transaction, &chosen, by.at).await?;
        reopen(transaction, &touched, selection, by.at).await?;
    }
    cleared.keys.extend(chosen.iter().map(|chosen| (chosen.run, chosen.task, chosen.map_index)));
    cleared.keys.sort_unstable();
    cleared.task_ids =
        in_order(names, latest.map(|(_, dag)| dag).into_iter().chain(versions.drain().map(|(_, pinned)| pinned.dag)));
    Ok(cleared)
}

/// What starts over, as it is before.
async fn record(
    transaction: &mut sqlx::PgTransaction<'_>,
    by: &By,
    selection: &ClearSelection,
    touched: &BTreeSet<DagRunKey>,
    chosen: &[Chosen],
) -> Result<()> {
    let keys: Vec<_> = chosen.iter().map(|chosen| (chosen.run, chosen.task, chosen.map_index)).collect();
    let (name, conf) = match &selection.conf {
        Some((conf, _)) => ("rerun_dag_run", Some(conf)),
        None => ("post_clear_task_instances", None),
    };
    let after = serde_json::json!({
        "task_instances": "none", "run_on_latest_version": selection.on_latest_version, "conf": conf,
        "note": selection.note,
    });
    record_task_instances(transaction, by, name, touched, &keys, &after).await
}

/// Names without repetition, in the order of the first DAG that has each.
fn in_order(names: Vec<String>, dags: impl Iterator<Item = Dag>) -> Vec<String> {
    let mut wanted: BTreeSet<String> = names.into_iter().collect();
    let mut ordered = Vec::new();
    for dag in dags {
        ordered.extend(dag.tasks.iter().filter_map(|task| wanted.take(&task.task_id)));
    }
    ordered
}

/// Locks the runs, in the order of their keys.
pub(super) async fn lock_runs(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_id: &str,
    runs: &ClearRuns,
) -> Result<Vec<LockedRun>, ClearError> {
    let missing = |run_id: &str| Error::NotFound { what: format!("run `{run_id}` of DAG `{dag_id}`") };
    let (run_id, bounds) = match runs {
        ClearRuns::One(run_id) => (Some(run_id), None),
        ClearRuns::Around { run_id, past, future } => {
            let about = sqlx::query_scalar!(
                "-- dag_run.logical_date\nSELECT logical_date FROM dag_run WHERE dag_id = $1 AND run_id = $2",
                dag_id,
                run_id
            )
            .fetch_optional(&mut **transaction)
            .await?;
            let about = about.ok_or_else(|| missing(run_id))?;
            let about = about.ok_or_else(|| ClearError::NoLogicalDate(run_id.clone()))?;
            (Some(run_id), Some(((!past).then_some(about), (!future).then_some(about))))
        }
        ClearRuns::Between { start, end } => (None, Some((start.map(to_sql), end.map(to_sql)))),
    };
    let (start, end) = bounds.unwrap_or_default();
    let rows = sqlx::query!(
        "-- dag_run.lock_all
         SELECT id, run_id, dag_version_id FROM dag_run
         WHERE dag_id = $1 AND (run_id = $2 OR ($3 AND ($4::timestamptz IS NULL OR logical_date >= $4)
                                                   AND ($5::timestamptz IS NULL OR logical_date <= $5)))
         ORDER BY id FOR UPDATE",
        dag_id,
        run_id,
        bounds.is_some(),
        start,
        end
    )
    .fetch_all(&mut **transaction)
    .await?;
    match run_id {
        Some(run_id) if rows.is_empty() => Err(missing(run_id).into()),
        _ => Ok(rows
            .into_iter()
            .map(|row| LockedRun {
                key: DagRunKey(row.id),
                run_id: row.run_id,
                version: DagVersionKey(row.dag_version_id),
            })
            .collect()),
    }
}

/// The versions that runs are pinned to.
pub(super) async fn load_versions(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_id: &str,
    runs: &[LockedRun],
) -> Result<HashMap<DagVersionKey, Pinned>> {
    let keys: BTreeSet<i64> = runs.iter().map(|run| run.version.0).collect();
    let rows = sqlx::query!(
        r#"-- dag_version.specs
        SELECT id, spec::text AS "spec!" FROM dag_version WHERE id = ANY($1)"#,
        &keys.into_iter().collect::<Vec<_>>()
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut versions = HashMap::new();
    for row in rows {
        let (key, dag) = (DagVersionKey(row.id), read(dag_id, &row.spec)?);
        let of_version: Vec<_> = runs.iter().filter(|run| run.version == key).map(|run| run.key).collect();
        let counts =
            if dag.is_mapped() { elements(transaction, &of_version, dag.tasks.len()).await? } else { BTreeMap::new() };
        versions.insert(key, Pinned { dag, counts });
    }
    Ok(versions)
}

/// How many elements each task of each run has.
async fn elements(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[DagRunKey],
    tasks: usize,
) -> Result<BTreeMap<DagRunKey, Vec<u32>>> {
    let keys: Vec<i64> = runs.iter().map(|run| run.0).collect();
    let rows = sqlx::query!(
        r#"-- task_instance.elements
        SELECT dag_run_id, task_index, count(*) AS "count!" FROM task_instance
        WHERE dag_run_id = ANY($1) AND map_index >= 0 AND state <> 'removed' GROUP BY dag_run_id, task_index"#,
        &keys
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut counts: BTreeMap<_, _> = runs.iter().map(|run| (*run, vec![0; tasks])).collect();
    for row in rows {
        let of_run = counts.get_mut(&DagRunKey(row.dag_run_id));
        if let Some(count) = usize::try_from(row.task_index).ok().and_then(|at| of_run?.get_mut(at)) {
            *count = u32::try_from(row.count).unwrap_or(u32::MAX);
        }
    }
    Ok(counts)
}

/// The positions of tasks that are mapped, by themselves or by a group around them.
pub(crate) fn mapped(dag: &Dag) -> Vec<i32> {
    (0_i32..).zip(&dag.tasks).filter(|(_, task)| !levels(dag, task).is_empty()).map(|(position, _)| position).collect()
}

/// The DAG's newest version; none when no file describes it any more.
pub(crate) async fn latest_version(
    transaction: &mut sqlx::PgTransaction<'_>,
    dag_id: &str,
) -> Result<Option<(DagVersionKey, Dag)>> {
    let row = sqlx::query!(
        r#"-- dag.latest_spec
        SELECT v.id, v.spec::text AS "spec!" FROM dag d JOIN dag_version v ON v.id = d.current_version_id
        WHERE d.dag_id = $1"#,
        dag_id
    )
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| Ok((DagVersionKey(row.id), read(dag_id, &row.spec)?))).transpose()
}

fn read(dag_id: &str, spec: &str) -> Result<Dag> {
    serde_json::from_str(spec)
        .map_err(|error| Error::Unreadable { what: format!("the spec of DAG `{dag_id}`"), reason: error.to_string() })
}

/// Those of the runs that the leader has seen.
async fn started(transaction: &mut sqlx::PgTransaction<'_>, runs: &[&LockedRun]) -> Result<BTreeSet<DagRunKey>> {
    let keys: Vec<i64> = runs.iter().map(|run| run.key.0).collect();
    let rows = sqlx::query_scalar!(
        r#"-- task_instance.started
        SELECT r.id AS "id!" FROM unnest($1::bigint[]) AS r (id)
        WHERE EXISTS (SELECT FROM task_instance t WHERE t.dag_run_id = r.id)"#,
        &keys
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(rows.into_iter().map(DagRunKey).collect())
}

/// The task instances at these positions that are in one of these states.
pub(super) async fn choose(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[LockedRun],
    states: &[&str],
    positions: &Positions,
) -> Result<Vec<Chosen>> {
    let keys: Vec<i64> = runs.iter().map(|run| run.key.0).collect();
    let rows = sqlx::query!(
        r#"-- task_instance.choose
        SELECT DISTINCT t.dag_run_id, r.dag_version_id, t.task_index, t.map_index,
               t.state IN ('queued', 'running') AS "holds_slot!"
        FROM dag_run r
        JOIN unnest($2::bigint[], $3::int[], $4::int[], $6::bigint[]) AS p (version, task, element, run)
             ON p.version = r.dag_version_id AND (p.run IS NULL OR p.run = r.id)
        JOIN task_instance t ON t.dag_run_id = r.id AND t.task_index = p.task
        WHERE r.id = ANY($1) AND (p.element IS NULL OR t.map_index = p.element)
          AND t.state = ANY($5::text[]::task_instance_state[])
        ORDER BY t.dag_run_id, t.task_index, t.map_index"#,
        &keys,
        &positions.version,
        &positions.task,
        &positions.element as &[Option<i32>],
        states as &[&str],
        &positions.run as &[Option<i64>]
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Chosen {
            run: DagRunKey(row.dag_run_id),
            version: Some(DagVersionKey(row.dag_version_id)),
            task: TaskIndex(row.task_index.cast_unsigned()),
            map_index: row.map_index,
            holds_slot: row.holds_slot,
        })
        .collect())
}

/// Sets the task instances back to where they have not started, or tells the leader to stop them first.
pub(crate) async fn restart(
    transaction: &mut sqlx::PgTransaction<'_>,
    chosen: &[Chosen],
    now: Timestamp,
) -> Result<()> {
    let runs: Vec<i64> = chosen.iter().map(|chosen| chosen.run.0).collect();
    let tasks: Vec<i32> = chosen.iter().map(|chosen| chosen.task.0.cast_signed()).collect();
    let elements: Vec<i32> = chosen.iter().map(|chosen| chosen.map_index).collect();
    sqlx::query!(
        "-- task_instance.clear
         WITH chosen AS MATERIALIZED (
             SELECT t.*, k.retries FROM unnest($1::bigint[], $2::int[], $3::int[]) AS u (dag_run_id, task_index, map_index)
             JOIN task_instance t ON t.dag_run_id = u.dag_run_id AND t.task_index = u.task_index
                                 AND t.map_index = u.map_index
             JOIN dag_run r ON r.id = t.dag_run_id
             JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
             WHERE t.state <> 'removed'
         ), history AS (
             INSERT INTO attempt (dag_run_id, task_index, map_index, try_number, attempt_token, state, pid,
                                  scheduled_at, queued_at, started_at, ended_at)
             SELECT dag_run_id, task_index, map_index, try_number, attempt_token,
                    CASE WHEN state IN ('success', 'failed', 'skipped') THEN state::text ELSE 'cancelled' END, pid,
                    scheduled_at, queued_at, started_at, COALESCE(ended_at, $4)
             FROM chosen
             WHERE state IN ('success', 'failed', 'skipped', 'deferred', 'awaiting_input', 'up_for_reschedule')
               AND try_number > 0
             ON CONFLICT DO NOTHING
         ), unmarked AS (
             DELETE FROM mark m USING chosen c
             WHERE m.dag_run_id = c.dag_run_id AND m.task_index = c.task_index AND m.map_index = c.map_index
         )
         UPDATE task_instance t SET
             state = CASE WHEN c.state IN ('queued', 'running')
                          THEN 'restarting'::task_instance_state ELSE 'none' END,
             max_tries = c.try_number + c.retries + 1, ended_at = NULL, retry_at = NULL
         FROM chosen c
         WHERE t.dag_run_id = c.dag_run_id AND t.task_index = c.task_index AND t.map_index = c.map_index",
        &runs,
        &tasks,
        &elements,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Lets runs that have ended run again, unless they are to stay, and tells the leader of all of them.
pub(crate) async fn reopen(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
    selection: &ClearSelection,
    now: Timestamp,
) -> Result<()> {
    crate::dag_run::delete_task::bring_back(transaction, runs).await?;
    sqlx::query!(
        "-- dag_run.clear
         WITH noted AS (
             INSERT INTO change (dag_run_id) SELECT unnest($1::bigint[])
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', 'run:' || id || '*') FROM unnest($1::bigint[]) AS r (id) LIMIT 100
         ), reopened AS MATERIALIZED (
             SELECT id FROM dag_run WHERE id = ANY($1) AND state IN ('success', 'failed') AND NOT $4
         )
         UPDATE dag_run r SET version = version + 1, note = COALESCE($3, note), conf = COALESCE($5::text::json, conf),
             params = COALESCE($6::text::json, params),
             queued_at = CASE WHEN o.id IS NOT NULL THEN $2 ELSE queued_at END,
             started_at = CASE WHEN o.id IS NOT NULL THEN NULL ELSE started_at END,
             ended_at = CASE WHEN o.id IS NOT NULL THEN NULL ELSE ended_at END,
             reason = CASE WHEN o.id IS NOT NULL THEN NULL ELSE reason END,
             state = CASE WHEN o.id IS NOT NULL THEN 'queued'::dag_run_state ELSE state END
         FROM (SELECT count(*) FROM notified) AS n, unnest($1::bigint[]) AS u (id) LEFT JOIN reopened o ON o.id = u.id
         WHERE r.id = u.id",
        runs,
        to_sql(now),
        selection.note.as_deref(),
        selection.keeps_run_state,
        selection.conf.as_ref().map(|(conf, _)| json(conf)),
        selection.conf.as_ref().map(|(_, params)| json(params))
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn json(map: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::Value::from(map.clone()).to_string()
}
