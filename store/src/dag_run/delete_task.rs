//! Deleting task instances.

use serde_json::json;

use crate::event_log::{By, Event};
use crate::{Error, Store};

/// Why nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The scheduler goes by all task instances of a run.
    #[error("run `{0}` has not ended; cancel it first, or mark the task")]
    Unfinished(String),
    /// What follows an element goes by how many there are.
    #[error("task `{0}` is mapped: its elements can be deleted together only, or cleared one by one")]
    Element(String),
    /// There is no such run or task instance, or the database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for DeleteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Deletes the instances of a task of a run that has ended, with all that is theirs; which elements. When the run runs
    /// again, they come back as if they had not started.
    pub async fn delete_task_instances(
        &self,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: Option<i32>,
        by: &By,
    ) -> Result<Vec<i32>, DeleteError> {
        let mut transaction = self.pool().begin().await?;
        let run = super::lock(&mut transaction, dag_id, run_id).await?;
        let known = sqlx::query!(
            r#"-- task_instance.of_task
            SELECT t.task_index, t.map_index, t.state = 'removed' AS "is_removed!" FROM task_instance t
            JOIN dag_run r ON r.id = t.dag_run_id
            LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index
            LEFT JOIN removed_task g ON g.dag_run_id = t.dag_run_id AND g.task_index = t.task_index
            WHERE t.dag_run_id = $1 AND coalesce(k.task_id, g.task_id) = $2 ORDER BY t.map_index"#,
            run.key.0,
            task_id
        )
        .fetch_all(&mut *transaction)
        .await?;
        let chosen: Vec<_> = known.iter().filter(|row| map_index.is_none_or(|index| index == row.map_index)).collect();
        let Some(first) = chosen.first() else {
            let element = map_index.filter(|index| *index >= 0).map(|index| format!("[{index}]")).unwrap_or_default();
            let what = format!("task `{task_id}{element}` in run `{run_id}` of DAG `{dag_id}`");
            return Err(Error::NotFound { what }.into());
        };
        if !run.state.is_finished() {
            return Err(DeleteError::Unfinished(run_id.to_owned()));
        }
        if chosen.len() < known.len() && chosen.iter().any(|row| !row.is_removed) {
            return Err(DeleteError::Element(task_id.to_owned()));
        }
        let elements: Vec<i32> = chosen.iter().map(|row| row.map_index).collect();
        sqlx::query!(
            "-- task_instance.delete
             WITH attempts AS (
                 DELETE FROM attempt WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)
             ), marks AS (
                 DELETE FROM mark WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)
             ), named AS (
                 DELETE FROM rendered_map_index WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)
             ), waits AS (
                 DELETE FROM waiting WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)
             ), approvals AS (
                 DELETE FROM approval WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)
             ), notes AS (
                 DELETE FROM task_instance_note WHERE dag_run_id = $1 AND task_id = $3 AND map_index = ANY($4)
             ), xcoms AS (
                 DELETE FROM xcom WHERE dag_run_id = $1 AND task_id = $3 AND map_index = ANY($4)
             )
             DELETE FROM task_instance WHERE dag_run_id = $1 AND task_index = $2 AND map_index = ANY($4)",
            run.key.0,
            first.task_index,
            task_id,
            &elements
        )
        .execute(&mut *transaction)
        .await?;
        let event = Event::new("delete_task_instance").dag(dag_id).run(Some(run_id)).task(task_id, map_index);
        event.before(json!({"map_indexes": elements})).commit(transaction, by).await?;
        Ok(elements)
    }
}

/// Gives runs back the task instances that were deleted: the leader goes by one of each task at least. Runs that have not
/// started have none yet.
pub(in crate::dag_run) async fn bring_back(
    transaction: &mut sqlx::PgTransaction<'_>,
    runs: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- task_instance.bring_back
         INSERT INTO task_instance (dag_run_id, task_index, max_tries)
         SELECT r.id, k.task_index, k.retries + 1
         FROM dag_run r JOIN task k ON k.dag_version_id = r.dag_version_id
         WHERE r.id = ANY($1) AND EXISTS (SELECT FROM task_instance s WHERE s.dag_run_id = r.id)
           AND NOT EXISTS (SELECT FROM task_instance t WHERE t.dag_run_id = r.id AND t.task_index = k.task_index)",
        runs
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
