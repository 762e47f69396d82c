//! What the templates of an attempt became, as far as the database knows.

use model::ids::TaskInstanceKey;
use model::rendered::sources;
use model::wait::Awaited;
use serde_json::{Map, Value};

use crate::{Result, Store};

/// What the database knows of an attempt's templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Templates {
    /// What it waits or waited for.
    pub awaited: Option<Awaited>,
    /// The fields that may be templates, as the run's version has them.
    pub sources: Map<String, Value>,
}

impl Store {
    /// What is known of the templates of an attempt; none when the run's version has no such task.
    pub async fn templates(&self, key: TaskInstanceKey, try_number: u32) -> Result<Option<Templates>> {
        let row = sqlx::query!(
            r#"-- task_instance.templates
            WITH token AS (
                SELECT attempt_token FROM task_instance
                 WHERE dag_run_id = $1 AND task_index = $2 AND map_index = $3 AND try_number = $4
                UNION ALL
                SELECT attempt_token FROM attempt
                 WHERE dag_run_id = $1 AND task_index = $2 AND map_index = $3 AND try_number = $4
                LIMIT 1
            )
            SELECT (v.spec -> 'tasks' -> $2)::text AS task, (v.spec -> 'env')::text AS env,
                   coalesce((SELECT w.awaited::text FROM waiting w JOIN token USING (attempt_token)
                              WHERE w.dag_run_id = $1 AND w.task_index = $2 AND w.map_index = $3),
                            (SELECT w.awaited::text FROM waited w JOIN token USING (attempt_token)
                              WHERE w.dag_run_id = $1)) AS awaited
              FROM dag_run r JOIN dag_version v ON v.id = r.dag_version_id
             WHERE r.id = $1"#,
            key.dag_run.0,
            key.task.0.cast_signed(),
            key.map_index,
            try_number.cast_signed()
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(task) = row.task else { return Ok(None) };
        let unreadable = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        let env = row.env.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?.unwrap_or_default();
        Ok(Some(Templates {
            awaited: row.awaited.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?,
            sources: sources(&env, &serde_json::from_str(&task).map_err(unreadable)?),
        }))
    }
}
