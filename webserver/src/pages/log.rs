//! Logs of attempts: the end of a file as HTML, what was appended since an offset, or the whole file as text.

use std::fmt::Write;
use std::path::Path as FilePath;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::log_path::log_path;
use serde::Deserialize;

use super::format::escape;
use super::{Pages, ansi};
use crate::log::{self, Line};

/// Which log, from where.
#[derive(Deserialize)]
pub(super) struct LogQuery {
    #[serde(rename = "try", default)]
    try_number: u32,
    #[serde(default = "unmapped")]
    map_index: i32,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    download: u8,
}

const fn unmapped() -> i32 {
    -1
}

/// Part of a log as HTML.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) html: String,
    /// Where the next one starts.
    pub(super) next_offset: u64,
    /// The beginning was left out.
    pub(super) is_cut: bool,
}

/// Reads whole lines from `offset` (none: the end of the file). A file that does not exist yet is empty.
pub(super) async fn read(path: &FilePath, offset: Option<u64>) -> std::io::Result<Chunk> {
    let chunk = log::read(path, offset).await?;
    Ok(Chunk { html: render(&chunk.lines), next_offset: chunk.next_offset, is_cut: chunk.is_cut })
}

fn render(lines: &[Line]) -> String {
    let mut html = String::new();
    for line in lines {
        let stream = if matches!(line.stream.as_str(), "stderr" | "flowctl") { line.stream.as_str() } else { "stdout" };
        let (time, text) = (escape(&line.ts), ansi::to_html(&line.text));
        let _ = write!(html, "<div class=\"{stream}\"><time>{time}</time><span class=\"t\">{text}</span></div>");
    }
    html
}

/// What the page's script asks for while it follows, and the download.
pub(super) async fn show(
    State(pages): State<Pages>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<LogQuery>,
) -> Response {
    let path = log_path(&pages.home, &dag_id, &run_id, &task_id, query.map_index, query.try_number);
    if query.download != 0 {
        return download(&path, query.try_number).await;
    }
    match read(&path, Some(query.offset)).await {
        Ok(chunk) => {
            let headers = [
                ("x-next-offset", chunk.next_offset.to_string()),
                ("cache-control", "no-store".to_owned()),
                ("content-type", "text/html; charset=utf-8".to_owned()),
            ];
            (headers, chunk.html).into_response()
        }
        Err(problem) => unreadable(&path, &problem),
    }
}

async fn download(path: &FilePath, try_number: u32) -> Response {
    match tokio::fs::File::open(path).await {
        Ok(file) => {
            let body = axum::body::Body::from_stream(tokio_util::io::ReaderStream::new(file));
            let name = format!("attachment; filename=\"attempt={try_number}.log\"");
            let kind = "application/x-ndjson".to_owned();
            ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], body).into_response()
        }
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => StatusCode::NOT_FOUND.into_response(),
        Err(problem) => unreadable(path, &problem),
    }
}

fn unreadable(path: &FilePath, problem: &std::io::Error) -> Response {
    tracing::error!(error = %problem, "the log {} cannot be read", path.display());
    (StatusCode::INTERNAL_SERVER_ERROR, "the log cannot be read").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_html_with_their_stream() {
        let line = Line { ts: "t".to_owned(), stream: "stderr".to_owned(), text: "<a>".to_owned() };
        let expected = "<div class=\"stderr\"><time>t</time><span class=\"t\">&lt;a&gt;</span></div>";
        assert_eq!(render(&[line]), expected);
    }
}
