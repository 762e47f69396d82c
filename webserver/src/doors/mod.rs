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
mod grant;
mod pool;
mod secret;
mod state;
mod token;
mod user;
mod vouched;
mod who;
mod worker;
mod xcom;

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use store::Store;
use store::event_log::By;

use crate::oidc::Oidc;
use attempts::LoginAttempts;

pub(crate) use account::made_token;
pub use account::{Purpose, first_account, form_token, hash_password, made_password};
pub use token::TokenWish;
pub use who::{LoggedIn, Scope};

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
    oidc: Option<Arc<Oidc>>,
    is_https: bool,
}

impl Doors {
    /// Over a database.
    pub fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self { store, clock, attempts: Arc::default(), oidc: None, is_https: false }
    }

    /// With an identity provider that vouches for people.
    pub fn with_oidc(self, oidc: Option<Oidc>) -> Self {
        Self { oidc: oidc.map(Arc::new), ..self }
    }

    /// Whether people come over https: cookies are only sent that way then.
    pub fn over_https(self, is_https: bool) -> Self {
        Self { is_https, ..self }
    }

    /// The identity provider.
    pub(crate) fn oidc(&self) -> Option<Arc<Oidc>> {
        self.oidc.clone()
    }

    pub(crate) const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Who does something now.
    fn by(&self, who: &LoggedIn) -> By {
        By { username: who.username.clone(), address: who.address, at: (self.clock)() }
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
