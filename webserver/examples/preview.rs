//! Shows the pages over the database of `DATABASE_URL`, for looking at them: whoever enters by `/preview-enter` is
//! logged in, and nothing can be changed. Not part of the product.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::RawQuery;
use axum::response::Redirect;
use axum::routing::get;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use store::Store;
use tokio_util::sync::CancellationToken;
use webserver::pages::{ActionError, Clear, Doors, Hub, LoggedIn, Pages, Trigger, router};

struct Open;

type Answer<'a, T> = BoxFuture<'a, Result<T, ActionError>>;

fn refuse<'a, T: Send + 'a>() -> Answer<'a, T> {
    ready(Err(ActionError::Invalid("this is a preview".to_owned()))).boxed()
}

impl Doors for Open {
    fn log_in(&self, _: String, password: String) -> Answer<'_, Option<String>> {
        ready(Ok((password == "preview").then(|| "preview".to_owned()))).boxed()
    }
    fn session(&self, token: String) -> Answer<'_, Option<LoggedIn>> {
        let who = LoggedIn { username: "ada".to_owned(), role: "admin".to_owned() };
        ready(Ok((token == "preview").then_some(who))).boxed()
    }
    fn log_out(&self, _: String) -> Answer<'_, ()> {
        ready(Ok(())).boxed()
    }
    fn set_paused(&self, _: LoggedIn, _: String, _: bool) -> Answer<'_, ()> {
        refuse()
    }
    fn trigger(&self, _: LoggedIn, _: Trigger) -> Answer<'_, String> {
        refuse()
    }
    fn clear(&self, _: LoggedIn, _: String, _: String, _: Clear) -> Answer<'_, ()> {
        refuse()
    }
    fn cancel(&self, _: LoggedIn, _: String, _: String) -> Answer<'_, ()> {
        refuse()
    }
}

#[tokio::main]
#[allow(clippy::disallowed_methods, reason = "this is a shell: it hands out the clock")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::connect(&std::env::var("DATABASE_URL")?).await?;
    let hub = Hub::default();
    let pages = Pages {
        store: store.clone(),
        doors: Arc::new(Open),
        home: PathBuf::from(std::env::var("PREVIEW_HOME")?),
        dags_folder: "~/.flowctl/dags".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        max_active_runs_per_dag: 16,
        clock: jiff::Timestamp::now,
        hub: hub.clone(),
        layouts: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:18097").await?;
    let follow = hub.follow(&store, CancellationToken::new());
    // A browser without a cookie jar (headless screenshots) gets its session here.
    let enter = get(|RawQuery(to): RawQuery| async move {
        ([("set-cookie", "flowctl_session=preview; Path=/")], Redirect::to(to.as_deref().unwrap_or("/")))
    });
    let app = router(pages).route("/preview-enter", enter);
    tokio::select! { served = axum::serve(listener, app) => served?, () = follow => {} }
    Ok(())
}
