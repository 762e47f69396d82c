//! A client of the REST API: one method per HTTP verb, answers as the types of the crate `api`, refusals as [`Error`].

mod collection;
mod error;

use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use collection::Collection;
pub(crate) use error::Error;

use crate::failure::Failure;

/// A server that is there takes a connection within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No request waits for something to happen: the slowest, clearing a run of ten thousand tasks, takes seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server and the token for it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
}

/// Names and values after the `?`.
pub(crate) type Query<'a> = [(&'a str, String)];

impl Client {
    /// A client; nothing is sent yet.
    pub(crate) fn new(server: &str, token: Option<String>) -> anyhow::Result<Self> {
        let hint = "an address looks like http://127.0.0.1:8080 or https://flowctl.example.org";
        let url = Url::parse(server)
            .map_err(|error| Failure::usage(format!("`{server}` is no address of a server: {error}")).hint(hint))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Failure::usage(format!("`{server}` is no address of a server")).hint(hint).into());
        }
        // It fails when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("flowctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("no HTTP client can be made")?;
        Ok(Self { http, server: url, token })
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// Gets an entry or a page; `path` is the segments below `/api/v2`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &Query<'_>) -> Result<T, Error> {
        self.json(self.request(Method::GET, path).query(query)).await
    }

    /// Gets what flowctl adds to Airflow's API: nothing where the server is an Airflow.
    pub(crate) async fn get_own<T: DeserializeOwned + Default>(
        &self,
        path: &[&str],
        query: &Query<'_>,
    ) -> Result<T, Error> {
        match self.get(path, query).await {
            Err(Error::NoOperation { .. }) => Ok(T::default()),
            got => got,
        }
    }

    /// Posts a body.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Error> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// Asks for something that has no answer but that it was done.
    pub(crate) async fn post_empty(&self, path: &[&str]) -> Result<(), Error> {
        self.send(self.request(Method::POST, path)).await.map(drop)
    }

    /// Deletes an entry that a query tells from others.
    pub(crate) async fn delete_one(&self, path: &[&str], query: &Query<'_>) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path).query(query)).await.map(drop)
    }

    /// Gets a token for an account.
    pub(crate) async fn log_in(&self, login: &api::LoginBody) -> Result<api::AccessToken, Error> {
        self.json(self.at(Method::POST, ["auth", "token"]).json(login)).await
    }

    /// Revokes the token.
    pub(crate) async fn log_out(&self) -> Result<(), Error> {
        self.send(self.at(Method::POST, ["auth", "logout"])).await.map(drop)
    }

    /// Changes an entry.
    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Error> {
        self.json(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sets an entry.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Error> {
        self.json(self.request(Method::PUT, path).json(body)).await
    }

    /// Deletes an entry.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// A request below `/api/v2` with the token.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.at(method, ["api", "v2"].iter().chain(path).copied())
    }

    fn at<'a>(&self, method: Method, path: impl IntoIterator<Item = &'a str>) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|error| Error::broken(self.server(), &error))?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::NotFlowctl { server: self.server().to_owned(), detail: error.to_string() })
    }

    /// Sends it; an answer from 400 on is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|error| Error::unsent(self.server(), &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Error::refused(self.server(), self.token.is_some(), response).await)
    }
}
