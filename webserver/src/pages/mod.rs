//! The web UI: each handler extracts, loads through the store's read models, makes a view of finished strings, renders.
//!
//! Live: one `EventSource` per page ([`events`]) for what it shows; on an event the page fetches itself again and changes
//! what is marked `data-live` into the fresh copy. So there is one way to render each thing, and the URL is the whole
//! state of a page.

mod actions;
mod ansi;
mod approvals;
mod asset;
mod assets;
mod audit_log;
mod backfills;
mod catalog;
mod clear;
mod connections;
mod dag;
mod dag_graph;
mod dag_runs;
mod dags;
mod events;
mod format;
mod graph;
mod grid;
mod import_errors;
mod log;
mod not_started;
mod oidc;
mod param_field;
mod pools;
mod problem;
mod run;
mod session;
mod task;
mod tokens;
mod trigger;
mod users;
mod variables;

use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use model::limits::Limits;
use store::Store;

pub use events::Hub;
pub(crate) use events::RunNews;
pub use session::COOKIE;
pub(crate) use session::{is_local, refuse, refuse_form, refuse_method, refuse_nobody};

use crate::access::{Permission, Routes};
use crate::client_address::TrustedProxies;
use crate::doors::{ActionError, Doors, LoggedIn};
use crate::layout::Layouts;
use crate::why;

/// What all pages share.
#[derive(Clone)]
pub struct Pages {
    /// Read models.
    pub store: Store,
    /// What people may change, and who they are.
    pub doors: Doors,
    /// Where logs are: `{home}/logs`.
    pub home: PathBuf,
    /// Shown to newcomers.
    pub dags_folder: String,
    /// Of the program.
    pub version: String,
    /// The deployment's limits.
    pub limits: Limits,
    /// The application's clock.
    pub clock: fn() -> Timestamp,
    /// Hints that something changed.
    pub hub: Hub,
    /// Laid-out graphs.
    pub layouts: Arc<Layouts>,
    /// The proxies whose word on where a request comes from counts.
    pub trusted_proxies: TrustedProxies,
    /// The settings of this process, as people may see them.
    pub settings: Arc<[ShownSetting]>,
}

/// A setting as people may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// The section that it belongs to.
    pub section: String,
    /// Its name within the section.
    pub option: String,
    /// As it is written; empty when it is not set, `< hidden >` for a secret.
    pub value: String,
}

/// All pages.
pub fn router(pages: Pages) -> Router {
    routes()
        .into_router()
        .fallback(problem::unknown)
        .layer(axum::middleware::map_response(problem::dress))
        .with_state(pages)
}

/// Method and path of every page.
pub fn list() -> Vec<(&'static str, &'static str)> {
    routes().list().to_vec()
}

fn routes() -> Routes<Pages> {
    Routes::new()
        .get("/", dags::show)
        .get("/dags/{dag_id}", dag::show)
        .post("/dags/{dag_id}/pause", actions::pause)
        .get("/dags/{dag_id}/trigger", trigger::show)
        .post("/dags/{dag_id}/trigger", trigger::submit)
        .get("/dags/{dag_id}/runs/{run_id}", run::show)
        .post("/dags/{dag_id}/backfills", backfills::create)
        .post("/dags/{dag_id}/backfills/{id}/{verb}", backfills::change)
        .get("/dags/{dag_id}/runs/{run_id}/clear", clear::show)
        .post("/dags/{dag_id}/runs/{run_id}/clear", clear::submit)
        .post("/dags/{dag_id}/runs/{run_id}/mark", actions::mark)
        .post("/dags/{dag_id}/runs/{run_id}/cancel", actions::cancel)
        .get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}", task::show)
        .get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log", log::show)
        .get("/pools", pools::show)
        .post("/pools", pools::save)
        .post("/pools/{name}/delete", pools::delete)
        .get("/variables", variables::show)
        .post("/variables", variables::save)
        .post("/variables/{key}/delete", variables::delete)
        .get("/connections", connections::show)
        .post("/connections", connections::save)
        .post("/connections/{id}/test", connections::test)
        .post("/connections/{id}/delete", connections::delete)
        .post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/mark", actions::mark_task)
        .post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/disable", actions::disable)
        .post("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/answer", approvals::answer)
        .get("/approvals", approvals::show)
        .get("/assets", catalog::show)
        .get("/asset/{id}", asset::show)
        .post("/asset/{id}/update", asset::update)
        .get("/audit-log", audit_log::show)
        .get("/import-errors", import_errors::show)
        .get("/events", events::stream)
        .get("/users", users::show)
        .post("/users", users::create)
        .post("/users/{username}/role", users::set_role)
        .post("/users/{username}/password", users::reset_password)
        .post("/users/{username}/disabled", users::set_disabled)
        .post("/users/{username}/delete", users::delete)
        .post("/logout", session::log_out)
        .post("/logout/everywhere", tokens::log_out_everywhere)
        .get("/tokens", tokens::show)
        .post("/tokens", tokens::create)
        .post("/tokens/{id}/revoke", tokens::revoke)
        .get("/login", session::show)
        .post("/login", session::log_in)
        .get("/login/oidc", oidc::begin)
        .get("/login/oidc/callback", oidc::finish)
        .get("/login/oidc/logout", oidc::log_out)
        .get("/assets/{name}", assets::serve)
}

