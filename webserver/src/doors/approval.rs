//! Answering questions.

use jiff::Timestamp;
use model::dag_run::to_microsecond;
use store::event_log::By;
use store::waiting::AnswerError;

use super::{ActionError, Doors, LoggedIn};

impl Doors {
    /// Answers what a task instance asks; when.
    pub async fn answer(
        &self,
        who: &LoggedIn,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: i32,
        chosen: &str,
    ) -> Result<Timestamp, ActionError> {
        let now = to_microsecond((self.clock)());
        let by = By { at: now, ..self.by(who) };
        let answered = self.store.answer_approval(dag_id, run_id, task_id, map_index, chosen, &who.role, &by).await;
        match answered {
            Ok(()) => Ok(now),
            Err(AnswerError::Store(error)) => Err(error.into()),
            Err(error @ (AnswerError::NotAsked(_) | AnswerError::Answered { .. })) => {
                Err(ActionError::Conflict(error.to_string()))
            }
            Err(error @ AnswerError::Role(_)) => Err(ActionError::Forbidden(error.to_string())),
            Err(error @ AnswerError::Option(_)) => Err(ActionError::Invalid(error.to_string())),
        }
    }
}
