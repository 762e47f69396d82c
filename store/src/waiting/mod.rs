//! What waits without a slot: its rows, what was seen, the runs that it waits for, and people's answers.

mod approval;
mod conn;
mod other_run;
#[cfg(test)]
mod tests;
mod trigger;

use jiff::Timestamp;
use model::ids::{AttemptToken, DagRunKey, TaskIndex, TaskInstanceKey};
use model::mask::marks;
use model::wait::{Look, WaitRow};

use crate::{Keyring, Store, from_sql, to_sql};

pub use approval::AnswerError;
pub use conn::{NoConnection, OtherDatabase, first_value};
pub use other_run::{Question, Seen};
pub use trigger::Existing;

/// A row of `waiting` as it comes.
pub(crate) struct WaitColumns {
    pub(crate) dag_run_id: i64,
    pub(crate) task_index: i32,
    pub(crate) map_index: i32,
    pub(crate) attempt_token: i64,
    pub(crate) max_tries: i32,
    pub(crate) awaited: String,
    pub(crate) since: chrono::DateTime<chrono::Utc>,
    pub(crate) deadline: Option<chrono::DateTime<chrono::Utc>>,
    pub(crate) looked_at: Option<chrono::DateTime<chrono::Utc>>,
    pub(crate) looks: i32,
    pub(crate) saw: Option<String>,
}

impl WaitColumns {
    /// The same with its secrets decrypted, as far as the keys do.
    pub(crate) fn open(self, keys: &Keyring) -> Result<WaitRow, sqlx::Error> {
        let mut row = self.read()?;
        row.awaited = row.awaited.with_texts(|text| marks::opened(text, |token| keys.decrypt(token).ok()));
        Ok(row)
    }

    pub(crate) fn read(self) -> Result<WaitRow, sqlx::Error> {
        let number = self.looks.cast_unsigned();
        let saw = self.saw.unwrap_or_default();
        Ok(WaitRow {
            key: TaskInstanceKey {
                dag_run: DagRunKey(self.dag_run_id),
                task: TaskIndex(self.task_index.cast_unsigned()),
                map_index: self.map_index,
            },
            token: AttemptToken(self.attempt_token),
            max_tries: self.max_tries.cast_unsigned(),
            awaited: serde_json::from_str(&self.awaited).map_err(|error| sqlx::Error::Decode(error.into()))?,
            since: from_sql(self.since),
            deadline: self.deadline.map(from_sql),
            look: self.looked_at.map(|at| Look { at: from_sql(at), number, saw }),
        })
    }
}

impl Store {
    /// What the task instances of a run wait for now.
    pub async fn waits(&self, dag_run: DagRunKey) -> Result<Vec<WaitRow>, sqlx::Error> {
        let rows = sqlx::query_as!(
            WaitColumns,
            r#"-- waiting.of_run
            SELECT w.dag_run_id, w.task_index, w.map_index, w.attempt_token, w.max_tries,
                   w.awaited::text AS "awaited!", w.since, w.deadline, w.looked_at, w.looks, w.saw
            FROM waiting w JOIN task_instance t USING (dag_run_id, task_index, map_index)
            WHERE w.dag_run_id = $1 AND t.attempt_token = w.attempt_token
              AND t.state IN ('deferred', 'awaiting_input', 'up_for_reschedule')"#,
            dag_run.0
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(WaitColumns::read).collect()
    }

    /// Notes what was seen, each under its attempt's token: an attempt that has ended, or another one, is left alone.
    pub async fn note_looks(&self, looks: &[(TaskInstanceKey, AttemptToken, Look)]) -> Result<(), sqlx::Error> {
        let runs: Vec<i64> = looks.iter().map(|(key, _, _)| key.dag_run.0).collect();
        let tasks: Vec<i32> = looks.iter().map(|(key, _, _)| key.task.0.cast_signed()).collect();
        let elements: Vec<i32> = looks.iter().map(|(key, _, _)| key.map_index).collect();
        let tokens: Vec<i64> = looks.iter().map(|(_, token, _)| token.0).collect();
        let times: Vec<_> = looks.iter().map(|(_, _, look)| to_sql(look.at)).collect();
        let numbers: Vec<i32> = looks.iter().map(|(_, _, look)| look.number.cast_signed()).collect();
        let saw: Vec<String> = looks.iter().map(|(_, _, look)| look.saw.replace('\0', "\u{fffd}")).collect();
        sqlx::query!(
            "-- waiting.look
             UPDATE waiting w SET looked_at = u.at, looks = u.number, saw = u.saw
             FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[], $5::timestamptz[], $6::int[], $7::text[])
                  AS u (dag_run_id, task_index, map_index, attempt_token, at, number, saw)
             WHERE w.dag_run_id = u.dag_run_id AND w.task_index = u.task_index AND w.map_index = u.map_index
               AND w.attempt_token = u.attempt_token",
            &runs,
            &tasks,
            &elements,
            &tokens,
            &times,
            &numbers,
            &saw
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// How many rows there are: of what waits, and of what is to be tried again.
    pub async fn count_waits(&self) -> Result<i64, sqlx::Error> {
        let count = sqlx::query_scalar!(
            r#"-- waiting.count
            SELECT count(*) AS "count!" FROM waiting"#
        );
        count.fetch_one(self.pool()).await
    }

    /// Whether a run exists under a name or a date, and who asked for it.
    pub async fn existing_run(
        &self,
        dag_id: &str,
        run_id: &str,
        logical_date: Option<Timestamp>,
    ) -> Result<Option<Existing>, sqlx::Error> {
        trigger::existing_run(self, dag_id, run_id, logical_date).await
    }
}
