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
mod param_field;
mod pools;
mod problem;
mod run;
mod session;
mod task;
mod trigger;
mod variables;

use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use model::limits::Limits;
use store::Store;

pub use events::Hub;
pub(crate) use events::RunNews;
pub use session::COOKIE;

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
}

/// All pages, with the login in front of them.
pub fn router(pages: Pages) -> Router {
    Router::new()
        .route("/", get(dags::show))
        .route("/dags/{dag_id}", get(dag::show))
        .route("/dags/{dag_id}/pause", post(actions::pause))
        .route("/dags/{dag_id}/trigger", get(trigger::show).post(trigger::submit))
        .route("/dags/{dag_id}/runs/{run_id}", get(run::show))
        .route("/dags/{dag_id}/backfills", post(backfills::create))
        .route("/dags/{dag_id}/backfills/{id}/{verb}", post(backfills::change))
        .route("/dags/{dag_id}/runs/{run_id}/clear", get(clear::show).post(clear::submit))
        .route("/dags/{dag_id}/runs/{run_id}/mark", post(actions::mark))
        .route("/dags/{dag_id}/runs/{run_id}/cancel", post(actions::cancel))
        .route("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}", get(task::show))
        .route("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log", get(log::show))
        .route("/pools", get(pools::show).post(pools::save))
        .route("/pools/{name}/delete", post(pools::delete))
        .route("/variables", get(variables::show).post(variables::save))
        .route("/variables/{key}/delete", post(variables::delete))
        .route("/connections", get(connections::show).post(connections::save))
        .route("/connections/{id}/test", post(connections::test))
        .route("/connections/{id}/delete", post(connections::delete))
        .route("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/mark", post(actions::mark_task))
        .route("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/disable", post(actions::disable))
        .route("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/answer", post(approvals::answer))
        .route("/approvals", get(approvals::show))
        .route("/assets", get(catalog::show))
        .route("/asset/{id}", get(asset::show))
        .route("/asset/{id}/update", post(asset::update))
        .route("/audit-log", get(audit_log::show))
        .route("/import-errors", get(import_errors::show))
        .route("/events", get(events::stream))
        .route("/logout", post(session::log_out))
        .route_layer(axum::middleware::from_fn_with_state(pages.clone(), session::require))
        .route("/login", get(session::show).post(session::log_in))
        .route("/assets/{name}", get(assets::serve))
        .fallback(problem::unknown)
        .layer(axum::middleware::map_response(problem::dress))
        .with_state(pages)
}

/// What the frame around every page shows.
#[derive(Default)]
struct Shell {
    active: &'static str,
    username: String,
    version: String,
    import_errors: i64,
    running: i64,
    queued: i64,
    /// Why the reader may change nothing; empty: they may.
    read_only: String,
    /// Whether the reader may see what holds for the whole deployment.
    may_operate: bool,
    /// Where the page hears of changes; empty: it does not.
    events: String,
}

impl Shell {
    async fn load(pages: &Pages, who: &LoggedIn, active: &'static str, events: String) -> Result<Self, PageError> {
        let counts = pages.store.pages_counts().await?;
        Ok(Self {
            active,
            events,
            username: who.username.clone(),
            read_only: who.may_change().err().map(|refusal| refusal.to_string()).unwrap_or_default(),
            may_operate: who.may_operate().is_ok(),
            version: pages.version.clone(),
            import_errors: counts.import_errors,
            running: counts.running,
            queued: counts.queued,
        })
    }

    /// The attributes of a button that changes something, as HTML: out of order, with the reason, for those who may not.
    fn locked(&self) -> String {
        match self.read_only.as_str() {
            "" => String::new(),
            reason => format!(" disabled title=\"{}\"", format::escape(reason)),
        }
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
