//! Routes that know which they are: axum's router does not tell.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{get, post};

/// A router and the list of what is in it.
pub(crate) struct Routes<S> {
    router: Router<S>,
    list: Vec<(&'static str, &'static str)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None.
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), list: Vec::new() }
    }

    /// One more for GET.
    pub(crate) fn get<T: 'static>(mut self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.list.push(("GET", path));
        Self { router: self.router.route(path, get(handler)), ..self }
    }

    /// One more for POST.
    pub(crate) fn post<T: 'static>(mut self, path: &'static str, handler: impl Handler<T, S>) -> Self {
        self.list.push(("POST", path));
        Self { router: self.router.route(path, post(handler)), ..self }
    }

    /// Method and path of each.
    pub(crate) fn list(&self) -> &[(&'static str, &'static str)] {
        &self.list
    }

    /// The router.
    pub(crate) fn into_router(self) -> Router<S> {
        self.router
    }
}
