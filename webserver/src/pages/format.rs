//! How states, instants, durations and ids are written on pages.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// A state with its colour, a sign for those who do not see colours, and its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State(pub(super) String);

/// The sign of a state, beside its colour.
pub(super) fn glyph(state: &str) -> &'static str {
    match state {
        "success" => "✓",
        "failed" | "lost" | "cancelled" => "✕",
        "running" => "▸",
        "upstream_failed" => "↥",
        "skipped" => "»",
        "up_for_retry" | "restarting" => "↻",
        "queued" | "scheduled" => "…",
        _ => "·",
    }
}

/// A state in words.
pub(super) fn words(state: &str) -> String {
    if state == "none" { "no status".to_owned() } else { state.replace('_', " ") }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(word) = self;
        let sign = glyph(word);
        write!(
            f,
            "<span class=\"badge\"><span class=\"glyph s-{word}\" aria-hidden=\"true\">{sign}</span>{}</span>",
            words(word)
        )
    }
}

/// An instant: told relative to now, absolute on hover (the script keeps it current).
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = absolute(self.0);
        write!(f, "<time data-relative datetime=\"{}\" title=\"{text}\">{text}</time>", self.0)
    }
}

/// `2026-01-31 07:00:00Z`.
pub(super) fn absolute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long something took, or has been taking (then the script counts on). HTML.
pub(super) fn duration(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> String {
    match (start, end) {
        (Some(start), Some(end)) => escape(&span(end.duration_since(start))),
        (Some(start), None) => {
            format!("<span data-since=\"{start}\">{}</span>", escape(&span(now.duration_since(start))))
        }
        (None, _) => "–".to_owned(),
    }
}

/// `<1 ms`, `120ms`, `4.2s`, `3m 07s`, `2h 05m`, `3d 4h`. Text: to be escaped.
pub(super) fn span(length: SignedDuration) -> String {
    let length = length.max(SignedDuration::ZERO);
    let (millis, seconds) = (length.as_millis(), length.as_secs());
    match seconds {
        0 if millis == 0 => "<1 ms".to_owned(),
        0 => format!("{millis}ms"),
        1..60 => format!("{seconds}.{}s", (millis % 1000) / 100),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A length that somebody set: nothing is measured, so none is none.
pub(super) fn setting(length: SignedDuration) -> String {
    if length.is_zero() { "0s".to_owned() } else { span(length) }
}

/// Text as one segment of a path, or one value of a query.
pub(super) fn segment(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Path of a DAG's page.
pub(super) fn dag_href(dag_id: &str) -> String {
    format!("/dags/{}", segment(dag_id))
}

/// Path of a run's page.
pub(super) fn run_href(dag_id: &str, run_id: &str) -> String {
    format!("/dags/{}/runs/{}", segment(dag_id), segment(run_id))
}

/// Path of a task instance's page.
pub(super) fn task_href(dag_id: &str, run_id: &str, task_id: &str, map_index: i32) -> String {
    let path = format!("{}/tasks/{}", run_href(dag_id, run_id), segment(task_id));
    if map_index < 0 { path } else { format!("{path}?map_index={map_index}") }
}

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Markdown as HTML. Raw HTML becomes text, and links lead to web pages only.
pub(super) fn markdown(text: &str) -> String {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let safe = |url: &str| ["http://", "https://", "mailto:", "/", "#"].iter().any(|start| url.starts_with(start));
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(text, options).filter_map(move |event| match event {
        Event::Html(_) | Event::InlineHtml(_) => None,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if safe(&dest_url) { dest_url } else { "#".into() };
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        other => Some(other),
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    html
}

/// A name and a value.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Makes a fact.
pub(super) fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_two_units() {
        let told: Vec<_> =
            [0, 120, 4_200, 187_000, 7_500_000, 273_600_000].map(|ms| span(SignedDuration::from_millis(ms))).into();
        assert_eq!(told, ["<1 ms", "120ms", "4.2s", "3m 07s", "2h 05m", "3d 4h"]);
    }

    #[test]
    fn a_run_id_survives_being_part_of_a_path() {
        assert_eq!(segment("scheduled__2026-01-01T00:00:00+00:00"), "scheduled__2026-01-01T00%3A00%3A00%2B00%3A00");
        assert_eq!(segment("성"), "%EC%84%B1");
    }

    #[test]
    fn markdown_keeps_text_and_drops_html_and_script_links() {
        let html = markdown("# T\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b>bold</b>");
        assert!(html.contains("<h1>T</h1>") && !html.contains("<script") && !html.contains("javascript:"));
        assert!(!html.contains("<b>"));
    }
}
