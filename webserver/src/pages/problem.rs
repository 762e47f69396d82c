//! What is shown instead of a page.

use askama::Template;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::Shell;

/// A refusal in plain text is read up to here.
const LONGEST: usize = 4_096;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    shell: Shell,
    status: u16,
    title: String,
    detail: String,
    /// The script looks whether the page is there by now.
    is_tried_again: bool,
}

/// A page that says what went wrong. Loads nothing: the database may be what is wrong.
pub(super) fn render(status: StatusCode, title: String, detail: String) -> Response {
    respond(status, title, detail, false)
}

/// A page that cannot be loaded without the database, and is tried again until it can.
pub(super) fn unavailable() -> Response {
    let detail = "The database does not answer. This page is tried again every few seconds.".to_owned();
    respond(StatusCode::SERVICE_UNAVAILABLE, "Not available right now".to_owned(), detail, true)
}

fn respond(status: StatusCode, title: String, detail: String, is_tried_again: bool) -> Response {
    let plain = format!("{title}: {detail}");
    let page = ProblemPage { shell: Shell::default(), status: status.as_u16(), title, detail, is_tried_again };
    (status, Html(page.render().unwrap_or(plain))).into_response()
}

/// No page has this address.
pub(super) async fn unknown() -> Response {
    let detail = "The address may have been typed wrong, or be of another version of flowctl.".to_owned();
    render(StatusCode::NOT_FOUND, "There is no such page".to_owned(), detail)
}

/// Makes a page of a refusal that the framework wrote in plain text, such as a number in the address that is none.
pub(super) async fn dress(response: Response) -> Response {
    let is_plain =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    let detail = String::from_utf8_lossy(&text).into_owned();
    let title = status.canonical_reason().unwrap_or("Not done").to_owned();
    let dressed = render(status, title, if detail.is_empty() { "The request was refused.".to_owned() } else { detail });
    let (dressed_parts, html) = dressed.into_parts();
    let mut parts = parts;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(dressed_parts.headers);
    Response::from_parts(parts, Body::new(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_refusal_in_plain_text_becomes_a_page_with_its_words_escaped() {
        let dressed = dress((StatusCode::BAD_REQUEST, "offset: <nonsense>").into_response()).await;
        assert_eq!(dressed.status(), StatusCode::BAD_REQUEST);
        assert_eq!(dressed.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let html = text(dressed).await;
        assert!(html.contains("<!doctype html>") && html.contains("offset: &#60;nonsense&#62;"), "{html}");
    }

    #[tokio::test]
    async fn what_succeeded_and_what_is_a_page_already_stay_as_they_are() {
        assert_eq!(text(dress("log".into_response()).await).await, "log");
        let page = (StatusCode::NOT_FOUND, Html("<p>mine</p>")).into_response();
        assert_eq!(text(dress(page).await).await, "<p>mine</p>");
    }
}
