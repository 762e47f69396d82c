//! docs/configuration.md, as far as it lists the keys: written from the table, and a test keeps the file true.

#[cfg(test)]
use std::fmt::Write;

/// The part of docs/configuration.md between its marks.
#[cfg(test)]
pub(super) fn keys_as_markdown() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in super::key::KEYS {
        let this = key.name.split('.').next().unwrap_or_default();
        if this != section {
            let _ = write!(text, "\n### [{this}]\n\n| key | takes | default | |\n| --- | --- | --- | --- |\n");
            section = this;
        }
        let default = key.default.map_or_else(|| "none".to_owned(), |default| format!("`{default}`"));
        let short =
            key.short_variable.map(|variable| format!(" In the environment also `{variable}`.")).unwrap_or_default();
        let secret = if key.is_secret { " A secret: never shown." } else { "" };
        let _ = writeln!(text, "| `{}` | {} | {default} | {}{short}{secret} |", key.name, key.takes, key.doc);
    }
    text
}
