//! One task instance: its earlier attempts and what it pushed.

use jiff::Timestamp;
use serde_json::Value;

use super::instant;
use crate::Store;

/// An attempt that is history.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// From 1.
    pub try_number: i32,
    /// How it ended.
    pub state: String,
    /// Why, in words.
    pub reason: Option<String>,
    /// Of its process.
    pub exit_code: Option<i32>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// A value it pushed.
#[derive(Debug, Clone)]
pub struct XComRow {
    /// Its name.
    pub key: String,
    /// Any JSON.
    pub value: Value,
    /// When it was recognised.
    pub created_at: Timestamp,
}

impl Store {
    /// The recorded attempts of a task instance, in order.
    pub async fn pages_attempts(
        &self,
        dag_run_id: i64,
        task_index: i32,
        map_index: i32,
    ) -> Result<Vec<AttemptRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.attempts
            SELECT try_number, state, reason, exit_code, started_at, ended_at FROM attempt
             WHERE dag_run_id = $1 AND task_index = $2 AND map_index = $3 ORDER BY try_number"#,
            dag_run_id,
            task_index,
            map_index,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| AttemptRow {
                try_number: row.try_number,
                state: row.state,
                reason: row.reason,
                exit_code: row.exit_code,
                started_at: row.started_at.map(instant),
                ended_at: instant(row.ended_at),
            })
            .collect())
    }

    /// What a task instance pushed, by key.
    pub async fn pages_xcoms(
        &self,
        dag_run_id: i64,
        task_id: &str,
        map_index: i32,
    ) -> Result<Vec<XComRow>, sqlx::Error> {
        let rows = sqlx::query!(
            r#"-- pages.xcoms
            SELECT key, value, created_at FROM xcom
             WHERE dag_run_id = $1 AND task_id = $2 AND map_index = $3 ORDER BY key LIMIT 500"#,
            dag_run_id,
            task_id,
            map_index,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| XComRow { key: row.key, value: row.value, created_at: instant(row.created_at) })
            .collect())
    }
}
