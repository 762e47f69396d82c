//! Workers.

use store::worker::WorkerChange;
use uuid::Uuid;

use super::{ActionError, Doors, LoggedIn};

impl Doors {
    /// Drains a worker, or lets it take attempts again.
    pub async fn set_drained(&self, who: &LoggedIn, id: Uuid, is_drained: bool) -> Result<(), ActionError> {
        answer(self.store.set_drained(id, is_drained, &self.by(who)).await?, id)
    }

    /// Forgets a worker that is gone.
    pub async fn remove_worker(&self, who: &LoggedIn, id: Uuid) -> Result<(), ActionError> {
        answer(self.store.remove_worker(id, &self.by(who)).await?, id)
    }
}

fn answer(change: WorkerChange, id: Uuid) -> Result<(), ActionError> {
    match change {
        WorkerChange::Done => Ok(()),
        WorkerChange::NotFound => Err(ActionError::NotFound(format!("no worker `{id}`"))),
        WorkerChange::Gone => Err(ActionError::Conflict(format!("worker `{id}` is gone: it can only be removed"))),
        WorkerChange::Alive => {
            Err(ActionError::Conflict(format!("worker `{id}` lives: stop its process first, or drain it")))
        }
    }
}
