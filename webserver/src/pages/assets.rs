//! Style sheet, scripts and icon, baked into the binary.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and content of each.
const ASSETS: [(&str, &str, &str); 9] = [
    ("app.css", CSS, include_str!("../../assets/app.css")),
    ("app.js", SCRIPT, include_str!("../../assets/app.js")),
    ("graph.js", SCRIPT, include_str!("../../assets/graph.js")),
    ("live.js", SCRIPT, include_str!("../../assets/live.js")),
    ("log.js", SCRIPT, include_str!("../../assets/log.js")),
    ("morph.js", SCRIPT, include_str!("../../assets/morph.js")),
    ("theme.js", SCRIPT, include_str!("../../assets/theme.js")),
    ("times.js", SCRIPT, include_str!("../../assets/times.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

/// One asset; unchanged ones cost a 304.
pub(super) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((_, kind, body)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let digest = Sha256::digest(body.as_bytes());
    let tag = format!("\"{:016x}\"", u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8])));
    let caching =
        [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "public, max-age=0, must-revalidate".to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, *kind)], *body).into_response()
}
