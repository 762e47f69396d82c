//! How the runs of other DAGs are that somebody waits for: one statement for all that are due.

use jiff::Timestamp;

use crate::{Store, to_sql};

/// Which run is asked for: by name, else by date, else the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its DAG.
    pub dag_id: String,
    /// Its name.
    pub run_id: Option<String>,
    /// Its logical date.
    pub logical_date: Option<Timestamp>,
    /// A task in it.
    pub task_id: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether there is such a DAG.
    pub has_dag: bool,
    /// The run's name and state, when there is one.
    pub run: Option<(String, String)>,
    /// The states of the task's instances, when a task was asked for and is in the run.
    pub task: Vec<String>,
}

impl Store {
    /// Answers questions, in their order.
    pub async fn other_runs(&self, questions: &[Question]) -> Result<Vec<Seen>, sqlx::Error> {
        let dag_ids: Vec<String> = questions.iter().map(|question| question.dag_id.clone()).collect();
        let run_ids: Vec<Option<String>> = questions.iter().map(|question| question.run_id.clone()).collect();
        let dates: Vec<_> = questions.iter().map(|question| question.logical_date.map(to_sql)).collect();
        let task_ids: Vec<Option<String>> = questions.iter().map(|question| question.task_id.clone()).collect();
        let rows = sqlx::query!(
            r#"-- dag_run.seen_by_others
            SELECT EXISTS (SELECT 1 FROM dag d WHERE d.dag_id = q.dag_id AND NOT d.is_stale) AS "has_dag!",
                   r.run_id AS "run_id?", r.state::text AS "state?",
                   coalesce((SELECT array_agg(t.state::text) FROM task k
                             JOIN task_instance t ON t.dag_run_id = r.id AND t.task_index = k.task_index
                             WHERE k.dag_version_id = r.dag_version_id AND k.task_id = q.task_id), '{}') AS "task!"
            FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) WITH ORDINALITY
                 AS q (dag_id, run_id, logical_date, task_id, n)
            LEFT JOIN LATERAL (
                (SELECT o.* FROM dag_run o WHERE q.run_id IS NOT NULL AND o.dag_id = q.dag_id AND o.run_id = q.run_id)
                UNION ALL
                (SELECT o.* FROM dag_run o
                 WHERE q.run_id IS NULL AND o.dag_id = q.dag_id AND o.logical_date = q.logical_date)
                UNION ALL
                (SELECT o.* FROM dag_run o
                 WHERE q.run_id IS NULL AND q.logical_date IS NULL AND o.dag_id = q.dag_id
                   AND o.logical_date IS NOT NULL
                 ORDER BY o.logical_date DESC LIMIT 1)
            ) r ON true
            ORDER BY q.n"#,
            &dag_ids,
            &run_ids as &[Option<String>],
            &dates as &[Option<chrono::DateTime<chrono::Utc>>],
            &task_ids as &[Option<String>]
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Seen { has_dag: row.has_dag, run: row.run_id.zip(row.state), task: row.task })
            .collect())
    }
}
