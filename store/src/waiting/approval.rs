//! What people answer.

use model::attempt::{AttemptEvent, Report};
use model::ids::{AttemptToken, TaskIndex, TaskInstanceKey};
use model::wait::{Answer, Approval, BadAnswer, answer};

use crate::event_log::{By, Event};
use crate::{Error, Store, from_sql, to_sql};

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nobody asks.
    #[error("task `{0}` does not wait for an answer")]
    NotAsked(String),
    /// Somebody was faster.
    #[error("it has been answered already: `{chosen}` by {by}")]
    Answered {
        /// What they chose.
        chosen: String,
        /// Who.
        by: String,
    },
    /// Their role is not one of those that are asked.
    #[error("only {0} may answer")]
    Role(String),
    /// Not one of the options.
    #[error(transparent)]
    Option(#[from] BadAnswer),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for AnswerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Answers a question: one transaction notes who chose what, and reports the attempt's end to the leader. `role` is
    /// the role of who answers.
    #[expect(clippy::too_many_arguments, reason = "a place, a person and a choice")]
    pub async fn answer_approval(
        &self,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: i32,
        chosen: &str,
        role: &str,
        by: &By,
    ) -> Result<(), AnswerError> {
        let mut transaction = self.pool().begin().await?;
        let run = crate::dag_run::lock(&mut transaction, dag_id, run_id).await?;
        let asked = sqlx::query!(
            r#"-- approval.asked
            SELECT t.task_index, t.try_number, t.attempt_token AS "attempt_token!", t.state = 'awaiting_input' AS "is_open!",
                   w.awaited::text AS "question?", w.since AS "since?", a.chosen AS "chosen?", a.answered_by AS "answered_by?"
            FROM dag_run r
            JOIN task k ON k.dag_version_id = r.dag_version_id AND k.task_id = $2
            JOIN task_instance t ON t.dag_run_id = r.id AND t.task_index = k.task_index AND t.map_index = $3
            LEFT JOIN waiting w ON w.dag_run_id = r.id AND w.task_index = t.task_index AND w.map_index = t.map_index
                               AND w.attempt_token = t.attempt_token
            LEFT JOIN approval a ON a.dag_run_id = r.id AND a.task_index = t.task_index AND a.map_index = t.map_index
                                AND a.try_number = t.try_number
            WHERE r.id = $1 AND t.attempt_token IS NOT NULL"#,
            run.key.0,
            task_id,
            map_index
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(asked) = asked else { return Err(AnswerError::NotAsked(task_id.to_owned())) };
        if let (Some(chosen), Some(by)) = (asked.chosen, asked.answered_by) {
            return Err(AnswerError::Answered { chosen, by });
        }
        let (true, Some(text), Some(since)) = (asked.is_open, asked.question, asked.since) else {
            return Err(AnswerError::NotAsked(task_id.to_owned()));
        };
        let approval = question(&text)?;
        if !approval.roles.is_empty() && role != "admin" && !approval.roles.iter().any(|asked| asked == role) {
            return Err(AnswerError::Role(format!("accounts with the role {}", approval.roles.join(" or "))));
        }
        let given = Answer { chosen: chosen.to_owned(), by: Some(by.username.clone()), at: by.at };
        let finished = answer(&approval, &given, from_sql(since))?;
        let key = TaskInstanceKey { dag_run: run.key, task: TaskIndex(asked.task_index.cast_unsigned()), map_index };
        let report = Report { token: AttemptToken(asked.attempt_token), key, event: AttemptEvent::Finished(finished) };
        let report = serde_json::to_string(&report).unwrap_or_default();
        write(&mut transaction, key, asked.try_number, &text, since, &given, &report).await?;
        let element = (map_index >= 0).then_some(map_index);
        let event = Event::new("update_hitl_detail").dag(dag_id).run(Some(run_id)).task(task_id, element);
        event.after(serde_json::json!({"chosen": chosen})).commit(transaction, by).await?;
        Ok(())
    }
}

/// The leader's plan of the run is refused from here on, so that it reads this answer before it thinks that the time
/// is over.
async fn write(
    transaction: &mut sqlx::PgTransaction<'_>,
    key: TaskInstanceKey,
    try_number: i32,
    question: &str,
    asked_at: chrono::DateTime<chrono::Utc>,
    given: &Answer,
    report: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- approval.answer
         WITH answered AS (
             INSERT INTO approval (dag_run_id, task_index, map_index, try_number, question, asked_at, chosen,
                                   answered_by, answered_at)
             VALUES ($1, $2, $3, $4, $5::text::json, $6, $7, $8, $9)
         ), reported AS (
             INSERT INTO report (attempt_token, body)
             SELECT attempt_token, $10::text::json FROM task_instance
             WHERE dag_run_id = $1 AND task_index = $2 AND map_index = $3
         ), noted AS (
             INSERT INTO change (dag_run_id) VALUES ($1)
         ), notified AS MATERIALIZED (
             SELECT pg_notify('flowctl_change', 'run:' || $1::bigint)
         )
         UPDATE dag_run SET version = version + 1 FROM notified WHERE id = $1",
        key.dag_run.0,
        key.task.0.cast_signed(),
        key.map_index,
        try_number,
        question,
        asked_at,
        given.chosen,
        given.by.as_deref().unwrap_or_default(),
        to_sql(given.at),
        report
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn question(text: &str) -> Result<Approval, Error> {
    let unreadable = |reason: String| Error::Unreadable { what: "a question to people".to_owned(), reason };
    match serde_json::from_str(text) {
        Ok(model::wait::Awaited::Approval(approval)) => Ok(approval),
        Ok(_) => Err(unreadable("it is something else".to_owned())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}
