//! Reading logs of attempts: whole lines from an offset, while the file grows.

use std::path::Path;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// At most so many bytes of a log are read for one answer.
pub(crate) const WINDOW: u64 = 512 * 1024;

/// One line as the worker writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Line {
    /// When it was read from the process.
    #[serde(default)]
    pub(crate) ts: String,
    /// stdout, stderr or flowctl.
    #[serde(default)]
    pub(crate) stream: String,
    /// The text.
    #[serde(default, rename = "line")]
    pub(crate) text: String,
}

/// Part of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) lines: Vec<Line>,
    /// Where the next one starts.
    pub(crate) next_offset: u64,
    /// The beginning was left out.
    pub(crate) is_cut: bool,
    /// Nothing followed when it was read, but for a line that was still being written.
    pub(crate) is_end: bool,
}

/// Removes a folder of logs whose runs are deleted. It is moved out of the way first, because runs of the same names may
/// come at once and write theirs.
pub(crate) async fn remove(folder: &Path, unique: i64) {
    let Some(parent) = folder.parent() else { return };
    let doomed = parent.join(format!(".deleted-{unique}"));
    let removed = match tokio::fs::rename(folder, &doomed).await {
        Ok(()) => tokio::fs::remove_dir_all(&doomed).await,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, folder = %folder.display(), "the logs of what was deleted could not be removed");
    }
}

/// Reads whole lines from `offset` (none: the end of the file). A file that does not exist yet is empty: a silent
/// attempt makes none.
pub(crate) async fn read(path: &Path, offset: Option<u64>) -> std::io::Result<Chunk> {
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Chunk { next_offset: offset.unwrap_or(0), is_end: true, ..Chunk::default() });
        }
        Err(problem) => return Err(problem),
    };
    let length = file.metadata().await?.len();
    let start = offset.unwrap_or_else(|| length.saturating_sub(WINDOW)).min(length);
    let is_cut = offset.is_none() && start > 0;
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes).await?;
    let is_end = (bytes.len() as u64) < WINDOW;
    let (lines, used) = parse(&bytes, is_cut);
    Ok(Chunk { lines, next_offset: start + used, is_cut, is_end })
}

/// Whole lines, and how many bytes they were. A line still being written waits for its end, unless it fills the
/// window: then it is passed over, or following would stop there for ever.
fn parse(bytes: &[u8], starts_within_line: bool) -> (Vec<Line>, u64) {
    let end = match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => last + 1,
        None if bytes.len() as u64 >= WINDOW => bytes.len(),
        None => 0,
    };
    let lines = bytes[..end].split(|&byte| byte == b'\n').skip(usize::from(starts_within_line));
    let line = |raw: &[u8]| {
        serde_json::from_slice(raw).unwrap_or_else(|_| Line {
            ts: String::new(),
            stream: String::new(),
            text: String::from_utf8_lossy(raw).into_owned(),
        })
    };
    (lines.filter(|raw| !raw.is_empty()).map(line).collect(), end as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_being_written_waits_for_its_end() {
        let whole = b"{\"ts\":\"t\",\"stream\":\"stderr\",\"line\":\"<a>\"}\n";
        let mut bytes = whole.to_vec();
        bytes.extend_from_slice(b"{\"ts\":\"t\",\"str");
        let (lines, used) = parse(&bytes, false);
        assert_eq!(used, whole.len() as u64);
        assert_eq!(lines, [Line { ts: "t".to_owned(), stream: "stderr".to_owned(), text: "<a>".to_owned() }]);
    }

    #[tokio::test]
    async fn following_goes_on_where_the_last_answer_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("attempt=1.log");
        assert!(read(&path, None).await.expect("missing is empty").lines.is_empty());
        std::fs::write(&path, "{\"line\":\"one\"}\n").expect("written");
        let first = read(&path, None).await.expect("read");
        std::fs::write(&path, "{\"line\":\"one\"}\n{\"line\":\"two\"}\n").expect("written");
        let second = read(&path, Some(first.next_offset)).await.expect("read");
        assert_eq!((first.lines[0].text.as_str(), second.lines[0].text.as_str()), ("one", "two"));
        assert_eq!(second.lines.len(), 1);
    }
}
