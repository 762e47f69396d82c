//! Everything that happened, as the database tells it: for tests that compare it with what processes really did.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::{Result, Store};

/// Names a task instance: DAG, run, task.
pub type TaskInstanceName = (String, String, String);

/// The newest attempt of a task instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// State of the task instance.
    pub state: String,
    /// Number of the newest try.
    pub try_number: i32,
    /// Its token; none before the first attempt and for tasks without a process.
    pub token: Option<i64>,
}

/// An attempt of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Number of the try.
    pub try_number: i32,
    /// Its token.
    pub token: Option<i64>,
    /// How it ended: failed, lost, cancelled, skipped.
    pub state: String,
    /// Why, in words.
    pub reason: Option<String>,
}

/// All runs, task instances, attempts and values of a database.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// State and reason of each run, by DAG and run id.
    pub runs: BTreeMap<(String, String), (String, Option<String>)>,
    /// By name.
    pub task_instances: BTreeMap<TaskInstanceName, Newest>,
    /// By name, in the order of their tries.
    pub attempts: BTreeMap<TaskInstanceName, Vec<Past>>,
    /// Values by the name of who pushed them, and key.
    pub xcoms: BTreeMap<(TaskInstanceName, String), serde_json::Value>,
}

impl History {
    /// Reads all of it, as it is at one moment.
    pub async fn read(store: &Store) -> Result<Self> {
        let mut history = Self::default();
        let mut transaction = store.pool().begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *transaction).await?;
        let runs = sqlx::query("SELECT dag_id, run_id, state::text, reason FROM dag_run");
        for row in runs.fetch_all(&mut *transaction).await? {
            history.runs.insert((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        }
        let task_instances = sqlx::query(
            "SELECT r.dag_id, r.run_id, k.task_id, t.state::text, t.try_number, t.attempt_token
             FROM task_instance t JOIN dag_run r ON r.id = t.dag_run_id
             JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = t.task_index",
        );
        for row in task_instances.fetch_all(&mut *transaction).await? {
            let newest = Newest { state: row.get(3), try_number: row.get(4), token: row.get(5) };
            history.task_instances.insert((row.get(0), row.get(1), row.get(2)), newest);
        }
        let attempts = sqlx::query(
            "SELECT r.dag_id, r.run_id, k.task_id, a.try_number, a.attempt_token, a.state, a.reason
             FROM attempt a JOIN dag_run r ON r.id = a.dag_run_id
             JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_index = a.task_index
             ORDER BY a.try_number",
        );
        for row in attempts.fetch_all(&mut *transaction).await? {
            let past = Past { try_number: row.get(3), token: row.get(4), state: row.get(5), reason: row.get(6) };
            history.attempts.entry((row.get(0), row.get(1), row.get(2))).or_default().push(past);
        }
        let xcoms = sqlx::query(
            "SELECT r.dag_id, r.run_id, x.task_id, x.key, x.value::text
             FROM xcom x JOIN dag_run r ON r.id = x.dag_run_id",
        );
        for row in xcoms.fetch_all(&mut *transaction).await? {
            let text: String = row.get(4);
            let value = serde_json::from_str(&text).unwrap_or_default();
            history.xcoms.insert(((row.get(0), row.get(1), row.get(2)), row.get(3)), value);
        }
        transaction.commit().await?;
        Ok(history)
    }

    /// Runs that have not ended.
    pub fn unfinished(&self) -> usize {
        self.runs.values().filter(|(state, _)| state == "queued" || state == "running").count()
    }
}

/// The leadership in force.
pub async fn epoch(store: &Store) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT epoch FROM leader_lease").fetch_one(store.pool()).await?)
}

/// Cuts all connections to the database but the one that does it. How many there were.
pub async fn cut_connections(store: &Store) -> Result<i64> {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    Ok(sqlx::query_scalar(cut).fetch_one(store.pool()).await?)
}
