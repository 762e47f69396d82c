//! The table `task_instance_note`: remarks that people make on task instances.

use std::collections::BTreeSet;

use model::ids::{DagRunKey, TaskIndex};
use serde_json::json;

use crate::event_log::{By, record_task_instances};
use crate::{Result, Store, to_sql};

impl Store {
    /// Sets the remark on task instances, named by run, task and element; an empty one takes it away. How many there are.
    pub async fn note_task_instances(
        &self,
        keys: &[(DagRunKey, TaskIndex, i32)],
        content: &str,
        by: &By,
    ) -> Result<u64> {
        let mut transaction = self.pool().begin().await?;
        let touched: BTreeSet<DagRunKey> = keys.iter().map(|(run, ..)| *run).collect();
        let after = json!({"note": content});
        record_task_instances(&mut transaction, by, "patch_task_instance", &touched, keys, &after).await?;
        let runs: Vec<i64> = keys.iter().map(|(run, _, _)| run.0).collect();
        let tasks: Vec<i32> = keys.iter().map(|(_, task, _)| task.0.cast_signed()).collect();
        let elements: Vec<i32> = keys.iter().map(|(_, _, element)| *element).collect();
        let done = sqlx::query!(
            r#"-- task_instance_note.set
            WITH named AS MATERIALIZED (
                SELECT u.dag_run_id, coalesce(k.task_id, g.task_id) AS task_id, u.map_index
                FROM unnest($1::bigint[], $2::int[], $3::int[]) AS u (dag_run_id, task_index, map_index)
                JOIN dag_run r ON r.id = u.dag_run_id
                LEFT JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = u.task_index
                LEFT JOIN removed_task g ON g.dag_run_id = u.dag_run_id AND g.task_index = u.task_index
                WHERE coalesce(k.task_id, g.task_id) IS NOT NULL
            ), forgotten AS (
                DELETE FROM task_instance_note t USING named n
                WHERE $4 = '' AND t.dag_run_id = n.dag_run_id AND t.task_id = n.task_id AND t.map_index = n.map_index
            ), written AS (
                INSERT INTO task_instance_note (dag_run_id, task_id, map_index, content, written_by, written_at)
                SELECT DISTINCT dag_run_id, task_id, map_index, $4::text, $5, $6::timestamptz FROM named WHERE $4 <> ''
                ON CONFLICT (dag_run_id, task_id, map_index) DO UPDATE
                    SET content = excluded.content, written_by = excluded.written_by, written_at = excluded.written_at
            )
            SELECT count(*) AS "count!" FROM named"#,
            &runs,
            &tasks,
            &elements,
            content,
            by.username,
            to_sql(by.at)
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(u64::try_from(done.count).unwrap_or(0))
    }

    /// The remark on a task instance, and who wrote it.
    pub async fn task_instance_note(
        &self,
        dag_run: DagRunKey,
        task_id: &str,
        map_index: i32,
    ) -> Result<Option<(String, String)>> {
        let row = sqlx::query!(
            "-- task_instance_note.get
             SELECT content, written_by FROM task_instance_note
             WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3",
            dag_run.0,
            task_id,
            map_index
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| (row.content, row.written_by)))
    }
}
