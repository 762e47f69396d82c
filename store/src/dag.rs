//! DAGs and their versions.

mod delete;
mod favorite;
mod file_request;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use model::dag_file::Parsed;
use model::ids::DagVersionKey;
use serde_json::json;

pub use delete::DagDeletion;
pub use favorite::FavoriteChange;

use crate::event_log::{By, Event};
use crate::{Error, Result, Store, to_sql};

/// A file's DAG, to be saved.
#[derive(Debug, Clone, Copy)]
pub struct SavedDag<'a> {
    /// The DAG and the hash of its content.
    pub parsed: &'a Parsed,
    /// Path of the file below the DAG folder.
    pub relative_fileloc: &'a str,
    /// Its absolute path.
    pub fileloc: &'a str,
    /// Its text.
    pub source: &'a str,
    /// How long reading and checking took.
    pub parse_duration_ms: f64,
    /// Whether the DAG starts paused, if it is new.
    pub is_paused_at_creation: bool,
}

/// What saving a DAG came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveOutcome {
    /// The version in force.
    pub version: DagVersionKey,
    /// Its number, from 1.
    pub version_number: i32,
    /// Whether it was made by this call.
    pub is_new_version: bool,
}

impl Store {
    /// Makes what a file says the DAG's current version. A content that is the current version's already makes no
    /// new one. Takes the file's import error back. Nothing is saved when a task names a pool that does not exist.
    pub async fn save_dag(&self, saved: &SavedDag<'_>, now: Timestamp) -> Result<SaveOutcome> {
        let dag = &saved.parsed.dag;
        let mut transaction = self.pool().begin().await?;
        check_pools(&mut transaction, saved.parsed).await?;
        sqlx::query!(
            "-- dag.save
             INSERT INTO dag (dag_id, is_paused, fileloc, relative_fileloc, description, owner, tags, last_parsed_at,
                              last_parse_duration_ms, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)
             ON CONFLICT (dag_id) DO UPDATE SET is_stale = false, has_import_errors = false, fileloc = $3,
                 relative_fileloc = $4, description = $5, owner = $6, tags = $7, last_parsed_at = $8,
                 last_parse_duration_ms = $9",
            dag.dag_id,
            saved.is_paused_at_creation,
            saved.fileloc,
            saved.relative_fileloc,
            dag.description,
            dag.owner,
            &dag.tags,
            to_sql(now),
            saved.parse_duration_ms
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("-- import_error.clear\nDELETE FROM import_error WHERE filename = $1", saved.relative_fileloc)
            .execute(&mut *transaction)
            .await?;
        let current = sqlx::query!(
            "-- dag_version.current
             SELECT v.id, v.version_number, v.content_hash
             FROM dag d JOIN dag_version v ON v.id = d.current_version_id WHERE d.dag_id = $1",
            dag.dag_id
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let outcome = match current {
            Some(current) if current.content_hash == saved.parsed.content_hash => SaveOutcome {
                version: DagVersionKey(current.id),
                version_number: current.version_number,
                is_new_version: false,
            },
            _ => insert_version(&mut transaction, saved, now).await?,
        };
        note_change(&mut transaction, &dag.dag_id).await?;
        transaction.commit().await?;
        Ok(outcome)
    }

    /// Which file describes each DAG that is not stale: `(dag_id, path below the folder)`.
    pub async fn dag_files(&self) -> Result<Vec<(String, String)>> {
        let rows =
            sqlx::query!("-- dag.files\nSELECT dag_id, relative_fileloc FROM dag WHERE NOT is_stale ORDER BY dag_id")
                .fetch_all(self.pool())
                .await?;
        Ok(rows.into_iter().map(|row| (row.dag_id, row.relative_fileloc)).collect())
    }

    /// The files that a DAG or an import error is listed for, as paths below the folder.
    pub async fn known_files(&self) -> Result<Vec<String>> {
        let files = sqlx::query_scalar!(
            r#"-- dag.known_files
            SELECT relative_fileloc AS "file!" FROM dag WHERE NOT is_stale UNION SELECT filename FROM import_error"#
        )
        .fetch_all(self.pool())
        .await?;
        Ok(files)
    }

    /// The DAGs of files that are gone become stale, and the files' import errors go. Returns those DAGs.
    pub async fn mark_files_gone(&self, relative_filelocs: &[String]) -> Result<Vec<String>> {
        let rows = sqlx::query_scalar!(
            "-- dag.mark_stale
             WITH errors AS (
                 DELETE FROM import_error WHERE filename = ANY($1)
             ), stale AS (
                 UPDATE dag SET is_stale = true, has_import_errors = false
                 WHERE relative_fileloc = ANY($1) AND NOT is_stale RETURNING dag_id
             ), changed AS (
                 INSERT INTO change (dag_id) SELECT dag_id FROM stale
             )
             SELECT dag_id FROM stale ORDER BY dag_id",
            relative_filelocs
        )
        .fetch_all(self.pool())
        .await?;
        self.notify_change().await?;
        Ok(rows)
    }

    /// A DAG as new runs of it are; none when there is none of that name or no file describes it any more.
    pub async fn current_dag(&self, dag_id: &str) -> Result<Option<model::dag::Dag>> {
        let spec = sqlx::query_scalar!(
            r#"-- dag.current_spec
            SELECT v.spec::text AS "spec!" FROM dag d JOIN dag_version v ON v.id = d.current_version_id
            WHERE d.dag_id = $1 AND NOT d.is_stale"#,
            dag_id
        )
        .fetch_optional(self.pool())
        .await?;
        let parse = |spec: String| {
            serde_json::from_str(&spec).map_err(|error| Error::Unreadable {
                what: format!("the spec of DAG `{dag_id}`"),
                reason: error.to_string(),
            })
        };
        spec.map(parse).transpose()
    }

    /// Pauses or unpauses a DAG; false when there is none of that name.
    pub async fn set_paused(&self, dag_id: &str, is_paused: bool, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let before = sqlx::query_scalar!(
            r#"-- dag.set_paused
            WITH before AS (
                SELECT is_paused FROM dag WHERE dag_id = $1 FOR UPDATE
            ), changed AS (
                UPDATE dag SET is_paused = $2, pause_reason = NULL FROM before WHERE dag_id = $1
                RETURNING dag_id, before.is_paused AS was_paused
            ), noted AS (
                INSERT INTO change (dag_id) SELECT dag_id FROM changed
            )
            SELECT was_paused AS "was_paused!" FROM changed, pg_notify('flowctl_change', 'dag:' || $1)"#,
            dag_id,
            is_paused
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(before) = before else { return Ok(false) };
        let event = Event::new("patch_dag").dag(dag_id).before(json!({"is_paused": before}));
        event.after(json!({"is_paused": is_paused})).commit(transaction, by).await?;
        Ok(true)
    }

    /// Pauses or unpauses several DAGs; those that are so already stay as they are.
    pub async fn set_all_paused(&self, dag_ids: &[String], is_paused: bool, by: &By) -> Result<()> {
        let mut transaction = self.pool().begin().await?;
        let changed = sqlx::query_scalar!(
            "-- dag.set_all_paused
             WITH wanted AS (
                 SELECT dag_id FROM dag WHERE dag_id = ANY ($1) AND (is_paused <> $2 OR pause_reason IS NOT NULL)
                 ORDER BY dag_id FOR UPDATE
             ), changed AS (
                 UPDATE dag SET is_paused = $2, pause_reason = NULL FROM wanted WHERE dag.dag_id = wanted.dag_id
                 RETURNING dag.dag_id
             ), noted AS (
                 INSERT INTO change (dag_id) SELECT dag_id FROM changed
             )
             SELECT dag_id FROM changed, pg_notify('flowctl_change', '') ORDER BY dag_id",
            dag_ids,
            is_paused
        )
        .fetch_all(&mut *transaction)
        .await?;
        for dag_id in &changed {
            let event = Event::new("patch_dags").dag(dag_id).before(json!({"is_paused": !is_paused}));
            event.after(json!({"is_paused": is_paused})).record(&mut transaction, by).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn notify_change(&self) -> Result<()> {
        sqlx::query!("-- change.notify\nSELECT pg_notify('flowctl_change', '')").execute(self.pool()).await?;
        Ok(())
    }
}

/// The pools that the DAG names stay until it is saved.
async fn check_pools(transaction: &mut sqlx::PgTransaction<'_>, parsed: &Parsed) -> Result<()> {
    let named: Vec<String> = parsed.pool_names().into_iter().map(str::to_owned).collect();
    if named.is_empty() {
        return Ok(());
    }
    let found = sqlx::query_scalar!(
        "-- pool.keep\nSELECT name FROM pool WHERE name = ANY ($1) ORDER BY name FOR KEY SHARE",
        &named
    )
    .fetch_all(&mut **transaction)
    .await?;
    let missing: Vec<String> = named.into_iter().filter(|name| !found.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::UnknownPools { names: missing }) }
}

async fn insert_version(
    transaction: &mut sqlx::PgTransaction<'_>,
    saved: &SavedDag<'_>,
    now: Timestamp,
) -> Result<SaveOutcome> {
    let dag = &saved.parsed.dag;
    let spec = serde_json::to_string(dag)
        .map_err(|error| Error::Unreadable { what: format!("DAG `{}`", dag.dag_id), reason: error.to_string() })?;
    let version = sqlx::query!(
        r#"-- dag_version.insert
        INSERT INTO dag_version (dag_id, version_number, content_hash, spec, source, fileloc, created_at)
        SELECT $1, COALESCE(max(version_number), 0) + 1, $2, $3::text::json, $4, $5, $6
        FROM dag_version WHERE dag_id = $1
        RETURNING id, version_number"#,
        dag.dag_id,
        saved.parsed.content_hash.as_slice(),
        spec,
        saved.source,
        saved.fileloc,
        to_sql(now)
    )
    .fetch_one(&mut **transaction)
    .await?;
    let indexes: Vec<i32> = (0..).take(dag.tasks.len()).collect();
    let ids: Vec<String> = dag.tasks.iter().map(|task| task.task_id.clone()).collect();
    let operators: Vec<String> = dag.tasks.iter().map(|task| task.operator.name().to_owned()).collect();
    let pools: Vec<String> = dag.tasks.iter().map(|task| task.pool.clone()).collect();
    let pool_slots: Vec<i32> =
        dag.tasks.iter().map(|task| i32::try_from(task.pool_slots).unwrap_or(i32::MAX)).collect();
    let retries: Vec<i32> = dag.tasks.iter().map(|task| task.retries.cast_signed()).collect();
    sqlx::query!(
        "-- task.insert
         INSERT INTO task (dag_version_id, task_index, task_id, operator, retries, priority_weight, pool, pool_slots)
         SELECT $1, u.* FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[], $8::int[]) AS u",
        version.id,
        &indexes,
        &ids,
        &operators,
        &retries,
        &dag.priority_weights(),
        &pools,
        &pool_slots
    )
    .execute(&mut **transaction)
    .await?;
    crate::asset::save_assets(transaction, dag, now).await?;
    sqlx::query!(
        "-- dag.set_version\nUPDATE dag SET current_version_id = $2 WHERE dag_id = $1",
        dag.dag_id,
        version.id
    )
    .execute(&mut **transaction)
    .await?;
    Ok(SaveOutcome { version: DagVersionKey(version.id), version_number: version.version_number, is_new_version: true })
}

async fn note_change(transaction: &mut sqlx::PgTransaction<'_>, dag_id: &str) -> Result<()> {
    sqlx::query!(
        "-- change.note_dag
         WITH noted AS (INSERT INTO change (dag_id) VALUES ($1))
         SELECT pg_notify('flowctl_change', 'dag:' || $1)",
        dag_id
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
