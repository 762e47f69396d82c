//! What people may change through the pages, over the store: each checks the role of who asks.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use model::dag_run::{NewDagRun, isoformat, run_id};
use model::state::{DagRunType, TriggeredBy};
use sha2::{Digest, Sha256};
use store::Store;
use store::account::Account;
use store::dag_run::{ClearSelection, TriggerError};

use crate::pages::{ActionError, Clear, Doors, LoggedIn, Trigger};

/// How long a browser stays logged in (Airflow's `jwt_expiration_time`).
const SESSION: SignedDuration = SignedDuration::from_hours(24);

/// The doors of a real deployment.
#[derive(Debug, Clone)]
pub struct StoreDoors {
    store: Store,
    clock: fn() -> Timestamp,
}

impl StoreDoors {
    /// Over a database.
    pub const fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self { store, clock }
    }
}

/// The hash of a password, as a PHC string of argon2id.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// What the database keeps of a token.
fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn unavailable(error: impl std::error::Error) -> ActionError {
    tracing::error!(%error, "an action of a page failed");
    ActionError::Unavailable("the database did not answer; try again".to_owned())
}

fn store_error(error: store::Error) -> ActionError {
    match error {
        store::Error::NotFound { what } => ActionError::NotFound(format!("no {what}")),
        error => unavailable(error),
    }
}

/// Airflow's roles: viewers read, everybody else may change DAGs and runs.
fn may_change(who: &LoggedIn) -> Result<(), ActionError> {
    if who.role == "viewer" {
        return Err(ActionError::Forbidden(format!("{} is a viewer and may not change anything", who.username)));
    }
    Ok(())
}

impl Doors for StoreDoors {
    fn log_in(&self, username: String, password: String) -> BoxFuture<'_, Result<Option<String>, ActionError>> {
        async move {
            let account = self.store.account(&username).await.map_err(unavailable)?;
            let Some(Account { password_hash, .. }) = account else { return Ok(None) };
            // argon2 takes tens of milliseconds of a core on purpose.
            let is_right =
                tokio::task::spawn_blocking(move || matches(&password, &password_hash)).await.map_err(unavailable)?;
            if !is_right {
                return Ok(None);
            }
            let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
            let now = (self.clock)();
            self.store
                .insert_access_token(&digest(&token), &username, "session", now, now + SESSION)
                .await
                .map_err(unavailable)?;
            Ok(Some(token))
        }
        .boxed()
    }

    fn session(&self, token: String) -> BoxFuture<'_, Result<Option<LoggedIn>, ActionError>> {
        async move {
            let account = self.store.account_of_token(&digest(&token), (self.clock)()).await.map_err(unavailable)?;
            Ok(account.map(|account| LoggedIn { username: account.username, role: account.role }))
        }
        .boxed()
    }

    fn log_out(&self, token: String) -> BoxFuture<'_, Result<(), ActionError>> {
        async move { self.store.delete_access_token(&digest(&token)).await.map_err(unavailable) }.boxed()
    }

    fn set_paused(&self, who: LoggedIn, dag_id: String, is_paused: bool) -> BoxFuture<'_, Result<(), ActionError>> {
        async move {
            may_change(&who)?;
            if self.store.set_paused(&dag_id, is_paused).await.map_err(unavailable)? {
                return Ok(());
            }
            Err(ActionError::NotFound(format!("no DAG `{dag_id}`")))
        }
        .boxed()
    }

    fn trigger(&self, who: LoggedIn, trigger: Trigger) -> BoxFuture<'_, Result<String, ActionError>> {
        async move {
            may_change(&who)?;
            let now = (self.clock)();
            let Some(dag) = self.store.current_dag(&trigger.dag_id).await.map_err(unavailable)? else {
                return Err(ActionError::NotFound(format!("no DAG `{}`", trigger.dag_id)));
            };
            let params = model::dag_file::params::merge(&dag, &trigger.conf).map_err(|problems| {
                let lines: Vec<String> =
                    problems.iter().map(|(path, message)| format!("{path}: {message}")).collect();
                ActionError::Invalid(lines.join("; "))
            })?;
            let logical_date = trigger.logical_date.unwrap_or(now);
            let timetable = model::timetable::Timetable::new(&dag).map_err(unavailable)?;
            let run = NewDagRun {
                run_id: trigger.run_id.unwrap_or_else(|| run_id(DagRunType::Manual, logical_date)),
                dag_id: trigger.dag_id,
                run_type: DagRunType::Manual,
                logical_date: Some(logical_date),
                data_interval: Some(timetable.manual_interval(logical_date)),
                run_after: now,
                conf: trigger.conf,
                triggered_by: TriggeredBy::Ui,
                triggering_user: Some(who.username),
                note: trigger.note,
            };
            match self.store.trigger(&run, &params, now).await {
                Ok(_) => Ok(run.run_id),
                Err(TriggerError::Store(error)) => Err(store_error(error)),
                Err(TriggerError::DagNotFound(dag_id)) => Err(ActionError::NotFound(format!("no DAG `{dag_id}`"))),
                Err(error @ TriggerError::RunIdExists { .. }) => Err(ActionError::Conflict(error.to_string())),
                Err(TriggerError::LogicalDateExists { dag_id, logical_date }) => Err(ActionError::Conflict(format!(
                    "DAG `{dag_id}` already has a run for {}",
                    isoformat(logical_date)
                ))),
            }
        }
        .boxed()
    }

    fn clear(
        &self,
        who: LoggedIn,
        dag_id: String,
        run_id: String,
        clear: Clear,
    ) -> BoxFuture<'_, Result<(), ActionError>> {
        async move {
            may_change(&who)?;
            let selection = ClearSelection { task_id: clear.task_id, only_failed: clear.only_failed };
            let cleared = self
                .store
                .clear_task_instances(&dag_id, &run_id, &selection, (self.clock)())
                .await
                .map_err(store_error)?;
            if cleared.is_empty() {
                return Err(ActionError::Conflict("nothing to clear: no task instance is as asked for".to_owned()));
            }
            Ok(())
        }
        .boxed()
    }

    fn cancel(&self, who: LoggedIn, dag_id: String, run_id: String) -> BoxFuture<'_, Result<(), ActionError>> {
        async move {
            may_change(&who)?;
            let cancelled =
                self.store.cancel_dag_run(&dag_id, &run_id, &who.username, (self.clock)()).await.map_err(store_error)?;
            if cancelled {
                return Ok(());
            }
            Err(ActionError::Conflict(format!("run `{run_id}` has ended already")))
        }
        .boxed()
    }
}

/// Creates `admin` when there is no account yet; what its password is then, if it was made here.
pub async fn first_account(store: &Store, password: Option<String>) -> Result<Option<String>, ActionError> {
    if !store.accounts().await.map_err(unavailable)?.is_empty() {
        return Ok(None);
    }
    let made = password.is_none();
    let password = password.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()));
    let hashing = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&hashing))
        .await
        .map_err(unavailable)?
        .map_err(|error| ActionError::Invalid(error.to_string()))?;
    let account = Account { username: "admin".to_owned(), password_hash: hash, role: "admin".to_owned() };
    store.create_account(&account).await.map_err(unavailable)?;
    Ok(made.then_some(password))
}
