//! Requests to the provider, through the HTTP client that the rest of flowctl uses.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};

/// A provider that takes longer is taken for away.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that follows no redirect: the provider could lead it into the deployment's own network.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // It fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer cannot be read")]
    Answer(#[from] axum::http::Error),
}

/// Sends a request.
pub(super) async fn call(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, CallError> {
    let answer = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut response = axum::http::Response::builder().status(answer.status()).version(answer.version());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(answer.bytes().await?.to_vec())?)
}
