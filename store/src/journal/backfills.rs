//! Runs of backfills, made by the leader.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::backfill::{BackfillStep, Existing};
use model::ids::{DagRunKey, Epoch, TaskIndex};
use model::journal::CommitError;
use model::state::{DagRunState, ReprocessBehavior};

use super::LeaderJournal;
use super::commit::unknown;
use crate::dag_run::{Chosen, ClearSelection, latest_version, mapped, reopen, repin, restart};
use crate::to_sql;

#[cfg(test)]
mod tests;

/// What a step needs to know of its backfill.
struct Facts {
    dag_id: String,
    conf: String,
    reprocess: ReprocessBehavior,
    on_latest_version: bool,
    version: Option<i64>,
    triggering_user: Option<String>,
}

impl LeaderJournal {
    /// Makes runs of backfills, or notes that a backfill has ended; all or nothing. A date that has a run already is
    /// left out or run again, as its backfill says. Of a backfill that is paused or has ended meanwhile nothing is made.
    /// Returns the runs that were made or run again.
    pub async fn run_backfills(
        &self,
        epoch: Epoch,
        steps: &[BackfillStep],
        now: Timestamp,
    ) -> Result<Vec<DagRunKey>, CommitError> {
        let mut transaction = self.pool.begin().await.map_err(unknown)?;
        let leads = sqlx::query!(
            "-- leader_lease.prove\nSELECT id FROM leader_lease WHERE id = 1 AND epoch = $1 FOR SHARE",
            epoch.0
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unknown)?;
        if leads.is_none() {
            return Err(CommitError::Fenced(epoch));
        }
        let mut made = Vec::new();
        for step in steps {
            match step {
                BackfillStep::Create { backfill, ordinals } => {
                    made.extend(create(&mut transaction, *backfill, ordinals, now).await?);
                }
                BackfillStep::Complete { backfill } => complete(&mut transaction, *backfill, now).await?,
            }
        }
        transaction.commit().await.map_err(unknown)?;
        Ok(made)
    }
}

async fn complete(transaction: &mut sqlx::PgTransaction<'_>, backfill: i64, now: Timestamp) -> Result<(), CommitError> {
    sqlx::query!(
        "-- backfill.complete
         UPDATE backfill b SET completed_at = $2, updated_at = $2
         WHERE id = $1 AND completed_at IS NULL AND NOT EXISTS (
            SELECT FROM backfill_dag_run x LEFT JOIN dag_run r ON r.id = x.dag_run_id
            WHERE x.backfill_id = b.id AND x.left_out IS NULL
              AND (x.dag_run_id IS NULL OR r.state IN ('queued', 'running')))",
        backfill,
        to_sql(now)
    )
    .execute(&mut **transaction)
    .await
    .map_err(unknown)?;
    Ok(())
}

async fn create(
    transaction: &mut sqlx::PgTransaction<'_>,
    backfill: i64,
    ordinals: &[i32],
    now: Timestamp,
) -> Result<Vec<DagRunKey>, CommitError> {
    let Some(facts) = facts(transaction, backfill).await? else { return Ok(Vec::new()) };
    let created = insert(transaction, backfill, ordinals, &facts, now).await?;
    let existing = existing(transaction, backfill, ordinals, &created).await?;
    let mut runs: BTreeMap<i32, i64> = created;
    let mut left_out: BTreeMap<i32, &'static str> = BTreeMap::new();
    let mut again = Vec::new();
    for (ordinal, run, state) in existing {
        match facts.reprocess.of(state) {
            Existing::Reprocess => {
                again.push(run);
                runs.insert(ordinal, run);
            }
            Existing::LeaveOut(reason) => drop(left_out.insert(ordinal, reason)),
        }
    }
    run_again(transaction, &again, &facts, now).await?;
    let (ordinals, keys): (Vec<i32>, Vec<i64>) = runs.iter().map(|(ordinal, run)| (*ordinal, *run)).unzip();
    let (out, reasons): (Vec<i32>, Vec<&str>) = left_out.into_iter().unzip();
    sqlx::query!(
        "-- backfill.assign
         WITH assigned AS (
             UPDATE backfill_dag_run x SET dag_run_id = u.run FROM unnest($2::int[], $3::bigint[]) AS u (ordinal, run)
             WHERE x.backfill_id = $1 AND x.ordinal = u.ordinal
         )
         UPDATE backfill_dag_run x SET left_out = u.reason FROM unnest($4::int[], $5::text[]) AS u (ordinal, reason)
         WHERE x.backfill_id = $1 AND x.ordinal = u.ordinal",
        backfill,
        &ordinals,
        &keys,
        &out,
        &reasons as &[&str]
    )
    .execute(&mut **transaction)
    .await
    .map_err(unknown)?;
    Ok(keys.into_iter().map(DagRunKey).collect())
}

