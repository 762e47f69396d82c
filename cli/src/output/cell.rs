//! Values with a colour, and the colours and signs of states.

use anstyle::{AnsiColor, Style};

use super::table::Target;

/// A value with a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(super) text: String,
    pub(super) color: Option<AnsiColor>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), color: None }
    }
}

impl Cell {
    /// A text in the colour of a state.
    pub(crate) fn state(state: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), color: color(state) }
    }
}

/// The colour of a state, a run's, a task instance's or a part's of the deployment.
pub(crate) fn color(state: &str) -> Option<AnsiColor> {
    match state {
        "success" | "healthy" => Some(AnsiColor::Green),
        "failed" | "upstream_failed" | "unhealthy" | "lost" | "cancelled" => Some(AnsiColor::Red),
        "running" | "restarting" => Some(AnsiColor::Cyan),
        "up_for_retry" | "up_for_reschedule" | "paused" => Some(AnsiColor::Yellow),
        "skipped" => Some(AnsiColor::Magenta),
        _ => None,
    }
}

/// A text in the colour of a state.
pub(crate) fn paint(state: &str, text: &str, target: Target) -> String {
    let style = Style::new().fg_color(color(state).filter(|_| target.is_colored()).map(Into::into));
    format!("{style}{text}{style:#}")
}

/// The sign of a state, for those who do not see colours.
pub(crate) fn glyph(state: &str) -> &'static str {
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
