//! The web server as a service.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponseParts, ResponseParts};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::access::{Guard, guard};
use crate::api::Api;
use crate::client_address;
use crate::pages::{Pages, router};

/// Scripts, styles and pictures come from this server only, and nobody frames it.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Serves pages and API on a bound socket until `stop`.
pub async fn serve(pages: Pages, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let (hub, store) = (pages.hub.clone(), pages.store.clone());
    let hub_stop = stop.clone();
    let following = tokio::spawn(async move { hub.follow(&store, hub_stop).await });
    let app = app(pages).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    // Open event streams would keep a graceful shutdown waiting for ever: they end with the process.
    let result = tokio::select! {
        result = served => result,
        () = async { stop.cancelled().await; tokio::time::sleep(std::time::Duration::from_secs(1)).await } => Ok(()),
    };
    let _ = following.await;
    result
}

/// Pages and API behind one address.
pub fn app(pages: Pages) -> Router {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let api = crate::api::router(Api::beside(&pages));
    let proxies = pages.trusted_proxies.clone();
    let guarding = Guard::new(pages.doors.clone());
    let app = router(pages)
        .merge(api)
        .layer(axum::middleware::from_fn_with_state(guarding, guard))
        .layer(axum::middleware::from_fn_with_state(proxies, client_address::note))
        .layer(CsrfLayer::new())
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_whole)))
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "same-origin"));
    crate::api::understanding(app)
}

/// Marks an answer whose parts its reader waits for: compression, and an nginx in between, would keep them until there
/// are enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live;

impl IntoResponseParts for Live {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        parts.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(parts)
    }
}

fn is_whole(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<Live>().is_none()
}
