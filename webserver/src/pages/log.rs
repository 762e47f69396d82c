//! Logs of attempts: the end of a file as HTML, what was appended since an offset, or the whole file as text.

use std::fmt::Write;
use std::path::{Path as FilePath, PathBuf};

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::format::escape;
use super::{Pages, ansi};

/// At most so many bytes of a log are read for one answer; a page shows the end first.
const WINDOW: u64 = 512 * 1024;

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

/// One line as the worker writes it.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    ts: String,
    #[serde(default)]
    stream: String,
    #[serde(default, rename = "line")]
    text: String,
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

/// The file of an attempt's log; none when an id would lead out of the folder.
pub(super) fn path(home: &FilePath, ids: (&str, &str, &str), map_index: i32, try_number: u32) -> Option<PathBuf> {
    let (dag_id, run_id, task_id) = ids;
    let is_plain = |id: &str| !id.is_empty() && !id.contains(['/', '\\', '\0']) && id != "." && id != "..";
    if ![dag_id, run_id, task_id].into_iter().all(is_plain) {
        return None;
    }
    let mut path = home.join("logs");
    path.push(format!("dag_id={dag_id}"));
    path.push(format!("run_id={run_id}"));
    path.push(format!("task_id={task_id}"));
    if map_index >= 0 {
        path.push(format!("map_index={map_index}"));
    }
    path.push(format!("attempt={try_number}.log"));
    Some(path)
}

/// Reads whole lines from `offset` (none: the end of the file). A file that does not exist yet is empty.
pub(super) async fn read(path: &FilePath, offset: Option<u64>) -> std::io::Result<Chunk> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return Ok(Chunk::default()),
        Err(problem) => return Err(problem),
    };
    let length = file.metadata().await?.len();
    let start = offset.unwrap_or_else(|| length.saturating_sub(WINDOW)).min(length);
    let is_cut = offset.is_none() && start > 0;
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes).await?;
    let (html, used) = render(&bytes, is_cut);
    Ok(Chunk { html, next_offset: start + used, is_cut })
}

/// Whole lines as HTML, and how many bytes they were. A line still being written waits for its end, unless it fills
/// the window: then it is passed over, or following would stop there for ever.
fn render(bytes: &[u8], starts_within_line: bool) -> (String, u64) {
    let end = match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => last + 1,
        None if bytes.len() as u64 >= WINDOW => bytes.len(),
        None => 0,
    };
    let lines = bytes[..end].split(|&byte| byte == b'\n').skip(usize::from(starts_within_line));
    let mut html = String::new();
    for raw in lines.filter(|raw| !raw.is_empty()) {
        let text = String::from_utf8_lossy(raw);
        let line: Line = serde_json::from_str(&text).unwrap_or_else(|_| Line {
            ts: String::new(),
            stream: String::new(),
            text: text.clone().into_owned(),
        });
        let stream = if matches!(line.stream.as_str(), "stderr" | "flowctl") { line.stream.as_str() } else { "stdout" };
        let (time, text) = (escape(&line.ts), ansi::to_html(&line.text));
        let _ = write!(html, "<div class=\"{stream}\"><time>{time}</time><span class=\"t\">{text}</span></div>");
    }
    (html, end as u64)
}

/// What the page's script asks for while it follows, and the download.
pub(super) async fn show(
    State(pages): State<Pages>,
    Path((dag_id, run_id, task_id)): Path<(String, String, String)>,
    Query(query): Query<LogQuery>,
) -> Response {
    let Some(path) = path(&pages.home, (&dag_id, &run_id, &task_id), query.map_index, query.try_number) else {
        return StatusCode::NOT_FOUND.into_response();
    };
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
    fn a_line_being_written_waits_for_its_end() {
        let whole = b"{\"ts\":\"t\",\"stream\":\"stderr\",\"line\":\"<a>\"}\n";
        let mut bytes = whole.to_vec();
        bytes.extend_from_slice(b"{\"ts\":\"t\",\"str");
        let (html, used) = render(&bytes, false);
        assert_eq!(used, whole.len() as u64);
        assert_eq!(html, "<div class=\"stderr\"><time>t</time><span class=\"t\">&lt;a&gt;</span></div>");
    }

    #[test]
    fn ids_cannot_lead_out_of_the_log_folder() {
        let home = FilePath::new("/h");
        assert!(path(home, ("..", "r", "t"), -1, 1).is_none() && path(home, ("d", "a/../b", "t"), -1, 1).is_none());
        let expected = PathBuf::from("/h/logs/dag_id=d/run_id=r/task_id=t/map_index=2/attempt=1.log");
        assert_eq!(path(home, ("d", "r", "t"), 2, 1), Some(expected));
    }

    #[tokio::test]
    async fn following_goes_on_where_the_last_answer_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("attempt=1.log");
        assert_eq!(read(&path, None).await.expect("missing is empty"), Chunk::default());
        std::fs::write(&path, "{\"line\":\"one\"}\n").expect("written");
        let first = read(&path, None).await.expect("read");
        std::fs::write(&path, "{\"line\":\"one\"}\n{\"line\":\"two\"}\n").expect("written");
        let second = read(&path, Some(first.next_offset)).await.expect("read");
        assert!(first.html.contains("one") && second.html.contains("two") && !second.html.contains("one"));
    }
}
