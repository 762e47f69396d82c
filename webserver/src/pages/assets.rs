//! Style sheet, script and icon, baked into the binary.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// One asset; unchanged ones cost a 304.
pub(super) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (kind, body) = match name.as_str() {
        "app.css" => ("text/css; charset=utf-8", include_str!("../../assets/app.css")),
        "app.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/app.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../../assets/icon.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let digest = Sha256::digest(body.as_bytes());
    let tag = format!("\"{:016x}\"", u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8])));
    let caching =
        [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "public, max-age=0, must-revalidate".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, kind)], body).into_response()
}