/// What the frame around every page shows.
#[derive(Default)]
struct Shell {
    active: &'static str,
    username: String,
    version: String,
    import_errors: i64,
    /// Questions that wait for somebody; 0 for those who may not see them.
    approvals: i64,
    running: i64,
    queued: i64,
    /// Why the reader may change nothing; empty: they may.
    read_only: String,
    /// Whether the reader may see what holds for the whole deployment.
    may_operate: bool,
    /// Whether the reader may see who changed what.
    may_audit: bool,
    /// Who reads.
    who: Option<LoggedIn>,
    /// Where the page hears of changes; empty: it does not.
    events: String,
}

impl Shell {
    async fn load(pages: &Pages, who: &LoggedIn, active: &'static str, events: String) -> Result<Self, PageError> {
        let readable = pages.doors.seen(who).await?;
        let counts = pages.store.pages_counts(readable.as_deref()).await?;
        Ok(Self {
            active,
            events,
            username: who.username.clone(),
            read_only: match who.may(Permission::DagEdit) {
                Err(refusal) if who.grants.is_empty() => refusal.to_string(),
                _ => String::new(),
            },
            who: Some(who.clone()),
            may_operate: who.may(Permission::VariableRead).is_ok(),
            may_audit: who.may(Permission::EventLogRead).is_ok(),
            version: pages.version.clone(),
            import_errors: counts.import_errors,
            approvals: if who.may(Permission::HitlRead).is_ok() { counts.approvals } else { 0 },
            running: counts.running,
            queued: counts.queued,
        })
    }

    /// The attributes of a button that needs a permission, as HTML: out of order, with the reason, for those who do not
    /// have it.
    fn locked(&self, permission: &str) -> String {
        let refusal = self.who.as_ref().and_then(|who| match Permission::named(permission) {
            Some(permission) => who.may_here(permission).err().map(|refusal| refusal.to_string()),
            None => Some(format!("there is no permission {permission}")),
        });
        refusal.map(|reason| format!(" disabled title=\"{}\"", format::escape(&reason))).unwrap_or_default()
    }

    /// Whether the reader has a permission here.
    fn may(&self, permission: &str) -> bool {
        self.locked(permission).is_empty()
    }

    /// What each form carries, as HTML.
    fn form_token(&self) -> String {
        let token = self.who.as_ref().map(|who| who.form_token.as_str()).unwrap_or_default();
        crate::access::form::field(token)
    }
}

/// Why a page was not shown.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("the database did not answer")]
    Database(#[from] store::read::pages::PagesError),
    #[error("a page could not be rendered")]
    Render(#[from] askama::Error),
    #[error("the stored DAG version cannot be read")]
    Spec(#[from] serde_json::Error),
    #[error("no {0}")]
    NotFound(String),
    #[error("{0}")]
    Action(#[from] ActionError),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, detail) = match &self {
            Self::NotFound(what) => (
                StatusCode::NOT_FOUND,
                format!("There is no {what}"),
                "It may have been renamed or deleted.".to_owned(),
            ),
            Self::Action(problem @ ActionError::Forbidden(_)) => (
                problem.status(),
                "You may not do that".to_owned(),
                format!("{problem}. An admin can change your role."),
            ),
            Self::Action(problem) => (problem.status(), "That was not done".to_owned(), problem.to_string()),
            Self::Database(source) => {
                tracing::error!(error = %source, "a page could not be loaded from the database");
                return problem::unavailable();
            }
            Self::Render(_) | Self::Spec(_) => {
                tracing::error!(error = %self, "a page could not be shown");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong".to_owned(), self.to_string())
            }
        };
        problem::render(status, title, detail)
    }
}

type PageResult = Result<Html<String>, PageError>;

fn page(template: &impl Template) -> PageResult {
    Ok(Html(template.render()?))
}
