//! From text to a tree, within budgets that no honest file meets.

use serde_saphyr::{Error, Options};

use super::node::{Node, Place};
use super::problems::Problems;

/// A DAG file is written by a person or a small program; a greater one is a mistake.
const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Nesting beyond this is not a DAG.
const MAX_DEPTH: usize = 64;

/// Reads one YAML document. Nothing when it is not readable as YAML; the problem says why.
pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let size = text.len() / (1024 * 1024);
        problems.error(Place::default(), format!("the file has {size} MiB; a DAG file may have 10 MiB"));
        return None;
    }
    if let Some(root) = super::events::read(text, MAX_DEPTH, nodes(text.len())) {
        return Some(root);
    }
    match serde_saphyr::from_str_with_options(text, options(text.len())) {
        Ok(root) => Some(root),
        Err(error) => {
            let at = error.location().map_or_else(Place::default, Place::from);
            problems.error(at, friendly(&error));
            None
        }
    }
}

/// A file's own text allows about one node per two bytes; aliases may add as much again and 50,000 nodes.
const fn nodes(bytes: usize) -> usize {
    50_000 + bytes
}

/// How text of this length is read.
pub(super) fn options(bytes: usize) -> Options {
    let nodes = nodes(bytes);
    serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: nodes,
            max_events: 2 * nodes,
            max_documents: 1,
            max_total_scalar_bytes: 4 * MAX_BYTES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: nodes },
    }
}

/// The parser's message in one lowercase sentence.
fn friendly(error: &Error) -> String {
    let text = error.without_snippet().to_string();
    let lowered = text.to_ascii_lowercase();
    if lowered.contains("documents") {
        return "a DAG file is one YAML document; here a second one starts".to_owned();
    }
    if let Some((_, key)) = text.split_once("duplicate mapping key: ") {
        let key = key.split(", set ").next().unwrap_or(key);
        return format!("the key `{key}` is given twice");
    }
    if lowered.contains("alias replay") || lowered.contains("budget") {
        return format!("the file expands to more than a DAG file may hold ({})", text.trim_end_matches('.'));
    }
    let first = text.lines().next().unwrap_or_default().trim_end_matches('.');
    // The place is shown beside the message.
    let message = first.split(" at line ").next().unwrap_or(first);
    format!("cannot be read as YAML: {message}")
}
