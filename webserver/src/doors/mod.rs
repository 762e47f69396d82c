//! What people and their programs may change, and who they are: one set of functions behind pages and REST API. Each
//! goes through a transaction of the store. Whether they may is for `access` to say.

mod account;
mod again;
mod approval;
mod asset;
mod attempts;
mod backfill;
mod dag;
mod dag_run;
mod pool;
mod secret;
mod state;
mod token;
mod worker;
mod xcom;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use store::Store;
use store::event_log::By;

use crate::access::{Permission, Role};
use attempts::LoginAttempts;

pub use account::{Purpose, first_account, hash_password};

pub use backfill::{AskedBackfill, PlannedRun};
pub use dag_run::Trigger;
pub use pool::PoolWish;
pub use xcom::XComRefusal;

/// The doors of a deployment.
#[derive(Debug, Clone)]
pub struct Doors {
    store: Store,
    clock: fn() -> Timestamp,
    attempts: Arc<LoginAttempts>,
}

impl Doors {
    /// Over a database.
    pub fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self { store, clock, attempts: Arc::default() }
    }

    /// Who does something now.
    fn by(&self, who: &LoggedIn) -> By {
        By { username: who.username.clone(), address: who.address, at: (self.clock)() }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The name they logged in with.
    pub username: String,
    /// viewer, user, op or admin.
    pub role: String,
    /// Where they ask from, if that is known.
    pub address: Option<IpAddr>,
}

impl LoggedIn {
    /// Whether their role has a permission everywhere; if not, the refusal says who has it.
    pub(crate) fn may(&self, permission: Permission) -> Result<(), ActionError> {
        let role = Role::named(&self.role);
        if role.is_some_and(|role| role.may(permission)) {
            return Ok(());
        }
        let (name, allows, least) = (&self.username, permission.allows(), permission.least_role());
        let is = role.map_or_else(|| format!("has the role `{}`", self.role), |role| format!("is {}", role.one()));
        Err(ActionError::Forbidden(format!("{name} {is} and may not {allows}; {} may", least.one())))
    }
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
    /// It has the name or the date of something that is there.
    #[error("{0}")]
    Exists(String),
    /// What they gave is wrong.
    #[error("{0}")]
    Invalid(String),
    /// They tried too often.
    #[error("{0}")]
    TooMany(String),
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
            Self::Conflict(_) | Self::Exists(_) => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn unavailable(error: impl std::error::Error) -> ActionError {
    tracing::error!(%error, "a change could not be made");
    ActionError::Unavailable("the database did not answer; try again".to_owned())
}

impl From<store::Error> for ActionError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { what } => Self::NotFound(format!("no {what}")),
            // The deployment's keys are not right: an operator can read what to do.
            store::Error::Key { .. } => Self::Unavailable(error.to_string()),
            error => unavailable(error),
        }
    }
}