/// None: it is paused, has ended, or is gone.
async fn facts(transaction: &mut sqlx::PgTransaction<'_>, backfill: i64) -> Result<Option<Facts>, CommitError> {
    let row = sqlx::query!(
        r#"-- backfill.lock
        SELECT b.dag_id, b.conf::text AS "conf!", b.reprocess_behavior, b.on_latest_version, b.triggering_user,
               d.current_version_id AS "version?"
        FROM backfill b JOIN dag d ON d.dag_id = b.dag_id
        WHERE b.id = $1 AND b.completed_at IS NULL AND NOT b.is_paused FOR UPDATE OF b"#,
        backfill
    )
    .fetch_optional(&mut **transaction)
    .await
    .map_err(unknown)?;
    row.map(|row| {
        Ok(Facts {
            dag_id: row.dag_id,
            conf: row.conf,
            reprocess: row
                .reprocess_behavior
                .parse()
                .map_err(|error: model::state::UnknownName| CommitError::Unknown(error.to_string()))?,
            on_latest_version: row.on_latest_version,
            version: row.version,
            triggering_user: row.triggering_user,
        })
    })
    .transpose()
}

/// Creates the runs of dates that have none, by ordinal.
async fn insert(
    transaction: &mut sqlx::PgTransaction<'_>,
    backfill: i64,
    ordinals: &[i32],
    facts: &Facts,
    now: Timestamp,
) -> Result<BTreeMap<i32, i64>, CommitError> {
    let rows = sqlx::query!(
        r#"-- backfill.create_runs
        WITH wanted AS MATERIALIZED (
            SELECT * FROM backfill_dag_run
            WHERE backfill_id = $1 AND ordinal = ANY($2) AND dag_run_id IS NULL AND left_out IS NULL
        ), created AS (
            INSERT INTO dag_run (dag_id, run_id, dag_version_id, state, run_type, logical_date, data_interval_start,
                                 data_interval_end, run_after, queued_at, conf, triggered_by, triggering_user, params)
            SELECT $3, run_id, $4, 'queued', 'backfill', logical_date, logical_date, interval_end, interval_end, $5,
                   $6::text::json, 'backfill', $7,
                   COALESCE((SELECT jsonb_object_agg(p.key, p.value -> 'default')
                             FROM dag_version v, json_each(v.spec -> 'params') AS p
                             WHERE v.id = $4 AND (p.value -> 'default') IS NOT NULL), '{}') || $6::text::jsonb
            FROM wanted WHERE $4::bigint IS NOT NULL ORDER BY ordinal
            ON CONFLICT DO NOTHING
            RETURNING id, logical_date
        )
        SELECT w.ordinal, c.id FROM created c JOIN wanted w ON w.logical_date = c.logical_date"#,
        backfill,
        ordinals,
        facts.dag_id,
        facts.version,
        to_sql(now),
        facts.conf,
        facts.triggering_user
    )
    .fetch_all(&mut **transaction)
    .await
    .map_err(unknown)?;
    Ok(rows.into_iter().map(|row| (row.ordinal, row.id)).collect())
}

