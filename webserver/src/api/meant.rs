//! Paths that `airflowctl` 0.1.5 sends and that neither Airflow nor flowctl has: each is answered as the one that it
//! means. Before routing, so that what guards the other path guards this one.

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::middleware::map_request;
use tower::Layer;

/// The same with these paths.
pub(crate) fn understanding(app: Router) -> Router {
    Router::new().fallback_service(map_request(translated).layer(app))
}

async fn translated(mut request: Request) -> Request {
    if let Some((method, path)) = meant(request.method(), request.uri().path()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
            *request.method_mut() = method;
            *request.uri_mut() = uri;
        }
    }
    request
}

/// What is meant, when it is something else.
fn meant(method: &Method, path: &str) -> Option<(Method, String)> {
    let parts: Vec<_> =
        path.strip_prefix(api::PREFIX)?.trim_start_matches('/').trim_end_matches('/').split('/').collect();
    let (method, meant) = match (method.as_str(), parts.as_slice()) {
        ("POST", ["backfills", id, verb @ ("pause" | "unpause" | "cancel")]) => {
            (Method::PUT, format!("backfills/{id}/{verb}"))
        }
        ("DELETE", ["assets", "dags", dag, "queuedEvents"]) => {
            (Method::DELETE, format!("dags/{dag}/assets/queuedEvents"))
        }
        ("DELETE", ["assets", "dags", dag, "assets", asset, "queuedEvents"]) => {
            (Method::DELETE, format!("dags/{dag}/assets/{asset}/queuedEvents"))
        }
        ("DELETE", ["assets", asset, "queuedEvents"]) if path.ends_with('/') => {
            (Method::DELETE, format!("assets/{asset}/queuedEvents"))
        }
        _ => return None,
    };
    Some((method, format!("{}/{meant}", api::PREFIX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(method: &Method, path: &str) -> Option<String> {
        meant(method, path).map(|(method, path)| format!("{method} {path}"))
    }

    #[test]
    fn what_airflowctl_sends_is_what_it_means() {
        let means = |method, given: &str, expected: &str| assert_eq!(path(&method, given).as_deref(), Some(expected));
        means(Method::POST, "/api/v2/backfills/7/cancel", "PUT /api/v2/backfills/7/cancel");
        means(Method::DELETE, "/api/v2/assets/3/queuedEvents/", "DELETE /api/v2/assets/3/queuedEvents");
        means(
            Method::DELETE,
            "/api/v2/assets/dags/a%2Fb/queuedEvents",
            "DELETE /api/v2/dags/a%2Fb/assets/queuedEvents",
        );
        let one = "/api/v2/assets/dags/a/assets/3/queuedEvents/";
        means(Method::DELETE, one, "DELETE /api/v2/dags/a/assets/3/queuedEvents");
    }

    #[test]
    fn what_exists_stays_as_it_is() {
        assert_eq!(path(&Method::PUT, "/api/v2/backfills/7/cancel"), None);
        assert_eq!(path(&Method::DELETE, "/api/v2/assets/3/queuedEvents"), None);
        assert_eq!(path(&Method::GET, "/api/v2/assets/dags/a/queuedEvents"), None);
        assert_eq!(path(&Method::POST, "/backfills/7/cancel"), None);
    }
}
