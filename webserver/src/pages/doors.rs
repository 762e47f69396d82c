//! What the pages ask of the rest of the web server: the same functions that the REST API calls, behind one port, so
//! that the pages decide nothing and can be shown over fixtures.

use axum::http::StatusCode;
use futures::future::BoxFuture;
use jiff::Timestamp;

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The name they logged in with.
    pub username: String,
    /// viewer, user, op or admin.
    pub role: String,
}

/// Which task instances of a run start over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clear {
    /// These, and what follows them; none: all.
    pub task_id: Option<String>,
    /// Of those, the failed ones only.
    pub only_failed: bool,
}

/// A run that a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its DAG.
    pub dag_id: String,
    /// Its name; none: made from the date.
    pub run_id: Option<String>,
    /// The date it is about.
    pub logical_date: Option<Timestamp>,
    /// What it is triggered with.
    pub conf: serde_json::Map<String, serde_json::Value>,
    /// A remark.
    pub note: Option<String>,
}

/// Why something was not done; the message is for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Their role does not allow it.
    #[error("{0}")]
    Forbidden(String),
    /// It does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// What they gave is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The database did not answer.
    #[error("{0}")]
    Unavailable(String),
}

impl ActionError {
    /// Its HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The rest of the web server, as the pages see it. Each call checks the role of who asks.
pub trait Doors: Send + Sync + 'static {
    /// Checks a password; the session token for the cookie, or none when name or password is wrong.
    fn log_in(&self, username: String, password: String) -> BoxFuture<'_, Result<Option<String>, ActionError>>;
    /// Who a session token belongs to.
    fn session(&self, token: String) -> BoxFuture<'_, Result<Option<LoggedIn>, ActionError>>;
    /// Ends a session.
    fn log_out(&self, token: String) -> BoxFuture<'_, Result<(), ActionError>>;
    /// Pauses or activates a DAG.
    fn set_paused(&self, who: LoggedIn, dag_id: String, is_paused: bool) -> BoxFuture<'_, Result<(), ActionError>>;
    /// Creates a run; its `run_id`.
    fn trigger(&self, who: LoggedIn, trigger: Trigger) -> BoxFuture<'_, Result<String, ActionError>>;
    /// Lets task instances start over.
    fn clear(
        &self,
        who: LoggedIn,
        dag_id: String,
        run_id: String,
        clear: Clear,
    ) -> BoxFuture<'_, Result<(), ActionError>>;
    /// Cancels a run.
    fn cancel(&self, who: LoggedIn, dag_id: String, run_id: String) -> BoxFuture<'_, Result<(), ActionError>>;
}