/// The runs, locked, that the other dates have.
async fn existing(
    transaction: &mut sqlx::PgTransaction<'_>,
    backfill: i64,
    ordinals: &[i32],
    created: &BTreeMap<i32, i64>,
) -> Result<Vec<(i32, i64, DagRunState)>, CommitError> {
    let others: Vec<i32> = ordinals.iter().copied().filter(|ordinal| !created.contains_key(ordinal)).collect();
    let rows = sqlx::query!(
        r#"-- backfill.existing
        SELECT x.ordinal, r.id, r.state::text AS "state!"
        FROM backfill_dag_run x JOIN backfill b ON b.id = x.backfill_id
        JOIN dag_run r ON r.dag_id = b.dag_id AND (r.logical_date = x.logical_date OR r.run_id = x.run_id)
        WHERE x.backfill_id = $1 AND x.ordinal = ANY($2) AND x.dag_run_id IS NULL AND x.left_out IS NULL
        ORDER BY r.id FOR UPDATE OF r"#,
        backfill,
        &others
    )
    .fetch_all(&mut **transaction)
    .await
    .map_err(unknown)?;
    rows.into_iter()
        .map(|row| {
            let state = row
                .state
                .parse()
                .map_err(|error: model::state::UnknownName| CommitError::Unknown(error.to_string()))?;
            Ok((row.ordinal, row.id, state))
        })
        .collect()
}

/// Clears runs that ended, which from now on are the backfill's.
async fn run_again(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
    facts: &Facts,
    now: Timestamp,
) -> Result<(), CommitError> {
    if runs.is_empty() {
        return Ok(());
    }
    let failed = |error: crate::Error| CommitError::Unknown(error.to_string());
    let keys: Vec<DagRunKey> = runs.iter().copied().map(DagRunKey).collect();
    if facts.on_latest_version
        && let Some((version, dag)) = latest_version(transaction, &facts.dag_id).await.map_err(failed)?
    {
        let started: BTreeSet<DagRunKey> = started(transaction, runs, version.0).await?;
        let moving: Vec<_> = keys.iter().copied().filter(|key| started.contains(key)).collect();
        repin(transaction, &moving, version, &mapped(&dag), now).await.map_err(failed)?;
    }
    let rows = sqlx::query!(
        r#"-- task_instance.of_runs
        SELECT dag_run_id, task_index, map_index FROM task_instance
        WHERE dag_run_id = ANY($1) AND state NOT IN ('none', 'restarting', 'removed')"#,
        runs
    )
    .fetch_all(&mut **transaction)
    .await
    .map_err(unknown)?;
    let chosen: Vec<Chosen> = rows
        .into_iter()
        .map(|row| Chosen::ended(DagRunKey(row.dag_run_id), TaskIndex(row.task_index.cast_unsigned()), row.map_index))
        .collect();
    restart(transaction, &chosen, now).await.map_err(failed)?;
    reopen(transaction, runs, &ClearSelection::default(), now).await.map_err(failed)?;
    sqlx::query!(
        "-- dag_run.relabel
         UPDATE dag_run SET run_type = 'backfill', conf = $2::text::json,
             params = (params::jsonb || $2::text::jsonb)::json
         WHERE id = ANY($1)",
        runs,
        facts.conf
    )
    .execute(&mut **transaction)
    .await
    .map_err(unknown)?;
    Ok(())
}

/// Those of the runs that have task instances and another version.
async fn started(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
    version: i64,
) -> Result<BTreeSet<DagRunKey>, CommitError> {
    let rows = sqlx::query_scalar!(
        "-- backfill.to_repin
         SELECT id FROM dag_run r WHERE id = ANY($1) AND dag_version_id <> $2
           AND EXISTS (SELECT FROM task_instance t WHERE t.dag_run_id = r.id)",
        runs,
        version
    )
    .fetch_all(&mut **transaction)
    .await
    .map_err(unknown)?;
    Ok(rows.into_iter().map(DagRunKey).collect())
}
