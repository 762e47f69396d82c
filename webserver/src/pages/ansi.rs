//! Lines of a log as HTML: ANSI colours become classes, every other escape sequence goes.

use super::format::escape;

/// One line's text as HTML.
pub(super) fn to_html(line: &str) -> String {
    let mut html = String::with_capacity(line.len() + 16);
    let mut rest = line;
    let mut is_open = false;
    while let Some(at) = rest.find('\u{1b}') {
        html.push_str(&escape(&rest[..at]));
        let (sequence, after) = split_sequence(&rest[at + 1..]);
        if let Some(codes) = sequence.strip_prefix('[').and_then(|body| body.strip_suffix('m')) {
            if std::mem::take(&mut is_open) {
                html.push_str("</span>");
            }
            let classes = classes(codes);
            if !classes.is_empty() {
                html.push_str("<span class=\"");
                html.push_str(&classes);
                html.push_str("\">");
                is_open = true;
            }
        }
        rest = after;
    }
    html.push_str(&escape(rest));
    if is_open {
        html.push_str("</span>");
    }
    html
}

/// An escape sequence without its ESC, and what follows it.
fn split_sequence(text: &str) -> (&str, &str) {
    if !text.starts_with('[') {
        let length = text.chars().next().map_or(0, char::len_utf8);
        return text.split_at(length);
    }
    let end = text[1..].find(|c: char| ('\u{40}'..='\u{7e}').contains(&c)).map_or(text.len(), |at| at + 2);
    text.split_at(end)
}

fn classes(codes: &str) -> String {
    let known = |code: &u32| matches!(code, 1 | 3 | 4 | 30..=37);
    let codes = codes.split(';').filter_map(|code| code.parse::<u32>().ok());
    let shown = codes.map(|code| if (90..=97).contains(&code) { code - 60 } else { code }).filter(known);
    shown.map(|code| format!("a{code}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn colours_become_classes_and_markup_is_escaped() {
        assert_eq!(to_html("\u{1b}[1;31mbad\u{1b}[0m <ok>"), "<span class=\"a1 a31\">bad</span> &lt;ok&gt;");
    }

    #[test]
    fn other_sequences_and_a_cut_one_disappear() {
        assert_eq!(to_html("a\u{1b}[2Kb\u{1b}[3"), "ab");
        assert_eq!(to_html("\u{1b}성공 🎉"), "공 🎉");
    }
}
